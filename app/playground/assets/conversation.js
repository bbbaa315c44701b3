/**
 * The messages of the open chat: a window of them that moves as one scrolls, so that a chat of any
 * length takes the room of a short one.
 */

import { call, revisionOf } from "./api.js";
import { announce, byId, dayOf, element, notify } from "./dom.js";
import { carryEditor, decorate, messageItem } from "./message.js";

const PAGE = 100;
// How many messages there are in the document at most.
const MAX_SHOWN = 400;
// Pixels from either end at which more are loaded.
const AHEAD = 1500;
// Pixels from the end within which one reads the newest.
const NEAR_END = 80;

const scroller = byId("scroller");
const list = byId("messages");
const beginning = byId("beginning");
const newest = byId("newest");

/** The open chat: its id, or null, and the revision of what is shown, null while it is read. */
export const opened = { id: null, revision: null };

// The messages that are shown, each `{ message, item }`, by rising ids.
let rows = [];
let isAtStart = false;
let isAtEnd = true;
let isLoading = false;
let unseen = 0;
// Changes that came while the chat was read.
let early = [];

/**
 * Open a chat at its newest messages, or around one. Returns the chat, or null if another was
 * opened meanwhile; throws Problem.
 */
export async function openChat(id, aroundId = null) {
  Object.assign(opened, { id, revision: null });
  show([]);
  early = [];
  isLoading = true;
  try {
    const around = { query: { limit: PAGE, around: aroundId } };
    const [chat, page] = await Promise.all([
      call("GET", `chats/${id}`, { query: { limit: aroundId ? 1 : PAGE } }),
      aroundId ? call("GET", `chats/${id}/messages/`, around) : null,
    ]);
    if (opened.id !== id) return null;
    opened.revision = revisionOf(chat.etag);
    const { messages, ...rest } = chat.data;
    const last = messages.at(-1)?.id ?? 0;
    const chosen = page?.data ?? messages;
    isAtStart = !page && messages.length < PAGE;
    isAtEnd = !page || (chosen.at(-1)?.id ?? 0) >= last;
    show(chosen);
    if (aroundId) pointAt(aroundId);
    else toEnd();
    return rest;
  } finally {
    if (opened.id === id) {
      isLoading = false;
      const since = early;
      early = [];
      applyToConversation(since);
      loadWhereNeeded();
    }
  }
}

/** Close the chat that is open, if one is. */
export function closeChat() {
  Object.assign(opened, { id: null, revision: null });
  show([]);
}

/** Show the newest messages, of which the last may not have been loaded. */
export async function toNewest() {
  if (isAtEnd) toEnd();
  else await openChat(opened.id).catch(notify);
}

/**
 * Take changes of the chat, in their order. What was sent before `since` (milliseconds, or NaN)
 * was missed.
 */
export function applyToConversation(changes, since = NaN) {
  if (opened.revision === null) {
    early.push(...changes);
    return;
  }
  const isReadingNewest = isNearEnd();
  const heard = [];
  for (const { revision, message_id, message } of changes) {
    if (revision <= opened.revision) continue;
    opened.revision = revision;
    const at = positionOf(message_id);
    const isShown = rows[at]?.message.id === message_id;
    if (!message) {
      if (isShown) remove(at);
    } else if (isShown) {
      replace(at, message);
    } else if (at < rows.length || !isAtEnd) {
      if (message_id > (rows.at(-1)?.message.id ?? 0)) unseen += 1;
    } else {
      const isMissed = Date.parse(message.created_at) < since;
      append(message, isMissed && !list.querySelector("[data-missed]"));
      heard.push(message);
    }
  }
  if (changes.length) settle();
  if (isReadingNewest && isAtEnd) toEnd();
  else unseen += heard.length;
  showUnseen();
  if (heard.length === 1) announce(`${heard[0].author ?? "Somebody"}: ${heard[0].text}`);
  else if (heard.length) announce(`${heard.length} new messages`);
}

/**
 * Show a message that this page sent. Where the stream has told what came after its `revision`, it
 * is there already, by now perhaps edited, or was.
 */
export function addSent(message, revision) {
  if (message.chat_id !== opened.id || opened.revision === null) return;
  const at = positionOf(message.id);
  if (rows[at]?.message.id === message.id) {
    replace(at, rows[at].message); // It is known now who sent it.
  } else if (isAtEnd && revision > opened.revision) {
    const made = row(message);
    rows.splice(at, 0, made);
    list.insertBefore(made.item, rows[at + 1]?.item ?? null);
    toEnd();
  }
  settle();
}

/** Show all messages anew, for somebody else. */
export function redraw() {
  const { scrollTop } = scroller;
  show(rows.map(({ message }) => message));
  scroller.scrollTop = scrollTop;
}

