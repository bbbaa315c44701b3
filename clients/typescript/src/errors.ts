import type { FieldError, ProblemDetails } from "./generated/index.js";
import { cameOfAsking } from "./token.js";

// The type of a problem that says no more than its status (RFC 9457, section 4.2.1).
const UNTYPED = "about:blank";

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
export class ApiError extends Error {
  override readonly name: string = "ApiError";
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

  constructor(failure: Failure) {
    super(messageOf(failure), "cause" in failure ? { cause: failure.cause } : undefined);
    this.type = failure.type ?? UNTYPED;
    this.title = failure.title;
    this.status = failure.status;
    this.detail = failure.detail;
    this.errors = failure.errors ?? [];
    this.requestId = failure.requestId;
    this.retryAfter = failure.retryAfter;
  }
}

/** The call needs a valid key or token. */
export class Unauthorized extends ApiError {
  override readonly name = "Unauthorized";
}

/** The key or token is valid, but does not allow the call. */
export class Forbidden extends ApiError {
  override readonly name = "Forbidden";
}

/** The service has no such chat, message or key, or none that the caller may know of. */
export class NotFound extends ApiError {
  override readonly name = "NotFound";
}

/** It has changed since it was seen: get it again, and decide again. */
export class Stale extends ApiError {
  override readonly name = "Stale";
}

/** The caller made more calls than it may in a while. */
export class TooManyRequests extends ApiError {
  override readonly name = "TooManyRequests";
}

/** The request breaks the rules; `errors` says where, and how. */
export class Invalid extends ApiError {
  override readonly name = "Invalid";
}

/** An error of the service, which its operators find in the log under the `requestId`. */
export class InternalError extends ApiError {
  override readonly name = "InternalError";
}

/** The service, or what it depends on, is not reachable or busy; another time it may work. */
export class Unavailable extends ApiError {
  override readonly name = "Unavailable";
}

/** Something that is not the service answered, like a login page on the way. */
export class UnexpectedAnswer extends ApiError {
  override readonly name = "UnexpectedAnswer";
}

/** No answer came, or none in time, or a broken one; `cause` is what `fetch` threw. */
export class ConnectionFailed extends ApiError {
  override readonly name = "ConnectionFailed";
}

const KINDS: Readonly<Record<number, typeof ApiError>> = {
  401: Unauthorized,
  403: Forbidden,
  404: NotFound,
  412: Stale,
  429: TooManyRequests,
  500: InternalError,
};

/** Returns the error that a problem is, of the class of its status. */
export function errorOf(problem: ProblemDetails, response: Response): ApiError {
  const { type, title, status, detail, errors, request_id } = problem;
  const kind = KINDS[status] ?? (status < 500 ? Invalid : Unavailable);
  // A 404 of a gateway says nothing about a chat, so that it is no NotFound.
  const unexpected = status < 500 ? UnexpectedAnswer : Unavailable;
  return new (type === UNTYPED ? unexpected : kind)({
    ...{ type, title, status, detail, errors },
    requestId: request_id || undefined,
    retryAfter: secondsOf(response.headers.get("Retry-After")),
  });
}

/** Returns the error of a success that is none of the service's. */
export function unexpected({ status, statusText: title }: Response): ApiError {
  return new UnexpectedAnswer({ title, status, detail: "The answer is not the service's." });
}

/** Returns what a call throws when it met an error, other than what the caller's function threw. */
export function failureOf(error: unknown): unknown {
  if (error instanceof ApiError || cameOfAsking(error)) return error;
  return new ConnectionFailed({ detail: `No answer came: ${textOf(error)}`, cause: error });
}

/**
 * Returns the problem that an answer is: its body or, for one that holds no problem document, as
 * of a gateway in front of the service or a 304, one of the type `about:blank` (RFC 9457).
 */
export function problemOf(body: unknown, response: Response): ProblemDetails {
  if (isProblem(body, response)) return body;
  return {
    type: UNTYPED,
    title: response.statusText || `Status ${response.status}`,
    status: response.status,
    detail: typeof body === "string" && body !== "" ? body : "The answer says no more.",
    request_id: response.headers.get("X-Request-ID") ?? "",
  };
}

// A gateway may answer JSON of any shape, a problem of its own that says less among them.
function isProblem(body: unknown, response: Response): body is ProblemDetails {
  if (typeof body !== "object" || body === null) return false;
  const { type, title, status, detail, request_id, errors = [] } = body as Record<string, unknown>;
  const texts = [type, title, detail, request_id];
  const isComplete = texts.every((text) => typeof text === "string") && Array.isArray(errors);
  return status === response.status && isComplete;
}

function messageOf({ status, title, detail, errors = [], requestId }: Failure): string {
  const said = [detail, ...errors.map((error) => `${error.location}: ${error.detail}`)].join("; ");
  const answer = status === undefined ? "" : `${status} ${title}: `;
  return `${answer}${said}${requestId ? ` (request ${requestId})` : ""}`;
}

function secondsOf(retryAfter: string | null): number | undefined {
  const seconds = Number(retryAfter ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds : undefined; // No service of ours sends a date.
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
