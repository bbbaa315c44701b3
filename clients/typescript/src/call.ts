import { unexpected } from "./errors.js";
import type { Client } from "./generated/client/index.js";
import { type CallOptions, retrying } from "./retry.js";

/** How to create something exactly once. */
export interface CreateOptions extends CallOptions {
  /**
   * The idempotency key, 1–255 visible ASCII characters; made up unless given. Keep one of your
   * own with what you send, to send it again after your program was restarted.
   */
  idempotencyKey?: string;
}

/** How to change something. */
export interface ChangeOptions extends CallOptions {
  /**
   * The `etag` that you have seen: the change is made only if it is still the current one, by one
   * attempt unless told otherwise, since another would find what the first has changed.
   */
  ifMatch?: string;
}

/**
 * What was answered and, apart from its fields, its `etag`, to give as `ifMatch`. It is not
 * enumerable: it is not among what is compared, copied or written as JSON.
 */
export type Tagged<Data> = Data & { readonly etag: string };

/** Returns the headers and the other options of a change. */
export function conditional({ ifMatch, ...options }: ChangeOptions) {
  const headers = { "If-Match": ifMatch };
  return { headers, options: ifMatch === undefined ? options : { attempts: 1, ...options } };
}

/** What each call of a generated function needs. */
export interface Call {
  client: Client;
  signal: AbortSignal;
  throwOnError: true;
}

/** What a generated function answers. */
export interface Answer<Data> {
  data: Data;
  response: Response;
}

/** Makes the calls of a client, each with its options or else those of the client. */
export class Calls {
  constructor(
    readonly client: Client,
    readonly defaults: Pick<CallOptions, "attempts" | "timeout">,
  ) {}

  /** Returns the options of a call, with those of the client where it says nothing. */
  options<Options extends CallOptions>(options: Options): Options {
    const { attempts = this.defaults.attempts, timeout = this.defaults.timeout } = options;
    return { ...options, attempts, timeout };
  }

  async answer<Data>(
    request: (call: Call) => Promise<Answer<Data>>,
    options: CallOptions,
  ): Promise<Answer<Data>> {
    const attempt = async (signal: AbortSignal) => {
      const answer = await request({ client: this.client, signal, throwOnError: true });
      if (typeof answer.data !== "object") throw unexpected(answer.response); // A page, as HTML.
      return answer;
    };
    return retrying(attempt, this.options(options));
  }

  async data<Data>(
    request: (call: Call) => Promise<Answer<Data>>,
    options: CallOptions,
  ): Promise<Data> {
    return (await this.answer(request, options)).data;
  }

  async tagged<Data extends object>(
    request: (call: Call) => Promise<Answer<Data>>,
    options: CallOptions,
  ): Promise<Tagged<Data>> {
    const { data, response } = await this.answer(request, options);
    const value = response.headers.get("ETag") ?? ""; // Which matches nothing.
    return Object.defineProperty(data, "etag", { value }) as Tagged<Data>;
  }
}

/** Returns an idempotency key that nobody else makes up. */
export function newKey(): string {
  // Not `randomUUID`, which browsers keep from pages that come by plain HTTP.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
