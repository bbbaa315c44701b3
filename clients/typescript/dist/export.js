import { Deadline } from "./deadline.js";
import { ConnectionFailed, failureOf, UnexpectedAnswer } from "./errors.js";
import { retrying } from "./retry.js";
/** Yields every message of all chats, or of one, as `Messages.export` says. */
export async function* exportMessages(client, query, { timeout = 10_000, ...options }) {
    const open = (signal) => client.get({
        url: "/api/v1/messages/",
        query,
        headers: { Accept: "application/x-ndjson" },
        parseAs: "stream",
        signal,
        throwOnError: true,
    });
    const { data } = await retrying(open, { timeout, ...options });
    for await (const line of lines(data, timeout, options.signal))
        yield messageOf(line);
}
function messageOf(line) {
    try {
        return JSON.parse(line);
    }
    catch (cause) {
        throw new UnexpectedAnswer({ detail: "A line of the export is no message.", cause });
    }
}
async function* lines(stream, timeout, signal) {
    let rest = "";
    for await (const text of texts(stream, timeout, signal)) {
        const parts = (rest + text).split("\n");
        rest = parts.pop() ?? "";
        yield* parts;
    }
    if (rest === "")
        return;
    throw new ConnectionFailed({ detail: "The export ended in the middle of a message." });
}
// Reads by hand, because not every browser can iterate over a stream.
async function* texts(stream, timeout, signal) {
    const decoder = new TextDecoder();
    const deadline = new Deadline(signal);
    const reader = deadline.reader(stream);
    try {
        for (;;) {
            const { done, value } = await deadline.within(timeout, reader.read());
            if (done)
                return;
            yield decoder.decode(value, { stream: true });
        }
    }
    catch (error) {
        signal?.throwIfAborted();
        throw failureOf(error);
    }
    finally {
        deadline.end(); // Closes the connection of a reader who has seen enough.
    }
}
