import type { ChangesParams } from "./chats.js";
import { connect, type Told } from "./connection.js";
import type { Client } from "./generated/client/index.js";
import { type Change, type Changes, readChanges } from "./generated/index.js";
import { type CallOptions, pause, retrying } from "./retry.js";
import { oneChat } from "./stream.js";
import { cameOfAsking } from "./token.js";

/** How to follow changes. */
export interface FollowOptions extends CallOptions {
  /**
   * With it the changes never end: the service tells of new ones by a stream. Where there is none,
   * as behind a proxy that holds it back, it is asked for them, this many milliseconds apart.
   * Unless given they end when there is nothing more right now.
   */
  wait?: number;
}

// A stream that has told nothing after so many milliseconds is held back on its way, and for how
// long no other is tried then.
const PATIENCE = { first: 3_000, silence: 45_000 };
const UNTIL_NEXT_STREAM = 300_000;

/** Yields what changed in a chat, as `Chats.changes` says. */
export async function* followChanges(
  client: Client,
  chatId: number,
  { since = 0, limit = 100 }: Omit<ChangesParams, "chat_id">,
  { wait, ...options }: FollowOptions,
): AsyncGenerator<Changes, void, undefined> {
  const { signal } = options;
  let nextStream = 0;
  for (;;) {
    const read = (signal: AbortSignal) => readNext(client, chatId, { since, limit }, signal);
    const found = await retrying(read, options);
    if (found.next_since !== since) yield found;
    since = found.next_since;
    if (found.more) continue;
    if (wait === undefined) return;
    if (performance.now() >= nextStream) {
      nextStream = performance.now() + UNTIL_NEXT_STREAM;
      try {
        const chat = oneChat({ chat_id: chatId, since });
        for await (const told of connect(client, chat, { ...PATIENCE, signal })) {
          nextStream = 0;
          for (const page of pages(told, since, limit)) {
            signal?.throwIfAborted();
            yield page;
            since = page.next_since;
          }
        }
      } catch (error) {
        signal?.throwIfAborted();
        if (cameOfAsking(error)) throw error; // What else it was, the next read tells.
      }
    }
    await pause(wait, signal);
  }
}

/** Returns the changes that are told after a revision in pages, as the service answers them. */
function pages(told: Told[], since: number, limit: number): Changes[] {
  const latest = new Map<number, Change>();
  for (const { event } of told) {
    if (event.event !== "change" || event.revision <= since) continue;
    const { event: _kind, chat_id: _chatId, ...change } = event;
    latest.delete(change.message_id); // It moves to the end.
    latest.set(change.message_id, change);
  }
  const changes = [...latest.values()];
  const found: Changes[] = [];
  for (let start = 0, end = limit; start < changes.length; start = end, end += limit) {
    const some = changes.slice(start, end);
    const next_since = some.at(-1)!.revision;
    found.push({ changes: some, next_since, more: end < changes.length });
  }
  return found;
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
