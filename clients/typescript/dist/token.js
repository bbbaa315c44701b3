import { getValidRequestBody } from "./generated/core/utils.gen.js";
// What functions threw that were asked for a token: no attempt is made after that.
const thrown = new WeakSet();
/** Returns whether a function threw the error when it was asked for a token. */
export function cameOfAsking(error) {
    return !isObject(error) || thrown.has(error); // Nothing else throws what is no object.
}
function isObject(value) {
    return Object(value) === value;
}
/**
 * Has the client send a token with each request and, where a function gives it, repeat one that is
 * answered 401 with another token.
 *
 * @throws `TypeError` for a token that cannot be sent.
 */
export function authorize(client, token) {
    const isFixed = typeof token !== "function";
    const tokens = new Tokens(isFixed ? () => token : token);
    if (isFixed)
        check(token);
    const sent = new WeakMap();
    client.interceptors.request.use(async (request, options) => {
        if (request.headers.has("Authorization"))
            return request;
        const current = tokens.current();
        sent.set(options, current);
        request.headers.set("Authorization", `Bearer ${await unlessAborted(current, options.signal)}`);
        return request;
    });
    if (isFixed)
        return;
    client.interceptors.response.use(async (response, request, options) => {
        const refused = sent.get(options);
        if (response.status !== 401 || refused === undefined)
            return response;
        await response.body?.cancel();
        const current = await unlessAborted(tokens.after(refused), options.signal);
        const headers = new Headers(request.headers);
        headers.set("Authorization", `Bearer ${current}`);
        const body = getValidRequestBody(options);
        const fetch = options.fetch; // Browsers refuse to call theirs as a method of something.
        return fetch(new Request(request, { headers, body, signal: options.signal }));
    });
}
/** What comes of asking a function for tokens, for all calls. */
class Tokens {
    #ask;
    // A promise of its own for each time that it is asked: whoever asks for another token knows it
    // from the one that was refused, even if the text is the same.
    #latest;
    #failed;
    constructor(ask) {
        this.#ask = ask;
    }
    /** Returns what came of asking last; asks if that is nothing, or an error. */
    current() {
        return this.after(this.#failed);
    }
    /** Returns what came of asking last; asks if that is nothing, or what is known. */
    after(known) {
        if (this.#latest === undefined || this.#latest === known) {
            const asked = Promise.resolve().then(this.#ask).then(check);
            asked.catch((error) => {
                if (isObject(error))
                    thrown.add(error);
                this.#failed = asked;
            });
            this.#latest = asked;
        }
        return this.#latest;
    }
}
/** Returns the token; throws, without showing it, for what is none. */
function check(token) {
    if (typeof token === "string" && /^[!-~]+$/.test(token))
        return token;
    throw new TypeError("A token is a text of visible ASCII characters, at least one.");
}
/** Settles as the promise does, or rejects with the reason of `signal` when it is aborted. */
function unlessAborted(promise, signal) {
    return new Promise((resolve, reject) => {
        const abort = () => reject(signal?.reason);
        if (signal?.aborted)
            abort();
        signal?.addEventListener("abort", abort);
        const settled = () => signal?.removeEventListener("abort", abort);
        promise.then(resolve, reject).finally(settled);
    });
}
