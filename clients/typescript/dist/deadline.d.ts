/**
 * Ends what takes too long: its `signal` aborts when a step is late, or another signal does.
 *
 * By hand: in Node 20, what `AbortSignal.timeout` and `AbortSignal.any` make can be collected as
 * garbage while a request still waits for it, and then never ends that request.
 */
export declare class Deadline {
    #private;
    /** @throws The reason of `outer` when it is aborted already. */
    constructor(outer?: AbortSignal);
    get signal(): AbortSignal;
    /**
     * Settles as `step` does, which has to heed the signal; aborts with a `TimeoutError` when that
     * takes more milliseconds than these.
     */
    within<Result>(milliseconds: number, step: Promise<Result>): Promise<Result>;
    /** Forgets the other signal. */
    release(): void;
    /** Ends what still goes on. */
    end(): void;
    /** Returns the reader of a stream, which ends when the signal aborts. */
    reader(stream: ReadableStream<Uint8Array>): ReadableStreamDefaultReader<Uint8Array>;
}
