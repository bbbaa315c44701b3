import type { ChangesParams } from "./chats.js";
import type { Client } from "./generated/client/index.js";
import { type Changes } from "./generated/index.js";
import { type CallOptions } from "./retry.js";
/** How to follow changes. */
export interface FollowOptions extends CallOptions {
    /**
     * With it the changes never end: the service tells of new ones by a stream. Where there is none,
     * as behind a proxy that holds it back, it is asked for them, this many milliseconds apart.
     * Unless given they end when there is nothing more right now.
     */
    wait?: number;
}
/** Yields what changed in a chat, as `Chats.changes` says. */
export declare function followChanges(client: Client, chatId: number, { since, limit }: Omit<ChangesParams, "chat_id">, { wait, ...options }: FollowOptions): AsyncGenerator<Changes, void, undefined>;
