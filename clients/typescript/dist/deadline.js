/**
 * Ends what takes too long: its `signal` aborts when a step is late, or another signal does.
 *
 * By hand: in Node 20, what `AbortSignal.timeout` and `AbortSignal.any` make can be collected as
 * garbage while a request still waits for it, and then never ends that request.
 */
export class Deadline {
    #controller = new AbortController();
    #outer;
    #abort = () => this.#controller.abort(this.#outer?.reason);
    /** @throws The reason of `outer` when it is aborted already. */
    constructor(outer) {
        outer?.throwIfAborted();
        this.#outer = outer;
        outer?.addEventListener("abort", this.#abort);
    }
    get signal() {
        return this.#controller.signal;
    }
    /**
     * Settles as `step` does, which has to heed the signal; aborts with a `TimeoutError` when that
     * takes more milliseconds than these.
     */
    async within(milliseconds, step) {
        const late = () => this.#controller.abort(new DOMException("Nothing came in time.", "TimeoutError"));
        const timer = setTimeout(late, milliseconds);
        try {
            const result = await step;
            this.signal.throwIfAborted();
            return result;
        }
        finally {
            clearTimeout(timer);
        }
    }
    /** Forgets the other signal. */
    release() {
        this.#outer?.removeEventListener("abort", this.#abort);
    }
    /** Ends what still goes on. */
    end() {
        this.release();
        this.#controller.abort();
    }
    /** Returns the reader of a stream, which ends when the signal aborts. */
    reader(stream) {
        const reader = stream.getReader();
        // Node 20 may forget the signal of a request once its head was answered.
        this.signal.addEventListener("abort", () => reader.cancel().catch(() => { }));
        return reader;
    }
}
