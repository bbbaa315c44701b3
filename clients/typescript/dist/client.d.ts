import { Chats } from "./chats.js";
import { type Client } from "./generated/client/index.js";
import { Keys } from "./keys.js";
import { Messages } from "./messages.js";
import type { CallOptions } from "./retry.js";
import { type Token } from "./token.js";
import { Tokens } from "./tokens.js";
/** Where the service is, who calls, and how. */
export interface ChatClientOptions extends Omit<CallOptions, "signal"> {
    /** The root of the service, without `/api/v1`: `http://localhost:8000`. */
    baseUrl: string;
    /** The key of a server, to send with each call: visible ASCII characters. */
    apiKey?: string | undefined;
    /**
     * What to send instead of a key, in the same header: a token, or a function that gives one. The
     * function is called at the first call, and again when the service answers 401: the call is then
     * repeated, once. All calls share what it gave. What it throws is thrown by the calls that wait
     * for it, as it is and at once. It must not call the service by this client itself.
     */
    token?: Token | undefined;
    /** Headers to send with each call; an `Authorization` is sent instead of a key or token. */
    headers?: Record<string, string>;
    /** What to use for `fetch`. */
    fetch?: typeof fetch;
}
/**
 * The service, by its resources. A call returns what the service answers. It throws an
 * {@link ApiError} when the service refuses, or no answer comes, and the reason of `signal` when
 * aborted. What fails for a moment is tried again.
 */
export declare class ChatClient {
    readonly chats: Chats;
    readonly messages: Messages;
    readonly keys: Keys;
    readonly tokens: Tokens;
    /**
     * What to give to a function of `chat-and-message-client/generated`. Such a function is tried
     * once, without a timeout, and answers `data` or, as `ProblemDetails`, `error`; with
     * `throwOnError: true` it throws as the calls here do.
     */
    readonly client: Client;
    /** @throws `TypeError` for a key or token that cannot be sent, and when both are given. */
    constructor({ baseUrl, apiKey, token, headers, fetch, ...options }: ChatClientOptions);
}
