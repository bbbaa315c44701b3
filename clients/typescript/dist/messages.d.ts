import { type Calls, type ChangeOptions, type CreateOptions, type Tagged } from "./call.js";
import type { ChatParams } from "./chats.js";
import { type BatchedMessage, type Message, type MessageCreate, type MessageUpdate } from "./generated/index.js";
import { type ListParams } from "./pages.js";
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
export declare class Messages {
    #private;
    constructor(calls: Calls);
    /**
     * Sends a message, exactly once: what is sent again has the same idempotency key. When it fails
     * without an answer, it may or may not be stored, and sending it with that key is safe.
     */
    send({ chat_id, ...body }: ChatParams & MessageCreate, { idempotencyKey, ...options }?: CreateOptions): Promise<Tagged<Message>>;
    /**
     * Sends 1–100 messages, all or none, exactly once. They have one idempotency key together or,
     * each in its own `idempotency_key`, all or some of them their own.
     */
    sendMany({ chat_id, messages: body }: ChatParams & {
        messages: BatchedMessage[];
    }, { idempotencyKey, ...options }?: CreateOptions): Promise<Message[]>;
    /** Returns a message. */
    get(path: MessageParams, options?: CallOptions): Promise<Tagged<Message>>;
    /** Changes the text or the metadata of a message, or both; returns the message. */
    edit({ chat_id, message_id, ...body }: MessageParams & MessageUpdate, change?: ChangeOptions): Promise<Tagged<Message>>;
    /** Deletes a message. */
    delete(path: MessageParams, change?: ChangeOptions): Promise<void>;
    /** Yields messages: oldest first up to those that were sent meanwhile, or newest first. */
    list({ chat_id, newest_first, before, after, limit }?: MessageListParams, options?: CallOptions): AsyncGenerator<Message, void, undefined>;
    /**
     * Returns messages of a chat, oldest first, with this one in the middle or, where it is no more,
     * those around its place: at most `limit`, 1–100, or 20.
     */
    around({ chat_id, message_id: around, limit }: MessageParams & {
        limit?: number;
    }, options?: CallOptions): Promise<Message[]>;
    /** Yields the messages that have the words, newest first. */
    search({ limit, ...query }: SearchParams, options?: CallOptions): AsyncGenerator<Message, void, undefined>;
    /**
     * Yields every message of all chats, or of one, oldest first, while the answer to a single
     * request arrives: in constant memory, however many there are. A chat that does not exist has
     * none. What fails midway is not tried again.
     */
    export(params?: {
        chat_id?: number;
    }, options?: CallOptions): AsyncGenerator<Message, void, undefined>;
}
