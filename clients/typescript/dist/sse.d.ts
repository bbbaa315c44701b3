/** An event of a stream; `id` is the last one that the stream gave, here or before. */
export interface ServerSentEvent {
    type: string;
    data: string;
    id: string;
}
/** Reads a stream of Server-Sent Events (HTML Standard, section 9.2.6), however it is cut up. */
export declare class EventParser {
    #private;
    /** Takes the next bytes; returns the events that they complete, in order. */
    take(bytes: Uint8Array): ServerSentEvent[];
}
