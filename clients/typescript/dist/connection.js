import { Deadline } from "./deadline.js";
import { EventParser } from "./sse.js";
const KINDS = new Set([
    "ready",
    "change",
    "reset",
    "gone",
    "bye",
]);
/**
 * Yields what the service tells by one connection, those events together that arrive together,
 * until it ends. Who stops iterating closes it at once.
 *
 * @throws {@link ApiError} when the service refuses; what `fetch` throws when the connection
 * fails; a `TimeoutError` when it is silent for too long; the reason of `signal` when aborted.
 */
export async function* connect(client, source, { lastId, first, silence, signal }) {
    const deadline = new Deadline(signal);
    let patience = first;
    try {
        const opening = open(client, source, lastId, deadline.signal);
        const reader = deadline.reader(await deadline.within(patience, opening));
        const parser = new EventParser();
        for (;;) {
            const { done, value } = await deadline.within(patience, reader.read());
            if (done)
                return;
            const told = parser.take(value).filter(({ type }) => KINDS.has(type)).map(read);
            if (told.length === 0)
                continue;
            patience = silence;
            yield told;
            if (told.at(-1)?.event.event === "bye")
                return;
        }
    }
    finally {
        deadline.end();
    }
}
async function open(client, source, lastId, signal) {
    const { data } = await client.get({
        ...source,
        headers: { Accept: "text/event-stream", "Last-Event-ID": lastId || undefined },
        // A browser's cache would have others who ask the same wait until this answer ends.
        cache: "no-store",
        parseAs: "stream",
        signal,
        throwOnError: true,
    });
    return data;
}
function read({ data, id }) {
    return { event: JSON.parse(data), id };
}
