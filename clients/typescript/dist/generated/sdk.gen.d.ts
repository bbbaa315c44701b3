import type { Client, Options as Options2, TDataShape } from './client/index.js';
import type { CheckLiveData, CheckLiveErrors, CheckLiveResponses, CheckReadyData, CheckReadyErrors, CheckReadyResponses, CreateChatData, CreateChatErrors, CreateChatResponses, CreateKeyData, CreateKeyErrors, CreateKeyResponses, CreateMessageData, CreateMessageErrors, CreateMessageResponses, CreateMessagesData, CreateMessagesErrors, CreateMessagesResponses, CreateTokenData, CreateTokenErrors, CreateTokenResponses, DeleteChatData, DeleteChatErrors, DeleteChatMessageData, DeleteChatMessageErrors, DeleteChatMessageResponses, DeleteChatResponses, DeleteMessageData, DeleteMessageErrors, DeleteMessageResponses, ListChatMessagesData, ListChatMessagesErrors, ListChatMessagesResponses, ListChatsData, ListChatsErrors, ListChatsResponses, ListKeysData, ListKeysErrors, ListKeysResponses, ListMessagesData, ListMessagesErrors, ListMessagesResponses, ReadChangesData, ReadChangesErrors, ReadChangesResponses, ReadChatData, ReadChatErrors, ReadChatMessageData, ReadChatMessageErrors, ReadChatMessageResponses, ReadChatResponses, ReadMessageData, ReadMessageErrors, ReadMessageResponses, ReadServiceData, ReadServiceErrors, ReadServiceResponses, RevokeKeyData, RevokeKeyErrors, RevokeKeyResponses, StreamChangesData, StreamChangesErrors, StreamChangesOfChatsData, StreamChangesOfChatsErrors, StreamChangesOfChatsResponse, StreamChangesOfChatsResponses, StreamChangesResponse, StreamChangesResponses, UpdateChatData, UpdateChatErrors, UpdateChatMessageData, UpdateChatMessageErrors, UpdateChatMessageResponses, UpdateChatResponses, UpdateMessageData, UpdateMessageErrors, UpdateMessageResponses } from './types.gen.js';
export type Options<TData extends TDataShape = TDataShape, ThrowOnError extends boolean = boolean, TResponse = unknown> = Options2<TData, ThrowOnError, TResponse> & {
    /**
     * You can provide a client instance returned by `createClient()` instead of
     * individual options. This might be also useful if you want to implement a
     * custom client.
     */
    client: Client;
    /**
     * You can pass arbitrary values through the `meta` object. This can be
     * used to access values that aren't defined as part of the SDK function.
     */
    meta?: Record<string, unknown>;
};
/**
 * List chats
 *
 * A page of at most `limit` chats, newest first; `Link` leads to the pages beside it. At most one
 * of `before` and `after` can be given.
 *
 * With `sort=activity` those come first that were last sent to, each with its `last_message`. A
 * chat without messages stands at its creation. `Link` leads to the next page, by a `cursor`.
 *
 * With `metadata` only the chats that contain it; a page may be short, or even empty, before the
 * last.
 */
