import type { Calls } from "./call.js";
import { type NewToken, type TokenCreate } from "./generated/index.js";
import type { CallOptions } from "./retry.js";
/** Tokens for your users, as `api.tokens`; they need a key of the scope `admin`. */
export declare class Tokens {
    #private;
    constructor(calls: Calls);
    /** Makes a token for one of your users; nothing of it is stored. */
    create(body: TokenCreate, options?: CallOptions): Promise<NewToken>;
}
