import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatClient, ConnectionFailed } from "chat-and-message-client";

import {
  all,
  answer,
  api,
  gatewayAnswers,
  isKind,
  type Mishap,
  newChat,
  serviceWithoutDatabase,
  startGateway,
  startProxy,
} from "./service.js";

const throughProxy = async (
  mishaps: Mishap[],
  options: { attempts?: number; timeout?: number } = {},
) => new ChatClient({ baseUrl: await startProxy(mishaps), ...options });

test("a message whose answers are lost is sent again, and stored once", async () => {
  const { id: chat_id } = await newChat();
  const mishaps: Mishap[] = ["answer lost", "answer lost"];
  const flaky = await throughProxy(mishaps);
  const sent = await flaky.messages.send({ chat_id, text: "Hello" });
  assert.deepEqual(mishaps, []);
  assert.deepEqual(await all(api.messages.list({ chat_id })), [sent]);
});

test("a message whose answer does not come in time is sent again, and stored once", async () => {
  const { id: chat_id } = await newChat();
  const flaky = await throughProxy(["no answer"]);
  const sent = await flaky.messages.send({ chat_id, text: "Hello" }, { timeout: 500 });
  assert.deepEqual(await all(api.messages.list({ chat_id })), [sent]);
});

test("a message that meets a 503 is sent again after the time that Retry-After asks", async () => {
  const { id: chat_id } = await newChat();
  const mishaps: Mishap[] = [{ insteadAnswers: await serviceWithoutDatabase() }];
  const flaky = await throughProxy(mishaps);
  const start = performance.now();
  const sent = await flaky.messages.send({ chat_id, text: "Hello" });
  assert.deepEqual(mishaps, []);
  assert.ok(performance.now() - start >= 990, "Retry-After asks for a second");
  assert.deepEqual(await all(api.messages.list({ chat_id })), [sent]);
});

test("a message that is one call too many is sent again", async () => {
  const { id: chat_id } = await newChat();
  const problem = { type: "/problems/too-many-requests", title: "Too many calls", status: 429 };
  const details = JSON.stringify({ ...problem, detail: "Try again.", request_id: "1" });
  const refusal = answer("429 Too Many Requests", "application/problem+json", details);
  const mishaps: Mishap[] = [{ insteadAnswers: await startGateway(refusal) }];
  const flaky = await throughProxy(mishaps);
  const sent = await flaky.messages.send({ chat_id, text: "Hello" });
  assert.deepEqual(mishaps, []);
  assert.deepEqual(await all(api.messages.list({ chat_id })), [sent]);
});

for (const [kind, bytes] of Object.entries(gatewayAnswers)) {
  test(`a message that a gateway answers with ${kind} is sent again, and stored once`, async () => {
    const { id: chat_id } = await newChat();
    const mishaps: Mishap[] = [{ insteadAnswers: await startGateway(bytes) }];
    const flaky = await throughProxy(mishaps);
  const sent = await flaky.messages.send({ chat_id, text: "Hello" });
    assert.deepEqual(mishaps, []);
    assert.deepEqual(await all(api.messages.list({ chat_id })), [sent]);
  });
}

test("the failure of the last attempt is thrown, and its key is still safe", async () => {
  const { id: chat_id } = await newChat();
  const message = { chat_id, text: "Hello" };
  const once = { idempotencyKey: crypto.randomUUID() };
  const flaky = await throughProxy(["answer lost", "answer lost"]);
  await assert.rejects(flaky.messages.send(message, { ...once, attempts: 2 }), ConnectionFailed);
  const sent = await api.messages.send(message, once);
  assert.deepEqual(await all(api.messages.list({ chat_id })), [sent]);
});

test("how to call may be said for all calls, and otherwise for one", async () => {
  const mishaps: Mishap[] = ["no answer", "answer lost"];
  const hasty = await throughProxy(mishaps, { attempts: 1, timeout: 300 });
  await assert.rejects(hasty.chats.get({ chat_id: 1 }), ConnectionFailed);
  assert.deepEqual(mishaps, ["answer lost"]);
  await hasty.chats.create({ title: "A chat" }, { attempts: 2 });
  assert.deepEqual(mishaps, []);
});

test("a chat whose answer is lost is created once", async () => {
  const metadata = { only: crypto.randomUUID() };
  const flaky = await throughProxy(["answer lost"]);
  const chat = await flaky.chats.create({ title: "Once", metadata });
  assert.deepEqual(await all(api.chats.list({ metadata })), [chat]);
});

test("a batch whose answer is lost is stored once", async () => {
  const { id: chat_id } = await newChat();
  const flaky = await throughProxy(["answer lost"]);
  const messages = [{ text: "One" }, { text: "Two" }];
  const sent = await flaky.messages.sendMany({ chat_id, messages });
  const keyed = messages.map((message, index) => ({ ...message, idempotency_key: `old-${index}` }));
  const imported = await api.messages.sendMany({ chat_id, messages: keyed });
  assert.deepEqual(await api.messages.sendMany({ chat_id, messages: keyed }), imported);
  assert.deepEqual(await all(api.messages.list({ chat_id })), [...sent, ...imported]);
});

test("changes whose answers are lost are made again", async () => {
  const { id: chat_id } = await newChat();
  const { id: message_id } = await api.messages.send({ chat_id, text: "Helo" });
  const flaky = await throughProxy(["answer lost"]);
  const edited = await flaky.messages.edit({ chat_id, message_id, text: "Hello" });
  assert.deepEqual(await all(api.messages.list({ chat_id })), [edited]);
});

test("a change of what was seen is made by one attempt, which may have made it", async () => {
  const { id: chat_id } = await newChat();
  const { id: message_id, etag } = await api.messages.send({ chat_id, text: "Helo" });
  const flaky = await throughProxy(["answer lost"]);
  const change = { chat_id, message_id, text: "Hello" };
  const editing = flaky.messages.edit(change, { ifMatch: etag });
  await assert.rejects(editing, ConnectionFailed);
  assert.equal((await api.messages.get({ chat_id, message_id })).text, "Hello");
});

test("a message that the service refuses is not sent again", async () => {
  const refused = (await throughProxy([])).messages.send({ chat_id: 2 ** 52, text: "Hi" });
  await assert.rejects(refused, isKind("NotFound", "chat-not-found"));
});

test("sending ends at once when it is aborted", async () => {
  const { id: chat_id } = await newChat();
  const abort = new AbortController();
  const flaky = await throughProxy(["no answer"]);
  const sending = flaky.messages.send({ chat_id, text: "Hello" }, { signal: abort.signal });
  abort.abort(new Error("Enough"));
  await assert.rejects(sending, { message: "Enough" });
});

test("a page that came by plain HTTP, where there is no randomUUID, can send as well", async () => {
  const { id: chat_id } = await newChat();
  const { randomUUID } = crypto;
  Object.defineProperty(crypto, "randomUUID", { value: undefined, configurable: true });
  try {
    await api.messages.send({ chat_id, text: "Hello" });
  } finally {
    Object.defineProperty(crypto, "randomUUID", { value: randomUUID, configurable: true });
  }
});
