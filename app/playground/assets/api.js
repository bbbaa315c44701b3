/** Calls of the API: one function, its problems, and what they looked like. */

import { API, currentCredential, lacks, refuse } from "./access.js";
import { record } from "./calls.js";

// Milliseconds after which a call counts as lost.
const TIMEOUT = 15_000;

/** What went wrong: a problem document (RFC 9457), or that no answer came (`status` 0). */
export class Problem extends Error {
  constructor(status, document, response) {
    super(document.errors?.map((one) => one.detail).join("; ") || document.detail || "");
    this.status = status;
    this.type = document.type ?? "";
    this.title = document.title ?? "The service cannot be reached";
    this.requestId = document.request_id ?? "";
    this.retryAfter = Number(response?.headers.get("Retry-After") ?? 0);
  }
}

/**
 * Return the answer of a call: `data`, `etag`, and `next`, the path of the next page if there is.
 * `path` is relative to the API. A quiet call is not listed among the calls. Throws Problem.
 */
export async function call(method, path, { query = {}, body, headers = {}, quiet = false } = {}) {
  const url = new URL(path, API);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const sent = body === undefined ? headers : { ...headers, "Content-Type": "application/json" };
  const request = { method, url, headers: sent, body: body && JSON.stringify(body) };
  const began = performance.now();
  let response, text;
  try {
    response = await ask(request, AbortSignal.timeout(TIMEOUT));
    text = await response.text();
  } catch (error) {
    if (!quiet) record(request, { ms: performance.now() - began, failed: true });
    throw error instanceof Problem ? error : unreachable();
  }
  if (!quiet) record(request, { response, text, ms: performance.now() - began });
  if (!response.ok) throw problemOf(response, text);
  const next = /<([^>]+)>; rel="next"/.exec(response.headers.get("Link") ?? "")?.[1];
  const data = text ? JSON.parse(text) : null;
  return { data, etag: response.headers.get("ETag"), next: next && new URL(next, API).href };
}

/**
 * Return the response to a request, as the service answers it to a valid key or token: one that
 * it refuses is asked for anew.
 */
export async function ask({ method = "GET", url, headers = {}, body }, signal) {
  for (;;) {
    const credential = await currentCredential();
    const shown = credential ? { ...headers, Authorization: `Bearer ${credential}` } : headers;
    const response = await fetch(url, {
      method,
      headers: shown,
      body,
      signal,
      cache: "no-store",
      credentials: "omit",
    });
    if (response.status !== 401) {
      const missing = /scope="(\w+)"/.exec(response.headers.get("WWW-Authenticate") ?? "")?.[1];
      if (response.status === 403) lacks(missing);
      return response;
    }
    await refuse(credential, problemOf(response, await response.text()).message);
    if (signal?.aborted) throw unreachable();
  }
}

/** Return the problem that an answer tells; a gateway may answer without a document. */
export function problemOf(response, text) {
  let document = null;
  try {
    document = JSON.parse(text);
  } catch {
    // It is not from the service.
  }
  const fallback = { title: `The answer was ${response.status}`, detail: text.slice(0, 200) };
  return new Problem(response.status, document ?? fallback, response);
}

function unreachable() {
  return new Problem(0, { detail: "No answer came. What was asked may have been done or not." });
}

/** Return the revision that an ETag stands for, also as a proxy that compresses passed it on. */
export function revisionOf(etag) {
  return Number(/\d+/.exec(etag)[0]);
}

/** Return a new idempotency key; unlike `randomUUID`, also where a page came without TLS. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
