import { Deadline } from "./deadline.js";
import type { Client } from "./generated/client/index.js";
import type { LiveEvent, StreamChangesErrors } from "./generated/index.js";
import { EventParser, type ServerSentEvent } from "./sse.js";

/** What to follow: one chat or many, as a URL of the service names them. */
export type Source =
  | {
      url: "/api/v1/chats/{chat_id}/changes/stream";
      path: { chat_id: number };
      query: { since?: number };
    }
  | { url: "/api/v1/changes/stream"; query: { chats: string } };

/** How to connect. */
export interface ConnectOptions {
  /** The id of the last event of an earlier connection, to go on after it. */
  lastId?: string;
  /** How long to wait for the first events, in milliseconds. */
  first: number;
  /** How long it may be silent after them, in milliseconds; a ping is a sound. */
  silence: number;
  /** Ends the connection when aborted. */
  signal?: AbortSignal;
}

/** An event, and the id to go on after it. */
export interface Told {
  event: LiveEvent;
  id: string;
}

const KINDS: ReadonlySet<string> = new Set<LiveEvent["event"]>([
  "ready",
  "change",
  "reset",
  "gone",
  "bye",
]);

/**
 * Yields what the service tells by one connection, those events together that arrive together,
 * until it ends. Who stops iterating closes it at once.
 *
 * @throws {@link ApiError} when the service refuses; what `fetch` throws when the connection
 * fails; a `TimeoutError` when it is silent for too long; the reason of `signal` when aborted.
 */
export async function* connect(
  client: Client,
  source: Source,
  { lastId, first, silence, signal }: ConnectOptions,
): AsyncGenerator<Told[], void, undefined> {
  const deadline = new Deadline(signal);
  let patience = first;
  try {
    const opening = open(client, source, lastId, deadline.signal);
    const reader = deadline.reader(await deadline.within(patience, opening));
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await deadline.within(patience, reader.read());
      if (done) return;
      const told = parser.take(value).filter(({ type }) => KINDS.has(type)).map(read);
      if (told.length === 0) continue;
      patience = silence;
      yield told;
      if (told.at(-1)?.event.event === "bye") return;
    }
  } finally {
    deadline.end();
  }
}

async function open(
  client: Client,
  source: Source,
  lastId: string | undefined,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const { data } = await client.get<{ 200: ReadableStream }, StreamChangesErrors, true>({
    ...source,
    headers: { Accept: "text/event-stream", "Last-Event-ID": lastId || undefined },
    // A browser's cache would have others who ask the same wait until this answer ends.
    cache: "no-store",
    parseAs: "stream",
    signal,
    throwOnError: true,
  });
  return data;
}

function read({ data, id }: ServerSentEvent): Told {
  return { event: JSON.parse(data) as LiveEvent, id };
}
