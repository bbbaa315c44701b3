import { type Calls, type ChangeOptions, type CreateOptions, type Tagged } from "./call.js";
import { type FollowOptions } from "./follow.js";
import { type Changes, type Chat, type ChatCreate, type ChatUpdate, type ChatWithMessages, type ListedChat, type Metadata } from "./generated/index.js";
import { type ListParams } from "./pages.js";
import type { CallOptions } from "./retry.js";
import { type StreamedEvent, type StreamOptions } from "./stream.js";
/** Names a chat. */
export interface ChatParams {
    chat_id: number;
}
/** Which chats to list. */
export interface ChatListParams extends ListParams {
    /** Only chats whose metadata contains this. */
    metadata?: Metadata;
    /** Those first that were created last, or sent to last, as in an inbox; `created` by default. */
    sort?: "created" | "activity";
}
/** What changed in a chat after a revision. */
export interface ChangesParams extends ChatParams {
    /** The revision to go on from: the `next_since` that was kept last; 0, the default, for all. */
    since?: number;
    /** How many changes to yield at once at most, 1–100; 100 unless told otherwise. */
    limit?: number;
}
/** A chat to follow. */
export interface StreamParams extends ChatParams {
    /** The revision to go on from; from now unless given. */
    since?: number;
}
/** Chats to follow by one connection. */
export interface StreamManyParams {
    /**
     * 1–100 of them: ids, from now, or pairs of an id and the revision to go on from, as a `Map` has
     * them; or the `cursor` of an earlier stream.
     */
    chats: string | Iterable<number | readonly [chatId: number, since: number]>;
}
/** Chats, as `api.chats`. */
export declare class Chats {
    #private;
    constructor(calls: Calls);
    /** Creates a chat, exactly once: what is sent again has the same idempotency key. */
    create(body: ChatCreate, { idempotencyKey, ...options }?: CreateOptions): Promise<Tagged<Chat>>;
    /** Returns a chat with its newest messages, oldest first: at most `limit`, 1–100, or 20. */
    get({ limit, ...path }: ChatParams & {
        limit?: number;
    }, options?: CallOptions): Promise<Tagged<ChatWithMessages>>;
    /** Yields chats, newest first, or by their latest activity, each with its `last_message`. */
    list({ metadata, sort, limit }?: ChatListParams, options?: CallOptions): AsyncGenerator<ListedChat, void, undefined>;
    /** Changes the title or the metadata of a chat, or both; returns the chat. */
    update({ chat_id, ...body }: ChatParams & ChatUpdate, change?: ChangeOptions): Promise<Tagged<Chat>>;
    /** Deletes a chat with its messages. */
    delete(path: ChatParams, change?: ChangeOptions): Promise<void>;
    /**
     * Yields what changed in a chat, in order, some changes at a time. Apply the `changes` to a copy
     * by `message_id` (without a `message` it was deleted) and keep `next_since` with it: from there
     * on nothing is missed, and the copy ends equal to the chat. `next_since` may be larger than the
     * revision of the last change. What the generator returns at its end is the last of them.
     */
    changes(params: ChangesParams, options?: CallOptions): AsyncGenerator<Changes, number, undefined>;
    /**
     * Yields what `changes` does, and goes on for ever: the service tells what is new by a stream or,
     * where none comes through, is asked for it.
     *
     * @throws {@link NotFound} when the chat is deleted.
     */
    follow(params: ChangesParams, options?: FollowOptions): AsyncGenerator<Changes, void, undefined>;
    /**
     * Yields what happens in a chat, while it happens: `ready` when the stream begins, `change` for a
     * message that was sent, edited or (without a `message`) deleted, `reset` when the chat is at a
     * lower revision than you, as after a restore: read it anew; `gone` when there is no such chat
     * (any more), and that is the end. Of a message that changes often, only the latest change may
     * come.
     *
     * It goes on for ever: after a connection that fails, and whatever passes, it makes another,
     * where the last one ended. Nothing is missed, nothing comes twice. Leaving the loop closes it.
     *
     * @throws {@link ApiError} when the service refuses and will again; the reason of `signal` when
     * aborted.
     */
    stream(chat: StreamParams, options?: StreamOptions): AsyncGenerator<StreamedEvent<number>, void, undefined>;
    /** The same for many chats at once: it goes on until all are gone. */
    stream(chats: StreamManyParams, options?: StreamOptions): AsyncGenerator<StreamedEvent<string>, void, undefined>;
}
