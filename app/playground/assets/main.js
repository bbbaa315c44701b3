/** The page: which chat is open, and what the stream brings to whom. */

import { allowed, forget, isGuarded, onAllowed } from "./access.js";
import { call, newKey } from "./api.js";
import {
  addChat,
  applyToChats,
  dropChat,
  hasNoChats,
  loadedChats,
  markCurrent,
  onChats,
  refreshChats,
  titleOf,
} from "./chats.js";
import { applyToConversation, closeChat, openChat, opened, redraw } from "./conversation.js";
import { announce, byId, notify } from "./dom.js";
import { onName } from "./me.js";
import { matchOutbox, showOutbox } from "./outbox.js";
import "./search.js";
import { Stream } from "./stream.js";

// Milliseconds between two looks for chats that others have created: of these no stream tells.
const LOOK_EVERY = 10_000;

const STATES = {
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  offline: "Offline",
};

// Of the chat that is being named.
let chatKey = "";
// Whether the chat that the address names is to be read again as soon as the service answers.
let couldNotOpen = false;

const stream = new Stream({ onEvents: take, onState: showState });

function showState(state) {
  const status = byId("status");
  if (status.dataset.state === state) return;
  status.dataset.state = state;
  byId("status-text").textContent = STATES[state];
}

/** Give each what it has to know of some events. */
function take(events, since) {
  const changes = events.filter(({ event }) => event === "change");
  const ofOpened = changes.filter(({ chat_id }) => chat_id === opened.id);
  const isUnsure = applyToChats(changes);
  matchOutbox(changes);
  applyToConversation(ofOpened, since);
  for (const { event, chat_id } of events) {
    if (event === "gone") leave(chat_id);
    if (event === "reset" && chat_id === opened.id) route();
  }
  // A chat that is followed from now on may have moved since it was read.
  if (isUnsure || events.some(({ event }) => event === "ready")) look();
}

function leave(id) {
  dropChat(id);
  if (id === opened.id) {
    announce("The chat was deleted");
    location.hash = "";
  }
}

function follow() {
  const wanted = new Map();
  if (opened.revision !== null) wanted.set(opened.id, opened.revision);
  for (const { id } of loadedChats()) if (!wanted.has(id)) wanted.set(id, null);
  stream.watch(wanted);
}

/** Look which chats there are now. */
async function look() {
  try {
    await refreshChats({ quiet: true });
    if (hasNoChats()) showState("connected");
    welcome();
    if (couldNotOpen) route();
  } catch (problem) {
    if (hasNoChats()) showState(problem.status ? "reconnecting" : "offline");
  }
}

/** Open the chat that the address names, or none. */
async function route() {
  const named = new URLSearchParams(location.hash.slice(1));
  const id = Number(named.get("chat")) || null;
  document.body.dataset.view = id ? "conversation" : "chats";
  markCurrent(id);
  byId("conversation").toggleAttribute("data-empty", !id);
  if (!id) {
    closeChat();
    title("", "");
    welcome();
    return;
  }
  title(titleOf(id), "");
  couldNotOpen = false;
  try {
    const opening = openChat(id, Number(named.get("message")) || null);
    showOutbox();
    const chat = await opening;
    if (!chat) return;
    addChat(chat);
    markCurrent(id);
    title(chat.title, `Chat ${id}, since ${new Date(chat.created_at).toLocaleDateString()}`);
    follow();
    if (named.has("message")) return; // It has the focus.
    byId(matchMedia("(pointer: fine)").matches ? "text" : "scroller").focus();
  } catch (problem) {
    notify(problem);
    if (problem.status === 404) location.hash = "";
    else couldNotOpen = true;
  }
}

function focusLink(hash) {
  document.querySelector(`#chat-list a[href="${hash}"]`)?.focus();
}

function title(name, about) {
  byId("chat-title").textContent = name;
  byId("chat-about").textContent = about;
  document.title = name ? `${name} · Playground` : "Playground";
}

function welcome() {
  const isNew = hasNoChats();
  byId("welcome-title").textContent = isNew ? "No chats yet" : "Choose a chat";
  byId("welcome-text").textContent = isNew
    ? "Create one, open this page in a second window, and talk to yourself."
    : "Or open this page in a second window, and see both move.";
  byId("first-chat").hidden = !isNew || !allowed.write;
}

function askForTitle() {
  byId("new-title").value = "";
  chatKey = newKey();
  byId("chat-dialog").showModal();
}

/** Create the chat whose title was given; the same title, given again, makes no second one. */
async function create(event) {
  event.preventDefault();
  const headers = { "Idempotency-Key": chatKey };
  const body = { title: byId("new-title").value };
  try {
    const { data } = await call("POST", "chats/", { body, headers });
    addChat(data);
    byId("chat-dialog").close();
    location.hash = `chat=${data.id}`;
  } catch (problem) {
    if (problem.status === 403) byId("chat-dialog").close();
    notify(problem);
  }
}

onChats(follow);
onName(redraw);
onAllowed(redraw);
onAllowed(welcome);
byId("new-chat").addEventListener("click", askForTitle);
byId("first-chat").addEventListener("click", askForTitle);
byId("new-title").addEventListener("input", () => (chatKey = newKey()));
byId("cancel-chat").addEventListener("click", () => byId("chat-dialog").close());
byId("chat-dialog").querySelector("form").addEventListener("submit", create);
byId("back").addEventListener("click", () => {
  const link = document.querySelector("#chat-list [aria-current]");
  const { hash } = link ?? location;
  location.hash = "";
  addEventListener("hashchange", () => focusLink(hash), { once: true });
});
byId("sign-out").hidden = !isGuarded;
byId("sign-out").addEventListener("click", () => {
  forget();
  location.reload();
});
addEventListener("hashchange", route);
document.addEventListener("visibilitychange", () => document.hidden || look());
setInterval(() => document.hidden || look(), LOOK_EVERY);

await refreshChats().catch(notify);
if (hasNoChats()) await look();
await route();
