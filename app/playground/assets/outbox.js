/**
 * What is being sent: it is shown at once, and sent again with its idempotency key when nobody
 * knows what became of it, so that it is stored once.
 */

import { allowed, onAllowed } from "./access.js";
import { call, newKey, revisionOf } from "./api.js";
import { addSent, newestItem, opened, toEnd, toNewest } from "./conversation.js";
import { avatar, byId, element } from "./dom.js";
import { me } from "./me.js";
import { mayChange, sentHere } from "./message.js";

const MAX_LENGTH = 5000;
// From how many characters on the rest is counted.
const COUNTED_FROM = 4500;
const NO_ANSWER = "No answer came. Send it again: it is stored only once.";

const list = byId("outbox");
const form = byId("composer");
const input = byId("text");
const hint = byId("composer-hint");

/** What was not stored yet, in the order of sending: `{ chatId, key, body, state, item, why }`. */
let waiting = [];
// Each is sent when those before it are through, so that they stay in order.
let last = Promise.resolve();

function lengthOf(text) {
  return [...text].length; // The service counts characters, not UTF-16 units.
}

async function send() {
  const text = input.value;
  if (!text.trim() || lengthOf(text) > MAX_LENGTH || opened.id === null || !allowed.send) return;
  const author = allowed.author === null && me() ? { author: me() } : {};
  const one = { chatId: opened.id, key: newKey(), body: { text, ...author } };
  input.value = "";
  fit();
  waiting.push(one);
  await toNewest();
  post(one);
  toEnd();
}

function post(one) {
  set(one, "pending");
  last = last.then(() => deliver(one));
}

async function deliver(one) {
  try {
    const headers = { "Idempotency-Key": one.key };
    const { data, etag } = await call("POST", `chats/${one.chatId}/messages/`, {
      body: one.body,
      headers,
    });
    sentHere.add(data.id);
    waiting = waiting.filter((other) => other !== one);
    one.item.remove();
    addSent(data, revisionOf(etag));
  } catch (problem) {
    one.why = problem.status ? `${problem.title}. ${problem.message}` : NO_ANSWER;
    set(one, "failed");
  }
}

/** Show that a message is pending, or failed. */
function set(one, state) {
  one.state = state;
  const item = itemOf(one);
  one.item = item;
  showOutbox();
  if (one.chatId === opened.id) toEnd();
}

/** Show what of the open chat is waiting. */
export function showOutbox() {
  const items = waiting
    .filter((one) => one.chatId === opened.id)
    .map((one) => one.item ?? itemOf(one));
  list.replaceChildren(...items);
  list.hidden = items.length === 0;
}

/** Have the stream's copy of a message stand for the one that waits, until its answer is here. */
export function matchOutbox(changes) {
  for (const { chat_id, message } of changes) {
    const found = waiting.find(
      ({ chatId, body, state, isMatched }) =>
        state === "pending" &&
        !isMatched &&
        chatId === chat_id &&
        body.text === message?.text &&
        me() === (message.author ?? ""),
    );
    if (!found) continue;
    found.isMatched = true;
    found.item.hidden = true;
    sentHere.add(message.id);
  }
}

function itemOf(one) {
  const isFailed = one.state === "failed";
  const again = () => post(one);
  const discard = () => {
    waiting = waiting.filter((other) => other !== one);
    showOutbox();
    input.focus();
  };
  return element(
    "li",
    { class: `message mine ${one.state}` },
    avatar(one.body.author ?? ""),
    element(
      "div",
      { class: "bubble" },
      element("p", { class: "text" }, one.body.text),
      element(
        "p",
        { class: "foot", role: "status" },
        isFailed ? `Not sent. ${one.why}` : "Sending …",
      ),
      isFailed ? element("button", { class: "outline", onclick: again }, "Send again") : null,
      isFailed ? element("button", { class: "link", onclick: discard }, "Discard") : null,
    ),
  );
}

/** Make the field as high as its text, and count what little room is left. */
function fit() {
  input.style.height = "";
  if (input.value) input.style.height = `${input.scrollHeight + 2}px`; // With its borders.
  const length = lengthOf(input.value);
  const left = MAX_LENGTH - length;
  hint.textContent = length >= COUNTED_FROM ? `${left} characters left` : "";
  byId("send").disabled = left < 0 || !input.value.trim();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
input.addEventListener("input", fit);
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
  if (event.key === "ArrowUp" && input.value === "") {
    const own = newestItem((message) => mayChange(message) && (message.author ?? "") === me());
    own?.querySelector("[data-action=edit]")?.click();
  }
});
onAllowed(() => {
  form.hidden = !allowed.send;
});
fit();
