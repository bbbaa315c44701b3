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
   * How many milliseconds apart the service is asked where no stream comes through, as behind a
   * proxy that holds it back; 5 000 unless told otherwise.
   */
  poll?: number;
}

// A stream that has told nothing after so many milliseconds is held back on its way, and for how
// long no other is tried then.
const PATIENCE = { first: 3_000, silence: 45_000 };
const UNTIL_NEXT_STREAM = 300_000;

/** Yields what changed in a chat, as `Chats.changes` says; returns the revision to go on from. */
export async function* readAll(
  client: Client,
  { chat_id, since = 0, limit = 100 }: ChangesParams,
  options: CallOptions,
): AsyncGenerator<Changes, number, undefined> {
  const request = { client, path: { chat_id }, throwOnError: true } as const;
  for (;;) {
    const query = { since, limit };
    const read = (signal: AbortSignal) => readChanges({ ...request, query, signal });
    const { data } = await retrying(read, options);
    if (data.next_since !== since) yield data;
    since = data.next_since;
    if (!data.more) return since;
  }
}

/** Yields what changes in a chat, as `Chats.follow` says. */
export async function* followChanges(
  client: Client,
  { chat_id, since = 0, limit = 100 }: ChangesParams,
  { poll = 5_000, ...options }: FollowOptions,
): AsyncGenerator<Changes, void, undefined> {
  const { signal } = options;
  let nextStream = 0;
  for (;;) {
    since = yield* readAll(client, { chat_id, since, limit }, options);
    if (performance.now() >= nextStream) {
      nextStream = performance.now() + UNTIL_NEXT_STREAM;
      try {
        const chat = oneChat({ chat_id, since });
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
    await pause(poll, signal);
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
