import type { Client } from "./generated/client/index.js";
import type { LiveEvent } from "./generated/index.js";
/** What to follow: one chat or many, as a URL of the service names them. */
export type Source = {
    url: "/api/v1/chats/{chat_id}/changes/stream";
    path: {
        chat_id: number;
    };
    query: {
        since?: number;
    };
} | {
    url: "/api/v1/changes/stream";
    query: {
        chats: string;
    };
};
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
/**
 * Yields what the service tells by one connection, those events together that arrive together,
 * until it ends. Who stops iterating closes it at once.
 *
 * @throws {@link ApiError} when the service refuses; what `fetch` throws when the connection
 * fails; a `TimeoutError` when it is silent for too long; the reason of `signal` when aborted.
 */
export declare function connect(client: Client, source: Source, { lastId, first, silence, signal }: ConnectOptions): AsyncGenerator<Told[], void, undefined>;
