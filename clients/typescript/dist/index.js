/**
 * A client of the Chat and Message API: its calls by resource, with the loops and retries that
 * every user of them would write again.
 *
 * @packageDocumentation
 */
export { ChatClient } from "./client.js";
export { ApiError, ConnectionFailed, Forbidden, InternalError, Invalid, NotFound, Stale, TooManyRequests, Unauthorized, Unavailable, UnexpectedAnswer, } from "./errors.js";
