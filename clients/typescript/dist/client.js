import { Calls } from "./call.js";
import { Chats } from "./chats.js";
import { errorOf, problemOf } from "./errors.js";
import { createClient } from "./generated/client/index.js";
import { Keys } from "./keys.js";
import { Messages } from "./messages.js";
import { authorize } from "./token.js";
import { Tokens } from "./tokens.js";
/**
 * The service, by its resources. A call returns what the service answers. It throws an
 * {@link ApiError} when the service refuses, or no answer comes, and the reason of `signal` when
 * aborted. What fails for a moment is tried again.
 */
export class ChatClient {
    chats;
    messages;
    keys;
    tokens;
    /**
     * What to give to a function of `chat-and-message-client/generated`. Such a function is tried
     * once, without a timeout, and answers `data` or, as `ProblemDetails`, `error`; with
     * `throwOnError: true` it throws as the calls here do.
     */
    client;
    /** @throws `TypeError` for a key or token that cannot be sent, and when both are given. */
    constructor({ baseUrl, apiKey, token, headers, fetch, ...options }) {
        if (apiKey !== undefined && token !== undefined) {
            throw new TypeError("Give either apiKey or token: both are sent in one header.");
        }
        this.client = createClient({
            baseUrl: baseUrl.replace(/\/+$/, ""),
            headers,
            fetch,
            // Deno takes the `client` that a generated function is given for one of its own kind.
            requestValidator: async (request) => delete request.client,
        });
        this.client.interceptors.error.use((error, response, _request, asked) => {
            if (response === undefined)
                throw error; // No answer came: this is no problem document.
            const problem = problemOf(error, response);
            return asked.throwOnError ? errorOf(problem, response) : problem;
        });
        const credential = apiKey ?? token;
        if (credential !== undefined)
            authorize(this.client, credential);
        const calls = new Calls(this.client, options);
        this.chats = new Chats(calls);
        this.messages = new Messages(calls);
        this.keys = new Keys(calls);
        this.tokens = new Tokens(calls);
    }
}
