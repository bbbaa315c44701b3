import { unexpected } from "./errors.js";
import { retrying } from "./retry.js";
/** Returns the headers and the other options of a change. */
export function conditional({ ifMatch, ...options }) {
    const headers = { "If-Match": ifMatch };
    return { headers, options: ifMatch === undefined ? options : { attempts: 1, ...options } };
}
/** Makes the calls of a client, each with its options or else those of the client. */
export class Calls {
    client;
    defaults;
    constructor(client, defaults) {
        this.client = client;
        this.defaults = defaults;
    }
    /** Returns the options of a call, with those of the client where it says nothing. */
    options(options) {
        const { attempts = this.defaults.attempts, timeout = this.defaults.timeout } = options;
        return { ...options, attempts, timeout };
    }
    async answer(request, options) {
        const attempt = async (signal) => {
            const answer = await request({ client: this.client, signal, throwOnError: true });
            if (typeof answer.data !== "object")
                throw unexpected(answer.response); // A page, as HTML.
            return answer;
        };
        return retrying(attempt, this.options(options));
    }
    async data(request, options) {
        return (await this.answer(request, options)).data;
    }
    async tagged(request, options) {
        const { data, response } = await this.answer(request, options);
        const value = response.headers.get("ETag") ?? ""; // Which matches nothing.
        return Object.defineProperty(data, "etag", { value });
    }
}
/** Returns an idempotency key that nobody else makes up. */
export function newKey() {
    // Not `randomUUID`, which browsers keep from pages that come by plain HTTP.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
