import type { ChangesParams } from "./chats.js";
import type { Client } from "./generated/client/index.js";
import { type Changes } from "./generated/index.js";
import { type CallOptions } from "./retry.js";
/** How to follow changes. */
export interface FollowOptions extends CallOptions {
    /**
     * How many milliseconds apart the service is asked where no stream comes through, as behind a
     * proxy that holds it back; 5 000 unless told otherwise.
     */
    poll?: number;
}
/** Yields what changed in a chat, as `Chats.changes` says; returns the revision to go on from. */
export declare function readAll(client: Client, { chat_id, since, limit }: ChangesParams, options: CallOptions): AsyncGenerator<Changes, number, undefined>;
/** Yields what changes in a chat, as `Chats.follow` says. */
export declare function followChanges(client: Client, { chat_id, since, limit }: ChangesParams, { poll, ...options }: FollowOptions): AsyncGenerator<Changes, void, undefined>;
