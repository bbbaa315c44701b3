import { createToken } from "./generated/index.js";
/** Tokens for your users, as `api.tokens`; they need a key of the scope `admin`. */
export class Tokens {
    #calls;
    constructor(calls) {
        this.#calls = calls;
    }
    /** Makes a token for one of your users; nothing of it is stored. */
    create(body, options = {}) {
        return this.#calls.data((call) => createToken({ ...call, body }), options);
    }
}
