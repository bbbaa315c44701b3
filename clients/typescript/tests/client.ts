import assert from "node:assert/strict";
import { test } from "node:test";

import { ChatClient } from "chat-and-message-client";
import { checkReady, readChat } from "chat-and-message-client/generated";

import { all, api, isKind, newChat, url } from "./service.js";

test("a chat that is created can be read, with its newest messages", async () => {
  const metadata = { customer: "42" };
  const chat = await api.chats.create({ title: "Weekend plans", metadata });
  assert.equal(chat.title, "Weekend plans");
  assert.deepEqual(await api.chats.get({ chat_id: chat.id }), { ...chat, messages: [] });
  await api.messages.send({ chat_id: chat.id, text: "One" });
  const message = await api.messages.send({ chat_id: chat.id, text: "Two" });
  const found = await api.chats.get({ chat_id: chat.id, limit: 1 });
  assert.deepEqual(found, { ...chat, messages: [message] });
});

test("a chat can be renamed and deleted", async () => {
  const { id: chat_id } = await newChat();
  assert.equal((await api.chats.update({ chat_id, title: "Renamed" })).title, "Renamed");
  assert.equal(await api.chats.delete({ chat_id }), undefined);
  await assert.rejects(api.chats.get({ chat_id }), isKind("NotFound", "chat-not-found"));
});

test("an edited message has its new text and the time of the edit", async () => {
  const { id: chat_id } = await newChat();
  const sent = await api.messages.send({ chat_id, text: "Helo", author: "Ada" });
  const named = { chat_id, message_id: sent.id };
  const edited = await api.messages.edit({ ...named, text: "Hello" });
  assert.deepEqual(edited, { ...sent, text: "Hello", edited_at: edited.edited_at });
  assert.ok(Date.parse(edited.edited_at ?? "") >= Date.parse(sent.created_at));
  assert.deepEqual(await api.messages.get(named), edited);
});

test("a deleted message is gone", async () => {
  const { id: chat_id } = await newChat();
  const named = { chat_id, message_id: (await api.messages.send({ chat_id, text: "Oops" })).id };
  assert.equal(await api.messages.delete(named), undefined);
  await assert.rejects(api.messages.get(named), isKind("NotFound", "message-not-found"));
});

test("a message of another chat is not there, and stays as it is", async () => {
  const [own, other] = [await newChat(), await newChat()];
  const sent = await api.messages.send({ chat_id: own.id, text: "Hello" });
  const wrong = { chat_id: other.id, message_id: sent.id };
  const isMissing = isKind("NotFound", "message-not-found");
  await assert.rejects(api.messages.get(wrong), isMissing);
  await assert.rejects(api.messages.edit({ ...wrong, text: "Changed" }), isMissing);
  await assert.rejects(api.messages.delete(wrong), isMissing);
  assert.deepEqual(await all(api.messages.list({ chat_id: own.id })), [sent]);
});

test("what was changed meanwhile is not changed by who has seen it before", async () => {
  const { id: chat_id, etag: first } = await newChat();
  const { etag } = await api.chats.update({ chat_id, title: "Renamed" }, { ifMatch: first });
  const isStale = isKind("Stale", "stale");
  await assert.rejects(api.chats.update({ chat_id, title: "Late" }, { ifMatch: first }), isStale);
  await assert.rejects(api.chats.delete({ chat_id }, { ifMatch: first }), isStale);
  assert.equal((await api.chats.get({ chat_id })).etag, etag);

  const sent = await api.messages.send({ chat_id, text: "Hello" });
  const named = { chat_id, message_id: sent.id };
  const read = await api.messages.get(named);
  assert.equal(read.etag, sent.etag);
  const edited = await api.messages.edit({ ...named, text: "Hi" }, { ifMatch: read.etag });
  const late = { ...named, text: "Late" };
  await assert.rejects(api.messages.edit(late, { ifMatch: read.etag }), isStale);
  await assert.rejects(api.messages.delete(named, { ifMatch: read.etag }), isStale);
  await api.messages.delete(named, { ifMatch: edited.etag });
});

test("an etag is not among what is copied, compared or written", async () => {
  const chat = await newChat();
  assert.match(chat.etag, /^"\d+"$/);
  assert.deepEqual(Object.keys(chat), ["id", "title", "created_at"]);
  assert.ok(!JSON.stringify(chat).includes("etag"));
});

test("the address of the service may end with a slash", async () => {
  await newChat(new ChatClient({ baseUrl: `${url}/` }));
});

test("messages come around one", async () => {
  const { id: chat_id } = await newChat();
  const sent = [];
  for (const text of "12345") sent.push(await api.messages.send({ chat_id, text }));
  const around = await api.messages.around({ chat_id, message_id: sent[2]!.id, limit: 3 });
  assert.deepEqual(around, sent.slice(1, 4));
});

test("a generated function is for what the client does not cover", async () => {
  const { data: ready } = await checkReady({ client: api.client });
  assert.equal(ready?.status, "ok");
  const missing = { client: api.client, path: { chat_id: Number.MAX_SAFE_INTEGER } };
  assert.equal((await readChat(missing)).error?.type, "/problems/chat-not-found");
  const isMissing = isKind("NotFound", "chat-not-found");
  await assert.rejects(readChat({ ...missing, throwOnError: true }), isMissing);
});
