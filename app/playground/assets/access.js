/** Who calls: the key or token, kept in this tab alone, and what it allows as far as is known. */

import { byId } from "./dom.js";

/** Where the calls are, below whatever path a proxy shows the service. */
export const API = new URL("../../api/v1/", import.meta.url);

const STORED = `credential of ${API.pathname}`;

/** Whether the service asks for a key or token. */
export const isGuarded = document.documentElement.dataset.access === "keys";

let credential = isGuarded ? sessionStorage.getItem(STORED) : null;
let asked = null;

/**
 * What the caller may do: `write` to chats themselves, `send` messages. `author` is who writes by
 * a token; null where the page may say that by itself.
 */
export const allowed = { write: true, send: true, author: null };

const listeners = [];

/** Have `listener` called whenever what is allowed has changed. */
export function onAllowed(listener) {
  listeners.push(listener);
  listener();
}

/** Return the key or token, asked for if need be; null where none is needed. */
export async function currentCredential() {
  if (!isGuarded) return null;
  return credential ?? (await ask(""));
}

/** Forget a credential that the service refused, and say why when asking for another. */
export async function refuse(refused, why) {
  if (refused === credential) forget();
  if (credential === null) await ask(why);
}

/** Forget the credential. */
export function forget() {
  credential = null;
  sessionStorage.removeItem(STORED);
}

/** Note that the service lacked a scope. */
export function lacks(scope) {
  if (scope === "write") allowed.write = false;
  else if (scope === "send") allowed.write = allowed.send = false;
  else return;
  for (const listener of listeners) listener();
}

function ask(why) {
  asked ??= new Promise((resolve) => {
    const dialog = byId("key-dialog");
    const input = byId("credential");
    byId("key-refused").textContent = why;
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      credential = input.value.trim();
      if (!credential) return;
      sessionStorage.setItem(STORED, credential);
      input.value = "";
      asked = null;
      learn();
      dialog.close();
      resolve(credential);
    };
    dialog.showModal();
    input.focus();
  });
  return asked;
}

/** Learn from a token what it says it is for; only the service can tell whether that is true. */
function learn() {
  const claims = credential && claimsOf(credential);
  const scopes = typeof claims?.scope === "string" ? claims.scope.split(" ") : [];
  allowed.write = !claims;
  allowed.send = !claims || scopes.includes("send");
  allowed.author = claims ? String(claims.sub ?? "") : null;
  for (const listener of listeners) listener();
}

/** Return the claims of a JWT (RFC 7519), or null of what is none, such as a key. */
function claimsOf(token) {
  try {
    const [, payload] = token.split(".");
    const plain = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes));
    return typeof claims === "object" ? claims : null;
  } catch {
    return null;
  }
}

learn();
