import type { Answer, Call, Calls } from "./call.js";
import type { CallOptions } from "./retry.js";
/** Which of a list. */
export interface ListParams {
    /** How many to yield at most; all unless given. They are asked for by up to 100 at once. */
    limit?: number;
}
/** Where a page is in a list. */
interface Place {
    before?: number | undefined;
    after?: number | undefined;
    cursor?: string | undefined;
}
/** What a page is asked for by. */
export interface Page extends Place {
    limit: number;
}
/** How to list. */
interface ListOptions extends ListParams {
    /** Where the first page is. */
    from?: Place;
    /** Which way to go on: to the `next` pages or, from back to front, to the `prev` ones. */
    rel?: "next" | "prev";
}
/**
 * Yields what a list holds, a page at a time, as `Link` leads from one to the other (RFC 8288). A
 * page may be short, or even empty, before the last.
 */
export declare function listed<Item>(calls: Calls, read: (call: Call, page: Page) => Promise<Answer<Item[]>>, { limit: left, from, rel }: ListOptions, options: CallOptions): AsyncGenerator<Item, void, undefined>;
export {};
