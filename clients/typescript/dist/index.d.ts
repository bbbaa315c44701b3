/**
 * A client of the Chat and Message API: its calls by resource, with the loops and retries that
 * every user of them would write again.
 *
 * @packageDocumentation
 */
export type { ChangeOptions, CreateOptions, Tagged } from "./call.js";
export type { ChangesParams, ChatListParams, ChatParams, Chats, StreamManyParams, StreamParams, } from "./chats.js";
export { ChatClient, type ChatClientOptions } from "./client.js";
export type { FollowOptions } from "./follow.js";
export type { ApiKey, ApiKeyCreate, BatchedMessage, Change, ChangeEvent, Changes, Chat, ChatCreate, ChatUpdate, ChatWithMessages, FieldError, GoneEvent, ListedChat, Message, MessageCreate, MessageUpdate, Metadata, CreatedApiKey, NewToken, ProblemDetails, ReadyEvent, ResetEvent, TokenCreate, } from "./generated/index.js";
export type { Keys } from "./keys.js";
export type { MessageListParams, MessageParams, Messages, SearchParams } from "./messages.js";
export type { ListParams } from "./pages.js";
export { ApiError, ConnectionFailed, Forbidden, InternalError, Invalid, NotFound, Stale, TooManyRequests, Unauthorized, Unavailable, UnexpectedAnswer, } from "./errors.js";
export type { CallOptions } from "./retry.js";
export type { StreamedEvent, StreamOptions } from "./stream.js";
export type { Token } from "./token.js";
export type { Tokens } from "./tokens.js";
