import type { FieldError, ProblemDetails } from "./generated/index.js";
/**
 * What was answered instead of what was asked for, by the service or by a gateway in front of it:
 *
 * ```text
 * ApiProblem
 * ├─ Unauthorized     401
 * ├─ Forbidden        403
 * ├─ NotFound         404
 * ├─ Stale            412
 * ├─ InvalidRequest   422
 * ├─ TooManyRequests  429
 * └─ Unavailable      502, 503, 504
 * ```
 *
 * Catch the class, or branch on `type`, which is finer.
 */
export declare class ApiProblem extends Error {
    readonly response: Response;
    readonly name: string;
    /** The kind of problem: `/problems/chat-not-found`; of a gateway, `about:blank`. */
    readonly type: string;
    /** The kind of problem, in words. */
    readonly title: string;
    /** The HTTP status. */
    readonly status: number;
    /** What happened this time. */
    readonly detail: string;
    /** What is wrong where, when the request is not valid. */
    readonly errors: readonly FieldError[];
    /** Names the request in the service's log; empty when the answer named none. */
    readonly requestId: string;
    /** After how many seconds to try again, if the answer says so. */
    readonly retryAfter: number | undefined;
    /**
     * @param problem - What went wrong.
     * @param response - The answer it came in, for its headers; its body has been read.
     */
    constructor(problem: ProblemDetails, response: Response);
}
/** The call needs a valid key or token. */
export declare class Unauthorized extends ApiProblem {
    readonly name = "Unauthorized";
}
/** The key or token does not allow the call. */
export declare class Forbidden extends ApiProblem {
    readonly name = "Forbidden";
}
/** There is no such chat, message, key or path, or no longer. */
export declare class NotFound extends ApiProblem {
    readonly name = "NotFound";
}
/** It has changed since its `etag` was read. */
export declare class Stale extends ApiProblem {
    readonly name = "Stale";
}
/** The request breaks the rules; `errors` says where, and how. */
export declare class InvalidRequest extends ApiProblem {
    readonly name = "InvalidRequest";
}
/** The caller made more calls than it may in a while. */
export declare class TooManyRequests extends ApiProblem {
    readonly name = "TooManyRequests";
}
/** The service cannot serve now, or a gateway cannot reach it. */
export declare class Unavailable extends ApiProblem {
    readonly name = "Unavailable";
}
/** Returns the error that a problem is, of the class of its status. */
export declare function errorOf(problem: ProblemDetails, response: Response): ApiProblem;
/**
 * Returns the problem that an answer is: its body or, for one that holds no problem document, as
 * of a gateway in front of the service or a 304, one of the type `about:blank` (RFC 9457).
 */
export declare function problemOf(body: unknown, response: Response): ProblemDetails;