/** Return the newest message that is shown of those for which `matches` is true. */
export function newestItem(matches) {
  return rows.findLast(({ message }) => matches(message))?.item ?? null;
}

function row(message) {
  return { message, item: messageItem(message) };
}

/** Return where a message is among the rows, or would be. */
function positionOf(id) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].message.id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

function show(messages) {
  rows = messages.map(row);
  unseen = 0;
  list.replaceChildren(...rows.map(({ item }) => item));
  settle();
  showUnseen();
}

function append(message, isFirstMissed) {
  const made = row(message);
  if (isFirstMissed) made.item.dataset.missed = "";
  rows.push(made);
  list.append(made.item);
  if (rows.length > MAX_SHOWN && isNearEnd()) trimStart();
}

function replace(at, message) {
  const before = rows[at].item;
  const { item } = (rows[at] = row(message));
  const isFocused = before.contains(document.activeElement);
  if ("missed" in before.dataset) item.dataset.missed = "";
  before.replaceWith(item);
  if (isFocused) item.focus({ preventScroll: true });
  carryEditor(before, item, isFocused);
}

function remove(at) {
  const { item } = rows[at];
  if (item.contains(document.activeElement)) scroller.focus({ preventScroll: true });
  item.remove();
  rows.splice(at, 1);
}

/** Make each message look as what is before it demands. */
function settle() {
  for (const [at, { message, item }] of rows.entries())
    decorate(item, message, rows[at - 1]?.message);
  beginning.hidden = !(isAtStart && opened.revision !== null);
  beginning.textContent = rows.length
    ? `The beginning, ${dayOf(rows[0].message.created_at)}`
    : "No messages yet. Say hello.";
}

/** Do something to the rows while the one that is looked at stays where it is. */
function inPlace(change) {
  const top = scroller.getBoundingClientRect().top;
  const anchor = rows.find(({ item }) => item.getBoundingClientRect().bottom > top)?.item;
  const before = anchor?.getBoundingClientRect().top;
  change();
  settle();
  if (anchor?.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - before;
}

function trimStart() {
  for (const { item } of rows.splice(0, rows.length - MAX_SHOWN)) item.remove();
  isAtStart = false;
}

function trimEnd() {
  for (const { item } of rows.splice(MAX_SHOWN)) item.remove();
  isAtEnd = false;
}

/** Load older or newer messages, where the end of those that are shown comes near. */
async function loadWhereNeeded() {
  if (isLoading || opened.revision === null || rows.length === 0) return;
  const below = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  if (!isAtStart && scroller.scrollTop < AHEAD) await load("before", rows[0].message.id);
  else if (!isAtEnd && below < AHEAD) await load("after", rows.at(-1).message.id);
}

async function load(direction, from) {
  const { id } = opened;
  isLoading = true;
  try {
    const query = { [direction]: from, limit: PAGE };
    const { data } = await call("GET", `chats/${id}/messages/`, { query });
    if (opened.id !== id) return;
    inPlace(() => (direction === "before" ? addOlder(data) : addNewer(data)));
  } catch (problem) {
    notify(problem);
    return;
  } finally {
    if (opened.id === id) isLoading = false;
  }
  loadWhereNeeded();
}

function addOlder(messages) {
  const made = messages.map(row);
  rows.unshift(...made);
  list.prepend(...made.map(({ item }) => item));
  isAtStart = messages.length < PAGE;
  if (rows.length > MAX_SHOWN) trimEnd();
}

function addNewer(messages) {
  const made = messages.map(row);
  rows.push(...made);
  list.append(...made.map(({ item }) => item));
  isAtEnd = messages.length < PAGE;
  if (isAtEnd) unseen = 0;
  if (rows.length > MAX_SHOWN) trimStart();
}

function isNearEnd() {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
}

/** Scroll to the end. */
export function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  unseen = 0;
  showUnseen();
}

function pointAt(id) {
  const item = rows[positionOf(id)]?.item;
  item?.scrollIntoView({ block: "center" });
  item?.classList.add("pointed");
  item?.focus({ preventScroll: true });
}

function showUnseen() {
  newest.hidden = isAtEnd && (unseen === 0 || isNearEnd());
  newest.textContent = unseen
    ? `${unseen} new ${unseen === 1 ? "message" : "messages"}`
    : "Newest messages";
}

scroller.addEventListener(
  "scroll",
  () => {
    if (isNearEnd() && isAtEnd) unseen = 0;
    showUnseen();
    loadWhereNeeded();
  },
  { passive: true },
);
newest.addEventListener("click", toNewest);
