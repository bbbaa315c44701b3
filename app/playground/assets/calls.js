/** The panel of calls: each as a command for a shell, with its answer. */

import { isGuarded } from "./access.js";
import { byId, element } from "./dom.js";

const MAX_CALLS = 50;
const MAX_ANSWER = 4000;
const OPEN = "calls are shown";
// In place of the key or token, which a reader has in a variable.
const PLACEHOLDER = '-H "Authorization: Bearer $CHAT_API_KEY"';

const panel = byId("calls");
const list = byId("call-list");
const toggle = byId("toggle-calls");

/**
 * List a call: `response` and `text` are its answer, or else it `failed`; it took `ms`.
 * A stream has no `text`.
 */
export function record(request, { response, text, ms, failed = false }) {
  const { pathname, search } = request.url;
  const status = failed ? "failed" : String(response.status);
  const curl = asCurl(request);
  const copy = element("button", { class: "outline", onclick: () => copyText(curl, copy) }, "Copy");
  const requestId = response?.headers.get("X-Request-ID");
  const entry = element(
    "details",
    {},
    element(
      "summary",
      {},
      element("span", { class: "method" }, request.method),
      element("span", { class: "path" }, decodeURIComponent(pathname + search)),
      element("span", { class: failed || !response.ok ? "code wrong" : "code" }, status),
    ),
    element("div", { class: "command" }, element("pre", { tabindex: "0" }, curl), copy),
    requestId &&
      element(
        "p",
        { class: "small" },
        "Request id ",
        element("code", {}, requestId),
        ` in ${Math.round(ms)} ms`,
      ),
    element(
      "pre",
      { class: "answer", tabindex: "0" },
      failed ? "No answer came." : shown(text, response),
    ),
  );
  list.prepend(element("li", {}, entry));
  while (list.children.length > MAX_CALLS) list.lastChild.remove();
}

function shown(text, response) {
  if (text === undefined) return "A stream, which goes on.";
  if (!text) return `${response.status}, without a body.`;
  let plain = text;
  try {
    plain = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // It is shown as it came.
  }
  return plain.length > MAX_ANSWER ? `${plain.slice(0, MAX_ANSWER)}\n…` : plain;
}

function asCurl({ method, url, headers, body }) {
  const command = ["curl"];
  if (headers.Accept === "text/event-stream") command.push("-N");
  if (method !== "GET") command.push("-X", method);
  const lines = [[...command, quoted(url.href)].join(" ")];
  if (isGuarded) lines.push(PLACEHOLDER);
  for (const [name, value] of Object.entries(headers))
    lines.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body) lines.push(`-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

/** Return a text as a shell takes it literally. */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Where a page came without TLS there is no clipboard, but a selection can be copied.
    getSelection().selectAllChildren(button.previousSibling);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

function show(isShown) {
  panel.hidden = !isShown;
  toggle.setAttribute("aria-expanded", isShown);
  sessionStorage.setItem(OPEN, isShown);
}

toggle.addEventListener("click", () => {
  show(panel.hidden);
  if (!panel.hidden) byId("close-calls").focus();
});
byId("close-calls").addEventListener("click", () => {
  show(false);
  toggle.focus();
});
show(
  (sessionStorage.getItem(OPEN) ?? String(matchMedia("(min-width: 1200px)").matches)) === "true",
);
