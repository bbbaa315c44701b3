import assert from "node:assert/strict";
import { test } from "node:test";

import {
  createChat,
  createClient,
  createMessage,
  deleteMessage,
  listMessages,
  readChat,
  readMessage,
  sendMessage,
  updateMessage,
} from "chat-and-message-client";

import { client, newChat, url } from "./service.js";

test("a chat that is created can be read", async () => {
  const { data: chat } = await createChat({ client, body: { title: "Weekend plans" } });
  assert.equal(chat?.title, "Weekend plans");
  const { data: found } = await readChat({ client, path: { chat_id: chat.id } });
  assert.deepEqual(found, { ...chat, messages: [] });
});

test("what is sent again with its key is answered as the first time", async () => {
  const path = { chat_id: (await newChat()).id };
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const first = await createMessage({ client, path, headers, body: { text: "Once" } });
  const again = await createMessage({ client, path, headers, body: { text: "Once" } });
  assert.deepEqual(again.data, first.data);
  assert.equal(first.response.headers.get("Idempotency-Replayed"), null);
  assert.equal(again.response.headers.get("Idempotency-Replayed"), "true");
});

test("an edited message has its new text and the time of the edit", async () => {
  const { id: chatId } = await newChat();
  const sent = await sendMessage(client, chatId, { text: "Helo", author: "Ada" });
  const path = { message_id: sent.id };
  const { data: edited } = await updateMessage({ client, path, body: { text: "Hello" } });
  assert.deepEqual(edited, { ...sent, text: "Hello", edited_at: edited?.edited_at });
  assert.ok(Date.parse(edited.edited_at ?? "") >= Date.parse(sent.created_at));
});

test("a deleted message is gone", async () => {
  const { id: chatId } = await newChat();
  const path = { message_id: (await sendMessage(client, chatId, { text: "Oops" })).id };
  assert.equal((await deleteMessage({ client, path })).response.status, 204);
  assert.equal((await readMessage({ client, path })).error?.type, "/problems/message-not-found");
});

test("a search finds the messages with its words, newest first", async () => {
  const { id: chat_id } = await newChat();
  const hiking = await sendMessage(client, chat_id, { text: "Shall we go hiking?" });
  await sendMessage(client, chat_id, { text: "Or to the cinema?" });
  const yes = await sendMessage(client, chat_id, { text: "Hiking!" });
  const { data: found } = await listMessages({ client, query: { q: "hiking", chat_id } });
  assert.deepEqual(found, [yes, hiking]);
});

test("the address of the service may end with a slash", async () => {
  await newChat(createClient({ baseUrl: `${url}/` }));
});
