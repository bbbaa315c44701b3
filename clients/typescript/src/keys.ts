import type { Call, Calls } from "./call.js";
import {
  type ApiKey,
  type ApiKeyCreate,
  createKey,
  listKeys,
  type CreatedApiKey,
  revokeKey,
} from "./generated/index.js";
import { listed, type ListParams, type Page } from "./pages.js";
import type { CallOptions } from "./retry.js";

/** Keys of servers, as `api.keys`; they need the scope `admin`. */
export class Keys {
  readonly #calls: Calls;

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /**
   * Makes a key; keep what is answered as `key`, which is shown this once. It is not tried again:
   * a key whose answer was lost is in the list.
   */
  create(body: ApiKeyCreate, options: Omit<CallOptions, "attempts"> = {}): Promise<CreatedApiKey> {
    const once = { ...options, attempts: 1 };
    return this.#calls.data((call) => createKey({ ...call, body }), once);
  }

  /** Yields keys, newest first, those that were revoked or have expired among them. */
  list(
    { limit }: ListParams = {},
    options: CallOptions = {},
  ): AsyncGenerator<ApiKey, void, undefined> {
    const read = (call: Call, query: Page) => listKeys({ ...call, query });
    return listed(this.#calls, read, { limit }, options);
  }

  /** Revokes a key: within five seconds it admits nobody. */
  async revoke(path: { key_id: number }, options: CallOptions = {}): Promise<void> {
    await this.#calls.data((call) => revokeKey({ ...call, path }), options);
  }
}
