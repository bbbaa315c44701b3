import {
  type Call,
  type Calls,
  type ChangeOptions,
  conditional,
  type CreateOptions,
  newKey,
  type Tagged,
} from "./call.js";
import type { ChatParams } from "./chats.js";
import { exportMessages } from "./export.js";
import {
  type BatchedMessage,
  createMessage,
  createMessages,
  deleteChatMessage,
  listChatMessages,
  listMessages,
  type Message,
  type MessageCreate,
  type MessageUpdate,
  readChatMessage,
  updateChatMessage,
} from "./generated/index.js";
import { listed, type ListParams, type Page } from "./pages.js";
import type { CallOptions } from "./retry.js";

/** Names a message by its chat. */
export interface MessageParams extends ChatParams {
  message_id: number;
}

/** Which messages to list, in which order. */
export interface MessageListParams extends ListParams {
  /** Only those of this chat; of all chats unless given. */
  chat_id?: number;
  /** From the newest to the oldest; from the oldest to the newest unless true. */
  newest_first?: boolean;
  /** Only messages with lower ids. */
  before?: number;
  /** Only messages with higher ids. */
  after?: number;
}

/** What to search for. */
export interface SearchParams extends ListParams {
  /** Words: all of them, `"a phrase"`, `or`, `-not`. */
  q: string;
  /** Only in this chat; in all chats unless given. */
  chat_id?: number;
}

/** Messages, as `api.messages`. */
export class Messages {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /**
   * Sends a message, exactly once: what is sent again has the same idempotency key. When it fails
   * without an answer, it may or may not be stored, and sending it with that key is safe.
   */
  send(
    { chat_id, ...body }: ChatParams & MessageCreate,
    { idempotencyKey = newKey(), ...options }: CreateOptions = {},
  ): Promise<Tagged<Message>> {
    const path = { chat_id };
    const headers = { "Idempotency-Key": idempotencyKey };
    return this.#calls.tagged((call) => createMessage({ ...call, path, headers, body }), options);
  }

  /**
   * Sends 1–100 messages, all or none, exactly once. They have one idempotency key together or,
   * each in its own `idempotency_key`, all or some of them their own.
   */
  sendMany(
    { chat_id, messages: body }: ChatParams & { messages: BatchedMessage[] },
    { idempotencyKey, ...options }: CreateOptions = {},
  ): Promise<Message[]> {
    const path = { chat_id };
    const haveOwn = body.some((message) => message.idempotency_key !== undefined);
    const headers = { "Idempotency-Key": idempotencyKey ?? (haveOwn ? undefined : newKey()) };
    return this.#calls.data((call) => createMessages({ ...call, path, headers, body }), options);
  }

  /** Returns a message. */
  get(path: MessageParams, options: CallOptions = {}): Promise<Tagged<Message>> {
    return this.#calls.tagged((call) => readChatMessage({ ...call, path }), options);
  }

  /** Changes the text or the metadata of a message, or both; returns the message. */
  edit(
    { chat_id, message_id, ...body }: MessageParams & MessageUpdate,
    change: ChangeOptions = {},
  ): Promise<Tagged<Message>> {
    const path = { chat_id, message_id };
    const { headers, options } = conditional(change);
    const request = { path, headers, body };
    return this.#calls.tagged((call) => updateChatMessage({ ...call, ...request }), options);
  }

  /** Deletes a message. */
  async delete(path: MessageParams, change: ChangeOptions = {}): Promise<void> {
    const { headers, options } = conditional(change);
    await this.#calls.data((call) => deleteChatMessage({ ...call, path, headers }), options);
  }

  /** Yields messages: oldest first up to those that were sent meanwhile, or newest first. */
  async *list(
    { chat_id, newest_first = false, before, after, limit }: MessageListParams = {},
    options: CallOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    const { MAX_SAFE_INTEGER } = Number;
    const from = newest_first ? { before: before ?? MAX_SAFE_INTEGER } : { after: after ?? 0 };
    const read = (call: Call, query: Page) =>
      chat_id === undefined
        ? listMessages({ ...call, query })
        : listChatMessages({ ...call, path: { chat_id }, query });
    const rel = newest_first ? "prev" : "next";
    const listing = listed(this.#calls, read, { limit, from, rel }, options);
    for await (const message of listing) {
      if (message.id <= (after ?? 0) || message.id >= (before ?? MAX_SAFE_INTEGER)) return;
      yield message;
    }
  }

  /**
   * Returns messages of a chat, oldest first, with this one in the middle or, where it is no more,
   * those around its place: at most `limit`, 1–100, or 20.
   */
  around(
    { chat_id, message_id: around, limit }: MessageParams & { limit?: number },
    options: CallOptions = {},
  ): Promise<Message[]> {
    const request = { path: { chat_id }, query: { around, limit } };
    return this.#calls.data((call) => listChatMessages({ ...call, ...request }), options);
  }

  /** Yields the messages that have the words, newest first. */
  search(
    { limit, ...query }: SearchParams,
    options: CallOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    const read = (call: Call, page: Page) =>
      listMessages({ ...call, query: { ...query, ...page } });
    return listed(this.#calls, read, { limit }, options);
  }

  /**
   * Yields every message of all chats, or of one, oldest first, while the answer to a single
   * request arrives: in constant memory, however many there are. A chat that does not exist has
   * none. What fails midway is not tried again.
   */
  export(
    params: { chat_id?: number } = {},
    options: CallOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    return exportMessages(this.#calls.client, params, this.#calls.options(options));
  }
}
