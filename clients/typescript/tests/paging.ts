import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { before, test } from "node:test";

import { ChatClient, type Message } from "chat-and-message-client";

import { forward, refuse, serving } from "./script.js";
import { all, api, isKind, newChat, url } from "./service.js";

const COUNT = 230; // Three pages.

let chat_id: number;
let sent: Message[] = [];

before(async () => {
  chat_id = (await newChat()).id;
  for (let start = 0; start < COUNT; start += 100) {
    const length = Math.min(100, COUNT - start);
    const messages = Array.from({ length }, (_, index) => ({ text: `Message ${start + index}` }));
    sent = sent.concat(await api.messages.sendMany({ chat_id, messages }));
  }
});

test("all messages of a chat come oldest first, or newest first", async () => {
  assert.deepEqual(await all(api.messages.list({ chat_id })), sent);
  const newest_first = true;
  assert.deepEqual(await all(api.messages.list({ chat_id, newest_first })), sent.toReversed());
});

for (const limit of [0, 1, 100, 101, COUNT, COUNT + 1]) {
  test(`at most ${limit} come when told so`, async () => {
    assert.deepEqual(await all(api.messages.list({ chat_id, limit })), sent.slice(0, limit));
    const newest = await all(api.messages.list({ chat_id, limit, newest_first: true }));
    assert.deepEqual(newest, sent.toReversed().slice(0, limit));
  });
}

test("messages come from before, after or between others, either way", async () => {
  const [after, before] = [sent[9]!.id, sent[220]!.id];
  const between = sent.slice(10, 220);
  assert.deepEqual(await all(api.messages.list({ chat_id, after, before })), between);
  const newest_first = true;
  const backwards = await all(api.messages.list({ chat_id, after, before, newest_first }));
  assert.deepEqual(backwards, between.toReversed());
  assert.deepEqual(await all(api.messages.list({ chat_id, before })), sent.slice(0, 220));
  const latest = await all(api.messages.list({ chat_id, after, newest_first }));
  assert.deepEqual(latest, sent.slice(10).toReversed());
});

test("no more is asked for than is wanted, a page of at most 100 at a time", async () => {
  const requests: IncomingMessage[] = [];
  const behind = await serving((request, response) => {
    requests.push(request);
    forward(response, request);
  });
  await all(behind.messages.list({ chat_id, limit: 103 }));
  const limits = requests.map((request) => new URL(request.url!, url).searchParams.get("limit"));
  assert.deepEqual(limits, ["100", "3"]);
});

test("the messages of all chats come in the order of their ids, both ways", async () => {
  const forwards = await all(api.messages.list());
  const ids = forwards.map((message) => message.id);
  assert.deepEqual(ids, ids.toSorted((one, other) => one - other));
  assert.ok(sent.every((message) => ids.includes(message.id)));
  assert.deepEqual(await all(api.messages.list({ newest_first: true })), forwards.reverse());
});

test("a chat without messages has none to yield", async () => {
  assert.deepEqual(await all(api.messages.list({ chat_id: (await newChat()).id })), []);
});

test("the messages of a chat that does not exist are a problem", async () => {
  const listing = all(api.messages.list({ chat_id: Number.MAX_SAFE_INTEGER }));
  await assert.rejects(listing, isKind("NotFound", "chat-not-found"));
});

test("chats come newest first, by activity, and by their metadata", async () => {
  const metadata = { customer: crypto.randomUUID() };
  const chats = [];
  for (let number = 0; number < 103; number++) {
    chats.push(await api.chats.create({ title: `${number}`, metadata }));
  }
  assert.deepEqual(await all(api.chats.list({ metadata })), chats.toReversed());
  assert.deepEqual(await all(api.chats.list({ limit: 101 })), chats.toReversed().slice(0, 101));
  const last = await api.messages.send({ chat_id: chats[0]!.id, text: "Hello" });
  const inbox = await all(api.chats.list({ metadata, sort: "activity" }));
  assert.equal(inbox.length, 103);
  const sentTo = inbox.filter((chat) => chat.last_message);
  assert.deepEqual(sentTo, [{ ...chats[0], last_message: last }]);
});

test("a search finds the messages with its words, newest first, over many pages", async () => {
  assert.deepEqual(await all(api.messages.search({ q: "message", chat_id })), sent.toReversed());
  const some = await all(api.messages.search({ q: "message -7", chat_id, limit: 3 }));
  assert.deepEqual(some, sent.toReversed().slice(0, 3));
  const hiking = await api.messages.send({ chat_id: (await newChat()).id, text: "Hiking!" });
  assert.deepEqual(await all(api.messages.search({ q: "hiking", limit: 1 })), [hiking]);
});

test("a list is read behind a gateway that serves the service below a path", async () => {
  const below = await serving((request, response) => {
    const { url } = request;
    if (!url!.startsWith("/chats-service/")) return refuse(404)(response, request);
    request.url = url!.replace("/chats-service", "");
    forward(response, request);
  });
  const { baseUrl } = below.client.getConfig();
  const own = new ChatClient({ baseUrl: `${baseUrl}/chats-service/` });
  assert.deepEqual(await all(own.messages.list({ chat_id })), sent);
});

test("a list whose page is refused for a moment goes on", async () => {
  let count = 0;
  const flaky = await serving((request, response) => {
    (count++ === 1 ? refuse(503) : forward)(response, request);
  });
  assert.deepEqual(await all(flaky.messages.list({ chat_id })), sent);
});
