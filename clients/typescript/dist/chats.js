import { conditional, newKey, } from "./call.js";
import { followChanges, readAll } from "./follow.js";
import { createChat, deleteChat, listChats, readChat, updateChat, } from "./generated/index.js";
import { listed } from "./pages.js";
import { streamed } from "./stream.js";
/** Chats, as `api.chats`. */
export class Chats {
    #calls;
    constructor(calls) {
        this.#calls = calls;
    }
    /** Creates a chat, exactly once: what is sent again has the same idempotency key. */
    create(body, { idempotencyKey = newKey(), ...options } = {}) {
        const headers = { "Idempotency-Key": idempotencyKey };
        return this.#calls.tagged((call) => createChat({ ...call, body, headers }), options);
    }
    /** Returns a chat with its newest messages, oldest first: at most `limit`, 1–100, or 20. */
    get({ limit, ...path }, options = {}) {
        const query = { limit };
        return this.#calls.tagged((call) => readChat({ ...call, path, query }), options);
    }
    /** Yields chats, newest first, or by their latest activity, each with its `last_message`. */
    list({ metadata, sort, limit } = {}, options = {}) {
        const filter = { sort, metadata: metadata && JSON.stringify(metadata) };
        const read = (call, page) => listChats({ ...call, query: { ...filter, ...page } });
        return listed(this.#calls, read, { limit }, options);
    }
    /** Changes the title or the metadata of a chat, or both; returns the chat. */
    update({ chat_id, ...body }, change = {}) {
        const path = { chat_id };
        const { headers, options } = conditional(change);
        return this.#calls.tagged((call) => updateChat({ ...call, path, headers, body }), options);
    }
    /** Deletes a chat with its messages. */
    async delete(path, change = {}) {
        const { headers, options } = conditional(change);
        await this.#calls.data((call) => deleteChat({ ...call, path, headers }), options);
    }
    /**
     * Yields what changed in a chat, in order, some changes at a time. Apply the `changes` to a copy
     * by `message_id` (without a `message` it was deleted) and keep `next_since` with it: from there
     * on nothing is missed, and the copy ends equal to the chat. `next_since` may be larger than the
     * revision of the last change. What the generator returns at its end is the last of them.
     */
    changes(params, options = {}) {
        return readAll(this.#calls.client, params, this.#calls.options(options));
    }
    /**
     * Yields what `changes` does, and goes on for ever: the service tells what is new by a stream or,
     * where none comes through, is asked for it.
     *
     * @throws {@link NotFound} when the chat is deleted.
     */
    follow(params, options = {}) {
        return followChanges(this.#calls.client, params, this.#calls.options(options));
    }
    stream(followed, options = {}) {
        return streamed(this.#calls.client, followed, options);
    }
}
