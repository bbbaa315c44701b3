import type { Calls } from "./call.js";
import { type NewToken, type TokenCreate } from "./generated/index.js";
import type { CallOptions } from "./retry.js";
/** A token to make; the document leaves open what `chats` are, as some generators need. */
export type TokenToMake = Omit<TokenCreate, "chats"> & {
    chats: readonly number[] | "*";
};
/** Tokens for your users, as `api.tokens`; they need a key of the scope `admin`. */
export declare class Tokens {
    #private;
    constructor(calls: Calls);
    /** Makes a token for one of your users; nothing of it is stored. */
    create(body: TokenToMake, options?: CallOptions): Promise<NewToken>;
}
