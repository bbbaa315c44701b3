/** The list of chats: those that were last sent to first, each with its last message. */

import { allowed, onAllowed } from "./access.js";
import { call } from "./api.js";
import { avatar, briefly, byId, element, notify, walkByArrows } from "./dom.js";

const PAGE = 30;

const list = byId("chat-list");
const more = byId("more-chats");
const empty = byId("chats-empty");

/** Chats by their ids: as the API has them, and `activity` (a time), `unread` (a count). */
const chats = new Map();
/** The items that show them, by what they show. */
let items = new Map();

let next = null;
let filter = "";
let current = null;
let listener = () => {};

/** Have `changed` be called whenever chats came or went. */
export function onChats(changed) {
  listener = changed;
}

/** Return the chats that are loaded, the most active first. */
export function loadedChats() {
  return [...chats.values()].sort((a, b) => b.activity.localeCompare(a.activity) || b.id - a.id);
}

/** Return a chat's title, as far as it is known. */
export function titleOf(id) {
  return chats.get(id)?.title ?? `Chat ${id}`;
}

/** Read the first page anew. Throws Problem. */
export async function refreshChats({ quiet = false } = {}) {
  const page = await call("GET", "chats/", { query: { sort: "activity", limit: PAGE }, quiet });
  const known = chats.size;
  add(page.data);
  if (known <= PAGE) next = page.next;
  render();
}

/** Show one more page. */
async function loadMore() {
  try {
    const page = await call("GET", next);
    next = page.next;
    add(page.data);
    render();
  } catch (problem) {
    notify(problem);
  }
}

/**
 * Take chats as a page has them. The order is the service's: a chat whose last message was deleted
 * stands where it did, so that it is at least as active as the one behind it.
 */
function add(page) {
  let behind = "";
  for (const chat of page.toReversed()) {
    const own = secondOf(chat.last_message?.created_at ?? chat.created_at);
    const activity = own > behind ? own : behind;
    chats.set(chat.id, { ...chat, activity, unread: chats.get(chat.id)?.unread ?? 0 });
    behind = activity;
  }
  listener();
}

function secondOf(iso) {
  return iso.slice(0, 19);
}

/** Take a chat that is not among the pages, such as one that was just created. */
export function addChat(chat) {
  if (chats.has(chat.id)) Object.assign(chats.get(chat.id), { title: chat.title });
  else add([chat]);
  render();
}

/** Forget a chat that was deleted. */
export function dropChat(id) {
  if (chats.delete(id)) render();
}

/** Take changes of messages. Returns whether something has to be read anew. */
export function applyToChats(changes) {
  let isUnsure = false;
  for (const { chat_id, message_id, message } of changes) {
    const chat = chats.get(chat_id);
    if (!chat) continue;
    const last = chat.last_message?.id ?? 0;
    if (message && message_id >= last) {
      if (message_id > last && chat_id !== current) chat.unread += 1;
      chat.last_message = message;
      if (secondOf(message.created_at) > chat.activity)
        chat.activity = secondOf(message.created_at);
    } else if (message_id === last) {
      isUnsure = true; // Only the service knows which was before.
    }
  }
  render();
  return isUnsure;
}

/** Show which chat is open, or null. */
export function markCurrent(id) {
  current = id;
  if (chats.has(id)) chats.get(id).unread = 0;
  render();
}

/** Show only chats whose titles hold these words. */
export function filterChats(words) {
  filter = words.toLocaleLowerCase();
  render();
}

function render() {
  const focused = document.activeElement?.closest?.("#chat-list a")?.hash;
  const shown = loadedChats().filter((chat) => chat.title.toLocaleLowerCase().includes(filter));
  const before = items;
  items = new Map(shown.map((chat) => itemFor(chat, before)));
  const wanted = [...items.values()];
  // What is there already stays untouched, so that no click on it is lost.
  if (wanted.length !== list.children.length || wanted.some((one, at) => one !== list.children[at]))
    list.replaceChildren(...wanted);
  if (focused) list.querySelector(`a[href="${focused}"]`)?.focus();
  more.hidden = !next || filter !== "";
  const hint = filter ? "No loaded chat has such a title." : "No chats yet.";
  empty.textContent = hint;
  empty.hidden = shown.length > 0;
}

/** Return what a chat's item shows, and the item, which may be there already. */
function itemFor(chat, before) {
  const { id, title, activity, unread, last_message: last } = chat;
  const shows = JSON.stringify([
    id,
    title,
    activity,
    unread,
    last?.text,
    last?.author,
    id === current,
  ]);
  return [shows, before.get(shows) ?? element("li", {}, linkTo(chat))];
}

function linkTo(chat) {
  const last = chat.last_message;
  const said = last ? `${last.author ? `${last.author}: ` : ""}${last.text}` : "No messages";
  const unread =
    chat.unread > 0 &&
    element(
      "span",
      { class: "unread" },
      String(chat.unread),
      element("span", { class: "unseen" }, " unread"),
    );
  return element(
    "a",
    { href: `#chat=${chat.id}`, "aria-current": chat.id === current ? "page" : null },
    avatar(chat.title),
    element("span", { class: "name" }, chat.title),
    element("time", { datetime: chat.activity }, briefly(last?.created_at ?? chat.created_at)),
    element("span", { class: "said" }, said.slice(0, 200)),
    unread || null,
  );
}

/** Return whether no chat is loaded. */
export function hasNoChats() {
  return chats.size === 0;
}

more.addEventListener("click", loadMore);
walkByArrows(list);
onAllowed(() => {
  byId("new-chat").hidden = !allowed.write;
});
