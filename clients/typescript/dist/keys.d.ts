import type { Calls } from "./call.js";
import { type ApiKey, type ApiKeyCreate, type CreatedApiKey } from "./generated/index.js";
import { type ListParams } from "./pages.js";
import type { CallOptions } from "./retry.js";
/** Keys of servers, as `api.keys`; they need the scope `admin`. */
export declare class Keys {
    #private;
    constructor(calls: Calls);
    /**
     * Makes a key; keep what is answered as `key`, which is shown this once. It is not tried again:
     * a key whose answer was lost is in the list.
     */
    create(body: ApiKeyCreate, options?: Omit<CallOptions, "attempts">): Promise<CreatedApiKey>;
    /** Yields keys, newest first, those that were revoked or have expired among them. */
    list({ limit }?: ListParams, options?: CallOptions): AsyncGenerator<ApiKey, void, undefined>;
    /** Revokes a key: within five seconds it admits nobody. */
    revoke(path: {
        key_id: number;
    }, options?: CallOptions): Promise<void>;
}
