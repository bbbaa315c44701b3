import type { Client } from "./generated/client/index.js";
import { type CallOptions } from "./retry.js";
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
export type Tagged<Data> = Data & {
    readonly etag: string;
};
/** Returns the headers and the other options of a change. */
export declare function conditional({ ifMatch, ...options }: ChangeOptions): {
    headers: {
        "If-Match": string | undefined;
    };
    options: {
        attempts?: number;
        timeout?: number;
        signal?: AbortSignal;
    };
};
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
export declare class Calls {
    readonly client: Client;
    readonly defaults: Pick<CallOptions, "attempts" | "timeout">;
    constructor(client: Client, defaults: Pick<CallOptions, "attempts" | "timeout">);
    /** Returns the options of a call, with those of the client where it says nothing. */
    options<Options extends CallOptions>(options: Options): Options;
    answer<Data>(request: (call: Call) => Promise<Answer<Data>>, options: CallOptions): Promise<Answer<Data>>;
    data<Data>(request: (call: Call) => Promise<Answer<Data>>, options: CallOptions): Promise<Data>;
    tagged<Data extends object>(request: (call: Call) => Promise<Answer<Data>>, options: CallOptions): Promise<Tagged<Data>>;
}
/** Returns an idempotency key that nobody else makes up. */
export declare function newKey(): string;
