/** One message: how it looks, and how it is edited and deleted in place. */

import { allowed } from "./access.js";
import { call } from "./api.js";
import { avatar, clock, dayOf, element, notify } from "./dom.js";
import { me } from "./me.js";

// Milliseconds within which messages of one author stand together.
const TOGETHER = 5 * 60_000;

/** Messages that this page sent, by their ids. */
export const sentHere = new Set();

/** Return the item of a list that shows a message. */
export function messageItem(message) {
  const author = message.author ?? "";
  const item = element(
    "li",
    { class: isMine(message) ? "message mine" : "message", "data-id": message.id, tabindex: "-1" },
    avatar(author),
    element(
      "div",
      { class: "bubble" },
      element("p", { class: "head" }, element("span", { class: "who" }, author || "No name")),
      element("p", { class: "text" }, message.text),
      element(
        "p",
        { class: "foot" },
        message.edited_at ? "edited " : "",
        clock(message.created_at),
        mark(message),
      ),
    ),
  );
  if (mayChange(message)) item.querySelector(".bubble").append(actions(item, message));
  return item;
}

function isMine({ id, author }) {
  return author ? author === me() : sentHere.has(id);
}

function mark({ id }) {
  if (!sentHere.has(id)) return null;
  return element(
    "span",
    { class: "mark", title: "Sent" },
    " ✓",
    element("span", { class: "unseen" }, " sent"),
  );
}

/** Return whether the caller may edit and delete a message: with a token, only an own one. */
export function mayChange({ author }) {
  return allowed.send && (allowed.author === null || author === allowed.author);
}

/** Give a message the day before it, and its author, unless those before it say both. */
export function decorate(item, message, previous) {
  const day = dayOf(message.created_at);
  const isNewDay = !previous || dayOf(previous.created_at) !== day;
  const isMissed = "missed" in item.dataset;
  item.querySelector(":scope > .divider")?.remove();
  if (isNewDay || isMissed) {
    const said = isMissed ? "While you were away" : day;
    item.prepend(element("p", { class: "divider" }, element("span", {}, said)));
  }
  const isClose =
    previous && Date.parse(message.created_at) - Date.parse(previous.created_at) < TOGETHER;
  const follows = !isNewDay && !isMissed && isClose && previous.author === message.author;
  item.classList.toggle("follows", Boolean(follows));
}

function actions(item, message) {
  const about = `message by ${message.author ?? "nobody named"}`;
  return element(
    "div",
    { class: "actions" },
    element(
      "button",
      {
        class: "link",
        "aria-label": `Edit ${about}`,
        "data-action": "edit",
        onclick: () => edit(message),
      },
      "Edit",
    ),
    element(
      "button",
      {
        class: "link",
        "aria-label": `Delete ${about}`,
        "data-action": "delete",
        onclick: () => askToDelete(item, message),
      },
      "Delete",
    ),
  );
}

function pathOf({ chat_id, id }) {
  return `chats/${chat_id}/messages/${id}`;
}

/** Have an editor that is open stay so when a newer version of the message takes its place. */
export function carryEditor(from, to, isFocused) {
  const form = from.querySelector("form");
  if (!form) return;
  to.classList.add("editing");
  to.querySelector(".bubble").append(form);
  if (isFocused) form.querySelector("textarea").focus({ preventScroll: true });
}

/** Begin to edit a message: what is saved replaces only the version that was read here. */
async function edit(message) {
  let current;
  try {
    current = await call("GET", pathOf(message));
  } catch (problem) {
    notify(problem);
    return;
  }
  // Another item may show it by now, or none, or an editor.
  const item = document.querySelector(`#messages [data-id="${message.id}"]`);
  if (!item || item.querySelector("form")) return;
  const input = element("textarea", { "aria-label": "New text", rows: "2" });
  const wrong = element("p", { class: "wrong small", role: "alert" });
  const close = () => {
    const edited = form.closest(".message");
    form.remove();
    edited?.classList.remove("editing");
    edited?.focus();
  };
  const save = async (event) => {
    event.preventDefault();
    try {
      const headers = { "If-Match": current.etag };
      await call("PATCH", pathOf(message), { body: { text: input.value }, headers });
      close(); // The stream brings the new text.
    } catch (problem) {
      wrong.textContent = `${problem.title}. ${problem.message}`;
      if (problem.status === 412) await reread();
    }
  };
  const reread = async () => {
    try {
      current = await call("GET", pathOf(message));
      wrong.textContent = `Somebody changed it to “${current.data.text}”. Save again to replace that.`;
    } catch (problem) {
      wrong.textContent = problem.title;
    }
  };
  const form = element(
    "form",
    { class: "edit", onsubmit: save },
    input,
    wrong,
    element("button", { class: "primary" }, "Save"),
    element("button", { type: "button", class: "link", onclick: close }, "Cancel"),
  );
  input.value = current.data.text;
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) save(event);
  });
  item.classList.add("editing");
  item.querySelector(".bubble").append(form);
  input.focus();
}

function askToDelete(item, message) {
  const bar = item.querySelector(".actions");
  const before = [...bar.children];
  const keep = () => {
    bar.replaceChildren(...before);
    bar.querySelector("[data-action=delete]").focus();
  };
  const remove = async () => {
    try {
      await call("DELETE", pathOf(message));
    } catch (problem) {
      if (problem.status !== 404) {
        keep();
        notify(problem);
      }
    }
  };
  const yes = element("button", { class: "link wrong", onclick: remove }, "Delete for all");
  bar.replaceChildren(yes, element("button", { class: "link", onclick: keep }, "Keep"));
  yes.focus();
}
