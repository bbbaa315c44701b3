import type { Client } from "./client.js";
import { connect, type Source } from "./connection.js";
import type {
  ChangeEvent,
  GoneEvent,
  LiveEvent,
  ReadyEvent,
  ResetEvent,
} from "./generated/index.js";
import { ApiProblem } from "./problem.js";
import { delayAfter, pause } from "./retry.js";
import { cameOfAsking } from "./token.js";

/**
 * What a stream tells, to `switch` over by `event`. `cursor` is where to go on after it: for one
 * chat a revision, for many a text.
 */
export type StreamedEvent<Cursor = number | string> = (
  | ReadyEvent
  | ChangeEvent
  | ResetEvent
  | GoneEvent
) & { cursor: Cursor };

/**
 * The chats to follow, 1–100: ids, from now, or pairs of an id and the revision to go on from, as a
 * `Map` has them; or the `cursor` of an earlier stream.
 */
export type Chats = string | Iterable<number | readonly [chatId: number, since: number]>;

/** How to follow. */
export interface StreamOptions {
  /**
   * How long a connection may be silent, in milliseconds, before another is made; 45 000 unless
   * told otherwise. The service sends something every 15 seconds.
   */
  timeout?: number;
  /** Ends the stream when aborted. */
  signal?: AbortSignal;
}

// Refusals that pass: too slow, too early, too often.
const PASSING = new Set([408, 425, 429]);

/**
 * Yields what happens in a chat, while it happens: `ready` when the stream begins, `change` for a
 * message that was sent, edited or (without a `message`) deleted, `reset` when the chat is at a
 * lower revision than you, as after a restore: read it anew; `gone` when there is no such chat (any
 * more), and that is the end. It begins after the revision `since` or else now. Of a message that
 * changes often, only the latest change may come.
 *
 * It goes on for ever: after a connection that fails, and whatever passes, it makes another, where
 * the last one ended. Nothing is missed, nothing comes twice. Leaving the loop closes it.
 *
 * @throws {@link ApiProblem} when the service refuses and will again; the reason of `signal` when
 * aborted.
 */
export function streamChanges(
  client: Client,
  chatId: number,
  options?: StreamOptions & { since?: number },
): AsyncGenerator<StreamedEvent<number>, void, undefined>;
/** The same for many chats at once: it goes on until all are gone. */
export function streamChanges(
  client: Client,
  chats: Chats,
  options?: StreamOptions,
): AsyncGenerator<StreamedEvent<string>, void, undefined>;
export async function* streamChanges(
  client: Client,
  chats: number | Chats,
  { since, timeout = 45_000, signal }: StreamOptions & { since?: number } = {},
): AsyncGenerator<StreamedEvent, void, undefined> {
  const isOne = typeof chats === "number";
  const source = isOne ? oneChat(chats, since) : manyChats(chats);
  const isNews = news();
  const patience = { first: timeout, silence: timeout };
  let lastId: string | undefined;
  for (let attempt = 1; ; attempt++) {
    let failure: unknown;
    let isToComeBack = false;
    try {
      for await (const told of connect(client, source, { lastId, ...patience, signal })) {
        attempt = 1;
        for (const { event, id } of told) {
          signal?.throwIfAborted();
          lastId = id;
          if (event.event === "bye") isToComeBack = true;
          else if (isNews(event)) yield { ...event, cursor: isOne ? Number(id) : id };
          if (event.event === "gone" && (isOne || id === "")) return;
        }
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (isOne && isNoChat(error)) {
        yield { event: "gone", chat_id: chats, cursor: Number(lastId ?? since ?? 0) };
        return;
      }
      if (isFinal(error)) throw error;
      failure = error;
    }
    if (!isToComeBack) await pause(delayAfter(failure, attempt), signal);
  }
}

/** Returns the source that is one chat, after a revision or from now. */
export function oneChat(chatId: number, since?: number): Source {
  const url = "/api/v1/chats/{chat_id}/changes/stream";
  return { url, path: { chat_id: chatId }, query: { since } };
}

function manyChats(chats: Chats): Source {
  const one = (chat: number | readonly number[]) => [chat].flat().join(".");
  const written = typeof chats === "string" ? chats : [...chats].map(one).join(",");
  return { url: "/api/v1/changes/stream", query: { chats: written } };
}

/** Returns what tells whether an event says something that no earlier one has said. */
function news(): (event: Exclude<LiveEvent, { event: "bye" }>) => boolean {
  const ready = new Set<number>();
  const revisions = new Map<number, number>();
  return (event) => {
    if (event.event === "gone") return true;
    const { chat_id: chatId, revision } = event;
    if (event.event === "ready" && ready.has(chatId)) return false;
    if (event.event === "change" && revision <= (revisions.get(chatId) ?? -1)) return false;
    if (event.event === "ready") ready.add(chatId);
    revisions.set(chatId, revision);
    return true;
  };
}

function isNoChat(error: unknown): boolean {
  return error instanceof ApiProblem && error.problem.type === "/problems/chat-not-found";
}

function isFinal(error: unknown): boolean {
  if (cameOfAsking(error)) return true;
  if (!(error instanceof ApiProblem)) return false;
  const { status } = error.response;
  return status >= 400 && status < 500 && !PASSING.has(status);
}
