/**
 * A client of the Chat and Message API: its calls by resource, with the loops and retries that
 * every user of them would write again.
 *
 * @packageDocumentation
 */
export { ChatClient } from "./client.js";
export { ApiProblem, Forbidden, InvalidRequest, NotFound, Stale, TooManyRequests, Unauthorized, Unavailable, } from "./problem.js";
