/** Small things that every part of the page uses. */

/** Return the element with an id of index.html. */
export const byId = (id) => document.getElementById(id);

/**
 * Return a new element. Texts are only ever text, whoever wrote them, never markup.
 * Attributes whose names begin with `on` are listeners; one that is null or false is left out.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (attribute.startsWith("on")) made.addEventListener(attribute.slice(2), value);
    else made.setAttribute(attribute, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** Return an element that shows a time of the day, and tells all of it when pointed at. */
export function clock(iso) {
  const when = new Date(iso);
  return element("time", { datetime: iso, title: FULL.format(when) }, TIME.format(when));
}

/** Return the day of a time, in words. */
export function dayOf(iso) {
  const when = new Date(iso);
  return isToday(when) ? "Today" : DAY.format(when);
}

/** Return a time as shortly as a list can show it. */
export function briefly(iso) {
  const when = new Date(iso);
  return isToday(when) ? TIME.format(when) : SHORT_DAY.format(when);
}

function isToday(when) {
  return when.toDateString() === new Date().toDateString();
}

/** Return the picture of a name: its first letter, on a colour that it always has. */
export function avatar(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  const made = element("span", { class: "avatar", "aria-hidden": "true" });
  made.textContent = [...name.trim()][0]?.toUpperCase() ?? "·";
  made.style.setProperty("--hue", hash);
  return made;
}

/** Say something to those who listen instead of looking. */
export function announce(text) {
  byId("announcer").textContent = text;
}

/** Show what went wrong, until it is read or a while has passed. */
export function notify(problem) {
  const close = () => notice.remove();
  const notice = element(
    "div",
    { class: "notice" },
    element("strong", {}, problem.title),
    element("span", {}, problem.message),
    problem.requestId ? element("code", {}, problem.requestId) : null,
    element("button", { class: "link", onclick: close }, "Dismiss"),
  );
  byId("notices").replaceChildren(notice);
  setTimeout(close, 12_000);
}

/** Have a list's links be gone through by the arrow keys, too. */
export function walkByArrows(list) {
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const links = [...list.querySelectorAll("a")];
    const next = links[links.indexOf(document.activeElement) + step];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  });
}
