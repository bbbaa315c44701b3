/**
 * A client of the Chat and Message API: a typed function for each call, and the loops and retries
 * that every user of them would write again.
 *
 * @packageDocumentation
 */

export * from "./generated/index.js";
export { type Client, type ClientConfig, createClient } from "./client.js";
export { exportMessages, type ExportOptions } from "./export.js";
export { followChanges, type FollowOptions } from "./follow.js";
export { iterateMessages, type IterateOptions } from "./iterate.js";
export { ApiProblem } from "./problem.js";
export type { RetryOptions } from "./retry.js";
export { sendMessage, type SendOptions } from "./send.js";
export { type Chats, streamChanges, type StreamedEvent, type StreamOptions } from "./stream.js";
