import assert from "node:assert/strict";
import { before, test } from "node:test";

import { ApiProblem, createMessages, iterateMessages, type Message } from "chat-and-message-client";

import { all, client, newChat } from "./service.js";

let chatId: number;
let sent: Message[];

before(async () => {
  chatId = (await newChat()).id;
  const body = Array.from({ length: 25 }, (_, index) => ({ text: `Message ${index}` }));
  const { data } = await createMessages({ client, path: { chat_id: chatId }, body });
  assert.ok(data);
  sent = data;
});

for (const limit of [1, 5, 7, 25, 100]) {
  test(`all messages come oldest first, ${limit} a page`, async () => {
    assert.deepEqual(await all(iterateMessages(client, { chatId, limit })), sent);
  });

  test(`all messages come newest first, ${limit} a page`, async () => {
    const messages = await all(iterateMessages(client, { chatId, limit, newestFirst: true }));
    assert.deepEqual(messages, sent.toReversed());
  });
}

test("the messages of all chats come in the order of their ids, both ways", async () => {
  const forwards = await all(iterateMessages(client));
  const ids = forwards.map((message) => message.id);
  assert.deepEqual(ids, ids.toSorted((one, other) => one - other));
  assert.ok(sent.every((message) => ids.includes(message.id)));
  assert.deepEqual(await all(iterateMessages(client, { newestFirst: true })), forwards.reverse());
});

test("a chat without messages has none to yield", async () => {
  assert.deepEqual(await all(iterateMessages(client, { chatId: (await newChat()).id })), []);
});

test("the messages of a chat that does not exist are a problem", async () => {
  const iterating = all(iterateMessages(client, { chatId: Number.MAX_SAFE_INTEGER }));
  await assert.rejects(iterating, (error) => {
    assert.ok(error instanceof ApiProblem);
    return error.problem.type === "/problems/chat-not-found";
  });
});
