import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  ApiError,
  ChatClient,
  ConnectionFailed,
  Invalid,
  NotFound,
  Unavailable,
  UnexpectedAnswer,
} from "chat-and-message-client";
import { createChat, readChat } from "chat-and-message-client/generated";

import { refuse, scripted } from "./script.js";
import {
  all,
  answer,
  api,
  gatewayAnswers,
  isKind,
  newChat,
  serviceWithoutDatabase,
  startGateway,
  startProxy,
} from "./service.js";

const nowhere = { chat_id: Number.MAX_SAFE_INTEGER };

/** Returns the problem that a call throws. */
async function problemOf(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(() => assert.fail("The call succeeded"), (error: unknown) => error);
  assert.ok(error instanceof ApiError);
  return error;
}

test("a problem says what is wrong, and under which request the service's log has it", async () => {
  const problem = await problemOf(api.chats.get(nowhere));
  assert.ok(problem instanceof NotFound);
  assert.equal(problem.type, "/problems/chat-not-found");
  assert.equal(problem.status, 404);
  assert.equal(problem.title, "There is no such chat");
  assert.equal(problem.requestId?.length, 32);
  assert.deepEqual(problem.errors, []);
  assert.equal(problem.retryAfter, undefined);
  const { detail, requestId } = problem;
  assert.equal(problem.message, `404 There is no such chat: ${detail} (request ${requestId})`);
  assert.match(inspect(problem), /^NotFound: 404 There is no such chat/);
});

test("a request that is not valid says what is wrong where", async () => {
  const problem = await problemOf(api.chats.create({ title: " " }));
  assert.ok(problem instanceof Invalid);
  const [{ location, code, detail } = assert.fail("It says nothing")] = problem.errors;
  assert.equal(location, "body.title");
  assert.equal(code, "string_too_short");
  assert.ok(problem.message.includes(`${problem.detail}; body.title: ${detail} (request `));
});

test("a body that is too large is invalid", async () => {
  const { id: chat_id } = await newChat();
  const messages = Array.from({ length: 20 }, () => ({ text: "x".repeat(5000) }));
  const problem = await problemOf(api.messages.sendMany({ chat_id, messages }));
  assert.equal(problem.status, 413);
  assert.equal(problem.type, "/problems/body-too-large");
  assert.ok(problem instanceof Invalid);
});

test("a key that comes again with another body is refused", async () => {
  const { id: chat_id } = await newChat();
  const once = { idempotencyKey: crypto.randomUUID() };
  await api.messages.send({ chat_id, text: "One" }, once);
  const again = api.messages.send({ chat_id, text: "Other" }, once);
  await assert.rejects(again, isKind("Invalid", "idempotency-key-reused"));
});

test("a service without its database is unavailable, and says when to try again", async () => {
  const away = new ChatClient({ baseUrl: await serviceWithoutDatabase(), attempts: 1 });
  const problem = await problemOf(all(away.chats.list()));
  assert.ok(problem instanceof Unavailable);
  assert.equal(problem.type, "/problems/unavailable");
  assert.equal(problem.retryAfter, 1);
});

for (const [status, name] of Object.entries({
  400: "Invalid",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  412: "Stale",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  502: "Unavailable",
  503: "Unavailable",
  504: "Unavailable",
})) {
  test(`a ${status} is of the class ${name}`, async () => {
    const refusing = await scripted([], refuse(Number(status), "/problems/some"));
    const call = refusing.chats.get(nowhere, { attempts: 1 });
    await assert.rejects(call, isKind(name, "some"));
  });
}

for (const [kind, bytes] of Object.entries(gatewayAnswers)) {
  if (kind === "broken gzip") continue; // Nobody can read it: the call throws as fetch does.
  test(`what a gateway answers is a problem: ${kind}`, async () => {
    const behind = new ChatClient({ baseUrl: await startGateway(bytes), attempts: 1 });
    const problem = await problemOf(all(behind.messages.list()));
    assert.ok(problem instanceof Unavailable);
    assert.equal(problem.type, "about:blank");
    assert.ok(problem.status === 502 || problem.status === 503);
    assert.equal(typeof problem.detail, "string");
  });
}

test("what a gateway does not find says nothing about a chat", async () => {
  const page = answer("404 Not Found", "text/html", "<html></html>");
  const behind = new ChatClient({ baseUrl: await startGateway(page) });
  const problem = await problemOf(behind.chats.get({ chat_id: 1 }));
  assert.ok(problem instanceof UnexpectedAnswer);
  assert.equal(problem.status, 404);
});

test("a page that another answers is not taken for an answer of the service", async () => {
  const page = answer("200 OK", "text/html", "<html></html>");
  const behind = new ChatClient({ baseUrl: await startGateway(page) });
  assert.ok((await problemOf(behind.chats.get({ chat_id: 1 }))) instanceof UnexpectedAnswer);
  assert.ok((await problemOf(all(behind.chats.list()))) instanceof UnexpectedAnswer);
});

test("a call that gets no answer says why", async () => {
  const cut = new ChatClient({ baseUrl: await startProxy(["answer lost"]), attempts: 1 });
  const lost = await problemOf(all(cut.messages.list()));
  assert.ok(lost instanceof ConnectionFailed);
  assert.ok(lost.cause instanceof TypeError);
  assert.equal(lost.status, undefined);
  assert.match(lost.message, /^No answer came: fetch failed \(.+\)$/);
  const silent = new ChatClient({ baseUrl: await startProxy(["no answer"]), attempts: 1 });
  const late = await problemOf(silent.chats.get({ chat_id: 1 }, { timeout: 50 }));
  assert.ok(late instanceof ConnectionFailed);
  assert.equal(late.message, "No answer came: Nothing came in time.");
});

test("a generated function answers what is no problem document as one: a 304", async () => {
  const { id: chat_id, etag } = await newChat();
  const request = { client: api.client, path: { chat_id }, headers: { "If-None-Match": etag } };
  const { error } = await readChat(request);
  assert.equal(error?.type, "about:blank");
  assert.equal(error.status, 304);
  assert.notEqual(error.request_id, "");
});

test("a generated function answers what is refused: a body that is no JSON", async () => {
  const headers = { "Content-Type": "text/plain" };
  const { error } = await createChat({ client: api.client, headers, body: { title: "A chat" } });
  assert.equal(error?.type, "/problems/unsupported-media-type");
});
