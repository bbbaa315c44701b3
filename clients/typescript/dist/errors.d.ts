import type { FieldError, ProblemDetails } from "./generated/index.js";
interface Failure {
    detail: string;
    type?: string;
    title?: string | undefined;
    status?: number | undefined;
    errors?: readonly FieldError[] | undefined;
    requestId?: string | undefined;
    retryAfter?: number | undefined;
    cause?: unknown;
}
/**
 * A call failed, as the service says in a problem document (RFC 9457), or for another reason:
 *
 * ```text
 * ApiError
 * ├─ Unauthorized      401: it takes a valid key or token
 * ├─ Forbidden         403: the key or token does not allow it
 * ├─ NotFound          404: there is no such chat, message or key
 * ├─ Stale             412: it has changed since it was seen
 * ├─ TooManyRequests   429: more calls than the caller may make in a while
 * ├─ Invalid           another 4xx, mostly 422: the request breaks the rules
 * ├─ InternalError     500: an error of the service
 * ├─ Unavailable       503, or what a gateway answers that cannot reach the service
 * ├─ UnexpectedAnswer  something else answered, not the service
 * └─ ConnectionFailed  no answer came in time, or a broken one
 * ```
 *
 * Catch the class, or branch on `type`, which is finer.
 */
export declare class ApiError extends Error {
    readonly name: string;
    /** The kind of problem: `/problems/chat-not-found`; `about:blank` when no problem came. */
    readonly type: string;
    /** The kind of problem, in words. */
    readonly title: string | undefined;
    /** The HTTP status; none without an answer. */
    readonly status: number | undefined;
    /** What happened this time. */
    readonly detail: string;
    /** What is wrong where, in a request that is not valid. */
    readonly errors: readonly FieldError[];
    /** Names the request in the service's log, if the answer says so. */
    readonly requestId: string | undefined;
    /** After how many seconds it is worth asking again, if the answer says so. */
    readonly retryAfter: number | undefined;
    constructor(failure: Failure);
}
/** The call needs a valid key or token. */
export declare class Unauthorized extends ApiError {
    readonly name = "Unauthorized";
}
/** The key or token is valid, but does not allow the call. */
export declare class Forbidden extends ApiError {
    readonly name = "Forbidden";
}
/** The service has no such chat, message or key, or none that the caller may know of. */
export declare class NotFound extends ApiError {
    readonly name = "NotFound";
}
/** It has changed since it was seen: get it again, and decide again. */
export declare class Stale extends ApiError {
    readonly name = "Stale";
}
/** The caller made more calls than it may in a while. */
export declare class TooManyRequests extends ApiError {
    readonly name = "TooManyRequests";
}
/** The request breaks the rules; `errors` says where, and how. */
export declare class Invalid extends ApiError {
    readonly name = "Invalid";
}
/** An error of the service, which its operators find in the log under the `requestId`. */
export declare class InternalError extends ApiError {
    readonly name = "InternalError";
}
/** The service, or what it depends on, is not reachable or busy; another time it may work. */
export declare class Unavailable extends ApiError {
    readonly name = "Unavailable";
}
/** Something that is not the service answered, like a login page on the way. */
export declare class UnexpectedAnswer extends ApiError {
    readonly name = "UnexpectedAnswer";
}
/** No answer came, or none in time, or a broken one; `cause` is what `fetch` threw. */
export declare class ConnectionFailed extends ApiError {
    readonly name = "ConnectionFailed";
}
/** Returns the error that a problem is, of the class of its status. */
export declare function errorOf(problem: ProblemDetails, response: Response): ApiError;
/** Returns the error of a success that is none of the service's. */
export declare function unexpected({ status, statusText: title }: Response): ApiError;
/** Returns what a call throws when it met an error, other than what the caller's function threw. */
export declare function failureOf(error: unknown): unknown;
/**
 * Returns the problem that an answer is: its body or, for one that holds no problem document, as
 * of a gateway in front of the service or a 304, one of the type `about:blank` (RFC 9457).
 */
export declare function problemOf(body: unknown, response: Response): ProblemDetails;
export {};
