/** Who writes: a name of one's choice, or the one of a token. */

import { allowed, onAllowed } from "./access.js";
import { byId } from "./dom.js";

const STORED = "name";
const NAMES = [
  "Ada",
  "Alan",
  "Barbara",
  "Donald",
  "Edsger",
  "Frances",
  "Grace",
  "Ken",
  "Leslie",
  "Margaret",
];

const input = byId("author");

/** Return who writes, perhaps nobody with a name. */
export function me() {
  return allowed.author ?? input.value.trim();
}

/** Have `listener` called when the name changes. */
export function onName(listener) {
  input.addEventListener("change", listener);
}

input.value = sessionStorage.getItem(STORED) ?? NAMES[Math.floor(Math.random() * NAMES.length)];
sessionStorage.setItem(STORED, input.value);
onName(() => sessionStorage.setItem(STORED, input.value));
onAllowed(() => {
  if (allowed.author !== null) input.value = allowed.author;
  input.readOnly = allowed.author !== null;
});
