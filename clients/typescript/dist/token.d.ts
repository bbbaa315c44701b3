import type { Client } from "./generated/client/index.js";
/** A key or a token, or a function that gives one. */
export type Token = string | (() => string | Promise<string>);
/** Returns whether a function threw the error when it was asked for a token. */
export declare function cameOfAsking(error: unknown): boolean;
/**
 * Has the client send a token with each request and, where a function gives it, repeat one that is
 * answered 401 with another token.
 *
 * @throws `TypeError` for a token that cannot be sent.
 */
export declare function authorize(client: Client, token: Token): void;
