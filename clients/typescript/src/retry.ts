import { Deadline } from "./deadline.js";
import { ApiError, failureOf } from "./errors.js";

/** How to call. */
export interface CallOptions {
  /** How often to try at most, 1 or more; 5 unless told otherwise. */
  attempts?: number;
  /** How long one attempt may take, in milliseconds; 10 000 unless told otherwise. */
  timeout?: number;
  /** Gives up at once when aborted. */
  signal?: AbortSignal;
}

// What the service, or a gateway in front of it, answers when trying again may help.
const PASSING = new Set([429, 502, 503, 504]);
const FIRST_DELAY = 250;
const LONGEST_DELAY = 30_000;

/**
 * Returns what `request` returns, trying again after network errors, timeouts, 429, 502, 503 and
 * 504. Between two attempts it waits for what `Retry-After` asks and for at least a delay that
 * doubles from a quarter of a second, but never longer than 30 seconds.
 *
 * @throws {@link ApiError} for the last attempt; what a function for a token threw; the reason of
 * `signal`.
 */
export async function retrying<Result>(
  request: (signal: AbortSignal) => Promise<Result>,
  { attempts = 5, timeout = 10_000, signal }: CallOptions = {},
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attempted(request, timeout, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (attempt >= attempts || !mayPass(error)) throw error;
      await pause(delayAfter(error, attempt), signal);
    }
  }
}

/** Resolves after so many milliseconds; rejects with the reason of `signal` when aborted. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
  });
}

async function attempted<Result>(
  request: (signal: AbortSignal) => Promise<Result>,
  timeout: number,
  signal?: AbortSignal,
): Promise<Result> {
  const deadline = new Deadline(signal);
  try {
    return await deadline.within(timeout, request(deadline.signal));
  } catch (error) {
    signal?.throwIfAborted();
    throw failureOf(error);
  } finally {
    deadline.release();
  }
}

// Only an answer says that trying again is vain; without one nobody knows.
function mayPass(error: unknown): boolean {
  return error instanceof ApiError && (error.status === undefined || PASSING.has(error.status));
}

/** Returns how long to wait after the failure of an attempt, in milliseconds. */
export function delayAfter(error: unknown, attempt: number): number {
  // The delays of many clients differ, so that they do not all come back at the same moment.
  const backoff = FIRST_DELAY * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  const asked = error instanceof ApiError ? (error.retryAfter ?? 0) : 0;
  return Math.min(LONGEST_DELAY, Math.max(backoff, 1000 * asked));
}
