import { createKey, listKeys, revokeKey, } from "./generated/index.js";
import { listed } from "./pages.js";
/** Keys of servers, as `api.keys`; they need the scope `admin`. */
export class Keys {
    #calls;
    constructor(calls) {
        this.#calls = calls;
    }
    /**
     * Makes a key; keep what is answered as `key`, which is shown this once. It is not tried again:
     * a key whose answer was lost is in the list.
     */
    create(body, options = {}) {
        const once = { ...options, attempts: 1 };
        return this.#calls.data((call) => createKey({ ...call, body }), once);
    }
    /** Yields keys, newest first, those that were revoked or have expired among them. */
    list({ limit } = {}, options = {}) {
        const read = (call, query) => listKeys({ ...call, query });
        return listed(this.#calls, read, { limit }, options);
    }
    /** Revokes a key: within five seconds it admits nobody. */
    async revoke(path, options = {}) {
        await this.#calls.data((call) => revokeKey({ ...call, path }), options);
    }
}
