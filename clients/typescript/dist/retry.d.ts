/** How to call. */
export interface CallOptions {
    /** How often to try at most, 1 or more; 5 unless told otherwise. */
    attempts?: number;
    /** How long one attempt may take, in milliseconds; 10 000 unless told otherwise. */
    timeout?: number;
    /** Gives up at once when aborted. */
    signal?: AbortSignal;
}
/**
 * Returns what `request` returns, trying again after network errors, timeouts, 429, 502, 503 and
 * 504. Between two attempts it waits for what `Retry-After` asks and for at least a delay that
 * doubles from a quarter of a second, but never longer than 30 seconds.
 *
 * @throws {@link ApiError} for the last attempt; what a function for a token threw; the reason of
 * `signal`.
 */
export declare function retrying<Result>(request: (signal: AbortSignal) => Promise<Result>, { attempts, timeout, signal }?: CallOptions): Promise<Result>;
/** Resolves after so many milliseconds; rejects with the reason of `signal` when aborted. */
export declare function pause(milliseconds: number, signal?: AbortSignal): Promise<void>;
/** Returns how long to wait after the failure of an attempt, in milliseconds. */
export declare function delayAfter(error: unknown, attempt: number): number;
