import type { Client } from "./generated/client/index.js";
import type { Message } from "./generated/index.js";
import { type CallOptions } from "./retry.js";
/** Yields every message of all chats, or of one, as `Messages.export` says. */
export declare function exportMessages(client: Client, query: {
    chat_id?: number;
}, { timeout, ...options }: CallOptions): AsyncGenerator<Message, void, undefined>;
