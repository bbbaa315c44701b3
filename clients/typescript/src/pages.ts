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

const LARGEST_PAGE = 100;

/**
 * Yields what a list holds, a page at a time, as `Link` leads from one to the other (RFC 8288). A
 * page may be short, or even empty, before the last.
 */
export async function* listed<Item>(
  calls: Calls,
  read: (call: Call, page: Page) => Promise<Answer<Item[]>>,
  { limit: left = Infinity, from = {}, rel = "next" }: ListOptions,
  options: CallOptions,
): AsyncGenerator<Item, void, undefined> {
  let place: Place | undefined = from;
  while (place !== undefined && left > 0) {
    const page = { ...place, limit: Math.min(left, LARGEST_PAGE) };
    const { data, response } = await calls.answer((call) => read(call, page), options);
    yield* rel === "next" ? data : data.reverse();
    left -= data.length;
    place = linked(response, rel);
  }
}

// Of the address only the query counts: a gateway may serve the path below another.
function linked(response: Response, rel: string): Place | undefined {
  const link = response.headers.get("Link") ?? "";
  const [, query] = new RegExp(`<[^>?]*\\?([^>]*)>; rel="${rel}"`).exec(link) ?? [];
  if (query === undefined) return undefined;
  const { before, after, cursor } = Object.fromEntries(new URLSearchParams(query));
  const id = (text: string | undefined) => (text === undefined ? undefined : Number(text));
  return { before: id(before), after: id(after), cursor };
}
