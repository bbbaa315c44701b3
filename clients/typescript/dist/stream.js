import { connect } from "./connection.js";
import { ApiError } from "./errors.js";
import { delayAfter, pause } from "./retry.js";
import { cameOfAsking } from "./token.js";
// Refusals that pass: too slow, too early, too often.
const PASSING = new Set([408, 425, 429]);
/** Yields what happens in a chat, or in many, as `Chats.stream` says. */
export async function* streamed(client, followed, { timeout = 45_000, signal }) {
    const one = "chats" in followed ? undefined : followed;
    const source = "chats" in followed ? manyChats(followed) : oneChat(followed);
    const isNews = news();
    const patience = { first: timeout, silence: timeout };
    let lastId;
    for (let attempt = 1;; attempt++) {
        let failure;
        let isToComeBack = false;
        try {
            for await (const told of connect(client, source, { lastId, ...patience, signal })) {
                attempt = 1;
                for (const { event, id } of told) {
                    signal?.throwIfAborted();
                    lastId = id;
                    if (event.event === "bye")
                        isToComeBack = true;
                    else if (isNews(event))
                        yield { ...event, cursor: one ? Number(id) : id };
                    if (event.event === "gone" && (one || id === ""))
                        return;
                }
            }
        }
        catch (error) {
            signal?.throwIfAborted();
            if (one && isNoChat(error)) {
                const { chat_id, since = 0 } = one;
                yield { event: "gone", chat_id, cursor: Number(lastId ?? since) };
                return;
            }
            if (isFinal(error))
                throw error;
            failure = error;
        }
        if (!isToComeBack)
            await pause(delayAfter(failure, attempt), signal);
    }
}
/** Returns the source that is one chat, after a revision or from now. */
export function oneChat({ chat_id, since }) {
    const url = "/api/v1/chats/{chat_id}/changes/stream";
    return { url, path: { chat_id }, query: { since } };
}
function manyChats({ chats }) {
    const one = (chat) => [chat].flat().join(".");
    const written = typeof chats === "string" ? chats : [...chats].map(one).join(",");
    return { url: "/api/v1/changes/stream", query: { chats: written } };
}
/** Returns what tells whether an event says something that no earlier one has said. */
function news() {
    const ready = new Set();
    const revisions = new Map();
    return (event) => {
        if (event.event === "gone")
            return true;
        const { chat_id: chatId, revision } = event;
        if (event.event === "ready" && ready.has(chatId))
            return false;
        if (event.event === "change" && revision <= (revisions.get(chatId) ?? -1))
            return false;
        if (event.event === "ready")
            ready.add(chatId);
        revisions.set(chatId, revision);
        return true;
    };
}
function isNoChat(error) {
    return error instanceof ApiError && error.type === "/problems/chat-not-found";
}
function isFinal(error) {
    if (cameOfAsking(error))
        return true;
    if (!(error instanceof ApiError) || error.status === undefined)
        return false;
    const { status } = error;
    return status >= 400 && status < 500 && !PASSING.has(status);
}
