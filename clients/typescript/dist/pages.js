const LARGEST_PAGE = 100;
/**
 * Yields what a list holds, a page at a time, as `Link` leads from one to the other (RFC 8288). A
 * page may be short, or even empty, before the last.
 */
export async function* listed(calls, read, { limit: left = Infinity, from = {}, rel = "next" }, options) {
    let place = from;
    while (place !== undefined && left > 0) {
        const page = { ...place, limit: Math.min(left, LARGEST_PAGE) };
        const { data, response } = await calls.answer((call) => read(call, page), options);
        yield* rel === "next" ? data : data.reverse();
        left -= data.length;
        place = linked(response, rel);
    }
}
// Of the address only the query counts: a gateway may serve the path below another.
function linked(response, rel) {
    const link = response.headers.get("Link") ?? "";
    const [, query] = new RegExp(`<[^>?]*\\?([^>]*)>; rel="${rel}"`).exec(link) ?? [];
    if (query === undefined)
        return undefined;
    const { before, after, cursor } = Object.fromEntries(new URLSearchParams(query));
    const id = (text) => (text === undefined ? undefined : Number(text));
    return { before: id(before), after: id(after), cursor };
}
