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
export class ApiProblem extends Error {
    response;
    name = "ApiProblem";
    /** The kind of problem: `/problems/chat-not-found`; of a gateway, `about:blank`. */
    type;
    /** The kind of problem, in words. */
    title;
    /** The HTTP status. */
    status;
    /** What happened this time. */
    detail;
    /** What is wrong where, when the request is not valid. */
    errors;
    /** Names the request in the service's log; empty when the answer named none. */
    requestId;
    /** After how many seconds to try again, if the answer says so. */
    retryAfter;
    /**
     * @param problem - What went wrong.
     * @param response - The answer it came in, for its headers; its body has been read.
     */
    constructor(problem, response) {
        super(messageOf(problem));
        this.response = response;
        this.type = problem.type;
        this.title = problem.title;
        this.status = problem.status;
        this.detail = problem.detail;
        this.errors = problem.errors ?? [];
        this.requestId = problem.request_id;
        this.retryAfter = secondsOf(response.headers.get("Retry-After"));
    }
}
/** The call needs a valid key or token. */
export class Unauthorized extends ApiProblem {
    name = "Unauthorized";
}
/** The key or token does not allow the call. */
export class Forbidden extends ApiProblem {
    name = "Forbidden";
}
/** There is no such chat, message, key or path, or no longer. */
export class NotFound extends ApiProblem {
    name = "NotFound";
}
/** It has changed since its `etag` was read. */
export class Stale extends ApiProblem {
    name = "Stale";
}
/** The request breaks the rules; `errors` says where, and how. */
export class InvalidRequest extends ApiProblem {
    name = "InvalidRequest";
}
/** The caller made more calls than it may in a while. */
export class TooManyRequests extends ApiProblem {
    name = "TooManyRequests";
}
/** The service cannot serve now, or a gateway cannot reach it. */
export class Unavailable extends ApiProblem {
    name = "Unavailable";
}
const KINDS = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    412: Stale,
    422: InvalidRequest,
    429: TooManyRequests,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
};
/** Returns the error that a problem is, of the class of its status. */
export function errorOf(problem, response) {
    return new (KINDS[problem.status] ?? ApiProblem)(problem, response);
}
/**
 * Returns the problem that an answer is: its body or, for one that holds no problem document, as
 * of a gateway in front of the service or a 304, one of the type `about:blank` (RFC 9457).
 */
export function problemOf(body, response) {
    if (isProblem(body, response))
        return body;
    return {
        type: "about:blank",
        title: response.statusText || `Status ${response.status}`,
        status: response.status,
        detail: typeof body === "string" && body !== "" ? body : "The answer says no more.",
        request_id: response.headers.get("X-Request-ID") ?? "",
    };
}
// A gateway may answer JSON of any shape, a problem of its own that says less among them.
function isProblem(body, response) {
    if (typeof body !== "object" || body === null)
        return false;
    const { type, title, status, detail, request_id, errors = [] } = body;
    const texts = [type, title, detail, request_id];
    const isComplete = texts.every((text) => typeof text === "string") && Array.isArray(errors);
    return status === response.status && isComplete;
}
function messageOf({ status, title, detail, errors = [], request_id }) {
    const where = errors.map((error) => ` ${error.location}: ${error.detail}.`).join("");
    const request = request_id && ` (request ${request_id})`;
    return `${status} ${title}: ${detail}${where}${request}`;
}
function secondsOf(retryAfter) {
    const seconds = Number(retryAfter ?? Number.NaN);
    return Number.isFinite(seconds) ? seconds : undefined; // No service of ours sends a date.
}