export declare const listChats: <ThrowOnError extends boolean = false>(options: Options<ListChatsData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<ListChatsResponses, ListChatsErrors, ThrowOnError, "fields">;
/**
 * Create a chat
 *
 * With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.
 */
export declare const createChat: <ThrowOnError extends boolean = false>(options: Options<CreateChatData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<CreateChatResponses, CreateChatErrors, ThrowOnError, "fields">;
/**
 * Delete a chat
 *
 * All its messages, too. With `If-Match`, only if nothing in the chat has changed since.
 */
export declare const deleteChat: <ThrowOnError extends boolean = false>(options: Options<DeleteChatData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<DeleteChatResponses, DeleteChatErrors, ThrowOnError, "fields">;
/**
 * Read a chat
 *
 * With its newest `limit` messages, oldest first.
 */
export declare const readChat: <ThrowOnError extends boolean = false>(options: Options<ReadChatData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<ReadChatResponses, ReadChatErrors, ThrowOnError, "fields">;
/**
 * Rename a chat
 *
 * With `If-Match`, only if nothing in the chat has changed since.
 */
export declare const updateChat: <ThrowOnError extends boolean = false>(options: Options<UpdateChatData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<UpdateChatResponses, UpdateChatErrors, ThrowOnError, "fields">;
/**
 * Catch up with a chat
 *
 * At most `limit` of what changed after the revision `since`, in the order of the changes. A
 * client that keeps asking from `next_since` ends with exactly the chat's messages, whatever
 * was sent, edited and deleted meanwhile; from 0 it starts with none.
 */
export declare const readChanges: <ThrowOnError extends boolean = false>(options: Options<ReadChangesData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<ReadChangesResponses, ReadChangesErrors, ThrowOnError, "fields">;
/**
 * List a chat's messages
 *
 * A page of at most `limit` messages, oldest first: before, after or around an id, without any of
 * these the newest. `Link` leads to the pages beside it.
 */
export declare const listChatMessages: <ThrowOnError extends boolean = false>(options: Options<ListChatMessagesData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<ListChatMessagesResponses, ListChatMessagesErrors, ThrowOnError, "fields">;
/**
 * Send a message
 *
 * With an `Idempotency-Key`, sending it again is safe: the answer is the first one's.
 */
export declare const createMessage: <ThrowOnError extends boolean = false>(options: Options<CreateMessageData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<CreateMessageResponses, CreateMessageErrors, ThrowOnError, "fields">;
/**
 * Send many messages
 *
 * 1 to 100 of them, all or none, in the order given. With an `Idempotency-Key`, sending all of
 * them again is safe. Instead, each can have a key of its own: those whose keys came before are
 * not stored again.
 */
export declare const createMessages: <ThrowOnError extends boolean = false>(options: Options<CreateMessagesData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<CreateMessagesResponses, CreateMessagesErrors, ThrowOnError, "fields">;
/**
 * List, search or export messages
 *
 * Of all chats, or of one. With `limit`, `before` or `after` it is a page, oldest first, without
 * a cursor the oldest. A search (`q`) always answers a page, newest first; one may be short, or
 * even empty, before the last.
 *
 * Otherwise it is every message, oldest first, streamed: as one JSON array or, for a client that
 * accepts `application/x-ndjson`, as a JSON object a line.
 */
export declare const listMessages: <ThrowOnError extends boolean = false>(options: Options<ListMessagesData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<ListMessagesResponses, ListMessagesErrors, ThrowOnError, "fields">;
/**
 * Delete a message
 *
 * With `If-Match`, only if it has not changed since.
 */
export declare const deleteMessage: <ThrowOnError extends boolean = false>(options: Options<DeleteMessageData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<DeleteMessageResponses, DeleteMessageErrors, ThrowOnError, "fields">;
/**
 * Read a message
 *
 * With `If-None-Match`, only if it has changed since.
 */
export declare const readMessage: <ThrowOnError extends boolean = false>(options: Options<ReadMessageData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<ReadMessageResponses, ReadMessageErrors, ThrowOnError, "fields">;
/**
 * Edit a message
 *
 * Its text; `edited_at` tells when. With `If-Match`, only if it has not changed since.
 */
export declare const updateMessage: <ThrowOnError extends boolean = false>(options: Options<UpdateMessageData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<UpdateMessageResponses, UpdateMessageErrors, ThrowOnError, "fields">;
/**
 * Delete a message of a chat
 *
 * As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
 * `message-not-found`.
 */
export declare const deleteChatMessage: <ThrowOnError extends boolean = false>(options: Options<DeleteChatMessageData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<DeleteChatMessageResponses, DeleteChatMessageErrors, ThrowOnError, "fields">;
/**
 * Read a message of a chat
 *
 * As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
 * `message-not-found`.
 */
export declare const readChatMessage: <ThrowOnError extends boolean = false>(options: Options<ReadChatMessageData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<ReadChatMessageResponses, ReadChatMessageErrors, ThrowOnError, "fields">;
/**
 * Edit a message of a chat
 *
 * As by its id alone, if it is in that chat; else, or where there is no such chat, the problem is
 * `message-not-found`.
 */
export declare const updateChatMessage: <ThrowOnError extends boolean = false>(options: Options<UpdateChatMessageData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<UpdateChatMessageResponses, UpdateChatMessageErrors, ThrowOnError, "fields">;
/**
 * Follow a chat
 *
 * Server-Sent Events: first `ready`, then a `change` for each message that is sent, edited or
 * deleted, from the revision `since` on or else from now. `reset` means that the chat is at a
 * lower revision than the client, `gone` that it was deleted. After some minutes the stream ends
 * with `bye`: come back with the last event's `id` in `Last-Event-ID`. Nothing is missed then.
 */
export declare const streamChanges: <ThrowOnError extends boolean = false>(options: Options<StreamChangesData, ThrowOnError, StreamChangesResponse>) => Promise<import("./core/serverSentEvents.gen.js").ServerSentEventsResult<StreamChangesResponses, StreamChangesErrors>>;
/**
 * Follow many chats
 *
 * The same for 1 to 100 chats at once. Each event's `id` holds the revisions of all of them. A
 * chat that does not exist is `gone`, and the others go on.
 */
export declare const streamChangesOfChats: <ThrowOnError extends boolean = false>(options: Options<StreamChangesOfChatsData, ThrowOnError, StreamChangesOfChatsResponse>) => Promise<import("./core/serverSentEvents.gen.js").ServerSentEventsResult<StreamChangesOfChatsResponses, StreamChangesOfChatsErrors>>;
/**
 * List keys
 *
 * A page of at most `limit` keys, newest first, those that were revoked or have expired among
 * them.
 */
export declare const listKeys: <ThrowOnError extends boolean = false>(options: Options<ListKeysData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<ListKeysResponses, ListKeysErrors, ThrowOnError, "fields">;
/**
 * Make a key
 *
 * Keep what is answered as `key`: the service stores only its digest.
 */
export declare const createKey: <ThrowOnError extends boolean = false>(options: Options<CreateKeyData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<CreateKeyResponses, CreateKeyErrors, ThrowOnError, "fields">;
/**
 * Revoke a key
 *
 * Within five seconds it admits nobody, in any process, and streams that it opened end. It stays
 * in the list.
 */
export declare const revokeKey: <ThrowOnError extends boolean = false>(options: Options<RevokeKeyData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<RevokeKeyResponses, RevokeKeyErrors, ThrowOnError, "fields">;
/**
 * Make a token
 *
 * For one of your users, for a while: it reads and follows the chats that it names, and sends as
 * its author. Nothing of it is stored, and it cannot be revoked.
 */
export declare const createToken: <ThrowOnError extends boolean = false>(options: Options<CreateTokenData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<CreateTokenResponses, CreateTokenErrors, ThrowOnError, "fields">;
/**
 * Tell that the process works
 *
 * Restart it when this is not answered. The database is not asked: /health/ready is for that.
 */
export declare const checkLive: <ThrowOnError extends boolean = false>(options: Options<CheckLiveData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<CheckLiveResponses, CheckLiveErrors, ThrowOnError, "fields">;
/**
 * Tell whether the service can serve
 *
 * 503 while the database does not answer, is not migrated, or cannot be written; send requests
 * elsewhere then.
 */
export declare const checkReady: <ThrowOnError extends boolean = false>(options: Options<CheckReadyData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<CheckReadyResponses, CheckReadyErrors, ThrowOnError, "fields">;
/**
 * Return what this service is, or send a browser to its playground or documentation
 *
 * Return what this service is, or send a browser to its playground or documentation.
 */
export declare const readService: <ThrowOnError extends boolean = false>(options: Options<ReadServiceData, ThrowOnError>) => import("./client/types.gen.js").RequestResult<ReadServiceResponses, ReadServiceErrors, ThrowOnError, "fields">;
