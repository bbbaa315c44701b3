import type { Client } from "./client.js";
import { listChatMessages, listMessages, type Message } from "./generated/index.js";
import { type RetryOptions, retrying } from "./retry.js";

/** Which messages, in which order. */
export interface IterateOptions extends RetryOptions {
  /** Only those of this chat; of all chats unless given. */
  chatId?: number;
  /** From the newest to the oldest; from the oldest to the newest unless true. */
  newestFirst?: boolean;
  /** How many messages to ask for at once, 1–100; 100 unless told otherwise. */
  limit?: number;
}

type Place = { after: number } | { before: number };

/**
 * Yields all messages of a chat, or of all chats, a page at a time: oldest first up to those that
 * were sent meanwhile, or newest first. What fails for a moment is asked for again.
 *
 * @throws {@link ApiProblem} when there is no such chat, or the service stays unavailable; what
 * `fetch` throws when no answer comes; the reason of `signal` when aborted.
 */
export async function* iterateMessages(
  client: Client,
  { chatId, newestFirst = false, limit = 100, ...options }: IterateOptions = {},
): AsyncGenerator<Message, void, undefined> {
  let place: Place = newestFirst ? { before: Number.MAX_SAFE_INTEGER } : { after: 0 };
  for (;;) {
    const read = (signal: AbortSignal) => readPage(client, chatId, { limit, ...place }, signal);
    const page = await retrying(read, options);
    const ordered = newestFirst ? page.reverse() : page;
    yield* ordered;
    const last = ordered.at(-1);
    if (last === undefined || page.length < limit) return;
    place = newestFirst ? { before: last.id } : { after: last.id };
  }
}

async function readPage(
  client: Client,
  chatId: number | undefined,
  query: Place & { limit: number },
  signal: AbortSignal,
): Promise<Message[]> {
  const options = { client, query, signal, throwOnError: true } as const;
  const { data } =
    chatId === undefined
      ? await listMessages(options)
      : await listChatMessages({ ...options, path: { chat_id: chatId } });
  return data;
}
