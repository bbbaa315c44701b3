import type { Client } from "./client.js";
import { type Changes, readChanges } from "./generated/index.js";
import { pause, type RetryOptions, retrying } from "./retry.js";

/** From where to follow, and for how long. */
export interface FollowOptions extends RetryOptions {
  /** The revision to go on from: the `next_since` that was kept last; 0, the default, for all. */
  since?: number;
  /**
   * How long to wait, in milliseconds, before asking for what is new; then the changes never end.
   * Unless given they end when there is nothing more right now.
   */
  wait?: number;
  /** How many changes to ask for at once, 1–100; 100 unless told otherwise. */
  limit?: number;
}

/**
 * Yields what changed in a chat, in order, some changes at a time. Apply the `changes` to a copy by
 * `message_id` (without a `message` it was deleted) and keep `next_since` with it: following again
 * from there misses nothing, and the copy ends equal to the chat. `next_since` may be larger than
 * the revision of the last change. What fails for a moment is asked for again.
 *
 * @throws {@link ApiProblem} when there is no such chat (any more), or the service stays
 * unavailable; what `fetch` throws when no answer comes; the reason of `signal` when aborted.
 */
export async function* followChanges(
  client: Client,
  chatId: number,
  { since = 0, wait, limit = 100, ...options }: FollowOptions = {},
): AsyncGenerator<Changes, void, undefined> {
  for (;;) {
    const read = (signal: AbortSignal) => readNext(client, chatId, { since, limit }, signal);
    const found = await retrying(read, options);
    if (found.next_since !== since) yield found;
    since = found.next_since;
    if (found.more) continue;
    if (wait === undefined) return;
    await pause(wait, options.signal);
  }
}

async function readNext(
  client: Client,
  chatId: number,
  query: { since: number; limit: number },
  signal: AbortSignal,
): Promise<Changes> {
  const path = { chat_id: chatId };
  const { data } = await readChanges({ client, path, query, signal, throwOnError: true });
  return data;
}
