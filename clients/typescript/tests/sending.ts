import assert from "node:assert/strict";
import { test } from "node:test";

import { ApiProblem, createClient, iterateMessages, sendMessage } from "chat-and-message-client";

import {
  all,
  answer,
  client,
  gatewayAnswers,
  type Mishap,
  newChat,
  serviceWithoutDatabase,
  startGateway,
  startProxy,
} from "./service.js";

const throughProxy = async (mishaps: Mishap[]) =>
  createClient({ baseUrl: await startProxy(mishaps) });

test("a message whose answers are lost is sent again, and stored once", async () => {
  const { id: chatId } = await newChat();
  const mishaps: Mishap[] = ["answer lost", "answer lost"];
  const sent = await sendMessage(await throughProxy(mishaps), chatId, { text: "Hello" });
  assert.deepEqual(mishaps, []);
  assert.deepEqual(await all(iterateMessages(client, { chatId })), [sent]);
});

test("a message whose answer does not come in time is sent again, and stored once", async () => {
  const { id: chatId } = await newChat();
  const flaky = await throughProxy(["no answer"]);
  const sent = await sendMessage(flaky, chatId, { text: "Hello" }, { timeout: 500 });
  assert.deepEqual(await all(iterateMessages(client, { chatId })), [sent]);
});

test("a message that meets a 503 is sent again after the time that Retry-After asks", async () => {
  const { id: chatId } = await newChat();
  const mishaps: Mishap[] = [{ insteadAnswers: await serviceWithoutDatabase() }];
  const flaky = await throughProxy(mishaps);
  const start = performance.now();
  const sent = await sendMessage(flaky, chatId, { text: "Hello" });
  assert.deepEqual(mishaps, []);
  assert.ok(performance.now() - start >= 990, "Retry-After asks for a second");
  assert.deepEqual(await all(iterateMessages(client, { chatId })), [sent]);
});

test("a message that is one call too many is sent again", async () => {
  const { id: chatId } = await newChat();
  const problem = { type: "/problems/too-many-requests", title: "Too many calls", status: 429 };
  const details = JSON.stringify({ ...problem, detail: "Try again.", request_id: "1" });
  const refusal = answer("429 Too Many Requests", "application/problem+json", details);
  const mishaps: Mishap[] = [{ insteadAnswers: await startGateway(refusal) }];
  const sent = await sendMessage(await throughProxy(mishaps), chatId, { text: "Hello" });
  assert.deepEqual(mishaps, []);
  assert.deepEqual(await all(iterateMessages(client, { chatId })), [sent]);
});

for (const [kind, bytes] of Object.entries(gatewayAnswers)) {
  test(`a message that a gateway answers with ${kind} is sent again, and stored once`, async () => {
    const { id: chatId } = await newChat();
    const mishaps: Mishap[] = [{ insteadAnswers: await startGateway(bytes) }];
    const sent = await sendMessage(await throughProxy(mishaps), chatId, { text: "Hello" });
    assert.deepEqual(mishaps, []);
    assert.deepEqual(await all(iterateMessages(client, { chatId })), [sent]);
  });
}

test("the failure of the last attempt is told, and sending with its key is still safe", async () => {
  const { id: chatId } = await newChat();
  const key = crypto.randomUUID();
  const message = { text: "Hello" };
  const flaky = await throughProxy(["answer lost", "answer lost"]);
  await assert.rejects(sendMessage(flaky, chatId, message, { key, attempts: 2 }), TypeError);
  const sent = await sendMessage(client, chatId, message, { key });
  assert.deepEqual(await all(iterateMessages(client, { chatId })), [sent]);
});

test("a message that the service refuses is not sent again", async () => {
  const mishaps: Mishap[] = [];
  const sending = sendMessage(await throughProxy(mishaps), Number.MAX_SAFE_INTEGER, { text: "Hi" });
  await assert.rejects(sending, (error) => {
    assert.ok(error instanceof ApiProblem);
    assert.equal(error.message, `404 There is no such chat: ${error.problem.detail}`);
    return error.problem.type === "/problems/chat-not-found";
  });
});

test("sending ends at once when it is aborted", async () => {
  const { id: chatId } = await newChat();
  const abort = new AbortController();
  const flaky = await throughProxy(["no answer"]);
  const sending = sendMessage(flaky, chatId, { text: "Hello" }, { signal: abort.signal });
  abort.abort(new Error("Enough"));
  await assert.rejects(sending, { message: "Enough" });
});
