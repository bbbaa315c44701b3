/** Search: titles among the chats that are loaded, messages wherever they are. */

import { call } from "./api.js";
import { filterChats, titleOf } from "./chats.js";
import { avatar, briefly, byId, element, walkByArrows } from "./dom.js";

// Milliseconds without a key stroke after which the service is asked.
const PAUSE = 300;
const PAGE = 20;

const input = byId("search");
const section = byId("found");
const list = byId("found-list");
const hint = byId("found-empty");
const more = byId("more-found");

let timer = 0;
let asked = 0;
let next = null;

input.addEventListener("input", () => {
  const words = input.value.trim();
  filterChats(words);
  clearTimeout(timer);
  asked += 1;
  section.hidden = !words;
  hint.textContent = "";
  if (!words) return;
  const query = new URLSearchParams({ q: words, limit: PAGE });
  timer = setTimeout(() => find(`messages/?${query}`, []), PAUSE);
});

input.addEventListener("keydown", (event) => {
  if (event.key === "Escape") clear();
});

document.addEventListener("keydown", (event) => {
  const isTyped = event.target.closest?.("input, textarea, dialog");
  if (event.key === "/" && !isTyped) {
    event.preventDefault();
    input.focus();
  }
});

function clear() {
  input.value = "";
  input.dispatchEvent(new Event("input"));
}

/** Show what a page of found messages has, behind the links that are there already. */
async function find(path, before) {
  const mine = asked;
  try {
    const page = await call("GET", path);
    if (mine !== asked) return; // Other words were typed meanwhile.
    next = page.next;
    list.replaceChildren(
      ...before,
      ...page.data.map((message) => element("li", {}, linkTo(message))),
    );
    hint.textContent = list.children.length ? "" : "No message has these words.";
    more.hidden = !next;
  } catch (problem) {
    if (mine !== asked) return;
    list.replaceChildren(...before);
    hint.textContent = `${problem.title}. ${problem.message}`;
    more.hidden = true;
  }
}

function linkTo(message) {
  const title = titleOf(message.chat_id);
  return element(
    "a",
    { href: `#chat=${message.chat_id}&message=${message.id}` },
    avatar(message.author ?? ""),
    element("span", { class: "name" }, message.author ? `${message.author} in ${title}` : title),
    element("time", { datetime: message.created_at }, briefly(message.created_at)),
    element("span", { class: "said" }, message.text.slice(0, 200)),
  );
}

more.addEventListener("click", () => find(next, [...list.children]));
walkByArrows(list);
