import type { Calls } from "./call.js";
import { createToken, type NewToken, type TokenCreate } from "./generated/index.js";
import type { CallOptions } from "./retry.js";

/** Tokens for your users, as `api.tokens`; they need a key of the scope `admin`. */
export class Tokens {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Makes a token for one of your users; nothing of it is stored. */
  create(body: TokenCreate, options: CallOptions = {}): Promise<NewToken> {
    return this.#calls.data((call) => createToken({ ...call, body }), options);
  }
}
