import type { StreamManyParams, StreamParams } from "./chats.js";
import { type Source } from "./connection.js";
import type { Client } from "./generated/client/index.js";
import type { ChangeEvent, GoneEvent, ReadyEvent, ResetEvent } from "./generated/index.js";
/**
 * What a stream tells, to `switch` over by `event`. `cursor` is where to go on after it: for one
 * chat a revision, for many a text.
 */
export type StreamedEvent<Cursor = number | string> = (ReadyEvent | ChangeEvent | ResetEvent | GoneEvent) & {
    cursor: Cursor;
};
/** How to stream. */
export interface StreamOptions {
    /**
     * How long a connection may be silent, in milliseconds, before another is made; 45 000 unless
     * told otherwise. The service sends something every 15 seconds.
     */
    timeout?: number;
    /** Ends the stream when aborted. */
    signal?: AbortSignal;
}
/** Yields what happens in a chat, or in many, as `Chats.stream` says. */
export declare function streamed(client: Client, followed: StreamParams | StreamManyParams, { timeout, signal }: StreamOptions): AsyncGenerator<StreamedEvent, void, undefined>;
/** Returns the source that is one chat, after a revision or from now. */
export declare function oneChat({ chat_id, since }: StreamParams): Source;
