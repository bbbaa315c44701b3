import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type ChatClient,
  type Changes,
  ConnectionFailed,
  type Message,
} from "chat-and-message-client";

import { change, cutAfter, forward, ready, refuse, serving, type Step, telling } from "./script.js";
import { all, api, isKind, newChat } from "./service.js";

type Copy = Map<number, Message>;

function apply(copy: Copy, { changes }: Changes): void {
  for (const { message_id, message } of changes) {
    if (message) copy.set(message_id, message);
    else copy.delete(message_id);
  }
}

async function assertEqual(copy: Copy, chatId: number): Promise<void> {
  const kept = [...copy.values()].sort((one, other) => one.id - other.id);
  assert.deepEqual(kept, await all(api.messages.list({ chat_id: chatId })));
}

async function send(chatId: number, ...texts: string[]): Promise<Message[]> {
  const sent: Message[] = [];
  for (const text of texts) sent.push(await api.messages.send({ chat_id: chatId, text }));
  return sent;
}

const named = ({ chat_id, id }: Message) => ({ chat_id, message_id: id });
const edit = (message: Message, text: string) =>
  api.messages.edit({ ...named(message), text });
const remove = (message: Message) => api.messages.delete(named(message));

test("a copy that follows the changes ends equal to the chat, however often resumed", async () => {
  const { id: chatId } = await newChat();
  const copy: Copy = new Map();
  let since = 0;
  const catchUp = async () => {
    for await (const found of api.chats.changes({ chat_id: chatId, since, limit: 2 })) {
      apply(copy, found);
      since = found.next_since;
    }
    await assertEqual(copy, chatId);
  };
  const [one, two, three] = await send(chatId, "One", "Two", "Three", "Four", "Five");
  await catchUp();
  await edit(one!, "First");
  await remove(two!);
  await send(chatId, "Six");
  await catchUp();
  await edit(three!, "Third");
  await remove(three!);
  await catchUp();
  assert.equal(copy.size, 4);
});

test("nothing is yielded when nothing has changed", async () => {
  const { id: chatId } = await newChat();
  await send(chatId, "Hello");
  const [found] = await all(api.chats.changes({ chat_id: chatId }));
  assert.ok(found);
  assert.deepEqual(await all(api.chats.changes({ chat_id: chatId, since: found.next_since })), []);
});

test("a follower who waits sees what is sent later, until it is aborted", async () => {
  const { id: chatId } = await newChat();
  const [hello] = await send(chatId, "Hello");
  const abort = new AbortController();
  const following = api.chats.follow({ chat_id: chatId }, { poll: 10, signal: abort.signal });
  assert.deepEqual((await following.next()).value?.changes[0]?.message, hello);
  const next = following.next(); // It asks, finds nothing, and waits.
  const [again] = await send(chatId, "Hello again");
  assert.deepEqual((await next).value?.changes[0]?.message, again);
  const never = following.next();
  abort.abort(new Error("Enough"));
  await assert.rejects(never, { message: "Enough" });
});

test("a follower who was aborted before the start asks for nothing", async () => {
  const signal = AbortSignal.abort(new Error("Enough"));
  await assert.rejects(all(api.chats.changes({ chat_id: 1 }, { signal })), { message: "Enough" });
});

/** Returns a client of the service whose streams are answered so, and the reads that it makes. */
async function withStreams(stream: Step): Promise<{ behind: ChatClient; reads: string[] }> {
  const reads: string[] = [];
  const behind = await serving((request, response) => {
    const isStream = /\/changes\/stream/.test(request.url!);
    if (!isStream) reads.push(request.url!);
    (isStream ? stream : forward)(response, request);
  });
  return { behind, reads };
}

test("a follower who waits is told what changes, and does not ask", async () => {
  const { id: chatId } = await newChat();
  await send(chatId, "Before");
  const { behind, reads } = await withStreams(forward);
  const following = behind.chats.follow({ chat_id: chatId }, { poll: 10 });
  assert.equal((await following.next()).value?.next_since, 1);
  for (let revision = 2; revision < 10; revision++) {
    const next = following.next();
    const [message] = await send(chatId, "Hello");
    const changes = [{ revision, message_id: message!.id, message }];
    assert.deepEqual((await next).value, { changes, next_since: revision, more: false });
  }
  await following.return();
  assert.equal(reads.length, 1);
});

test("what a stream tells at once comes in pages, each message once in each", async () => {
  const { id: chatId } = await newChat();
  const events = [1, 2, 3].map((revision) => change(revision, chatId));
  const other = change(4, chatId).replace('"message_id":7', '"message_id":8');
  const { behind } = await withStreams(telling(ready(0, chatId), ...events, other));
  const following = behind.chats.follow({ chat_id: chatId, limit: 1 }, { poll: 10 });
  const seven = { changes: [{ revision: 3, message_id: 7 }], next_since: 3, more: true };
  assert.deepEqual((await following.next()).value, seven);
  const eight = { changes: [{ revision: 4, message_id: 8 }], next_since: 4, more: false };
  assert.deepEqual((await following.next()).value, eight);
  await following.return();
});

for (const [kind, stream] of Object.entries<Step>({
  "of a version without streams": refuse(404, "/problems/not-found"),
  "that has too many streams": refuse(503, "/problems/too-many-streams", { "Retry-After": "30" }),
  "behind a proxy that holds streams back": () => {},
  "behind a proxy that holds back their events": telling(),
})) {
  test(`a follower who waits asks a service ${kind}`, async () => {
    const { id: chatId } = await newChat();
    let streams = 0;
    const { behind } = await withStreams((...request) => {
      streams++;
      return stream(...request);
    });
    const following = behind.chats.follow({ chat_id: chatId }, { poll: 10 });
    for (const text of ["One", "Two", "Three"]) {
      const next = following.next();
      const [message] = await send(chatId, text);
      assert.deepEqual((await next).value?.changes[0]?.message, message);
    }
    await following.return();
    assert.equal(streams, 1);
  });
}

test("a follower whose streams end goes on", async () => {
  const { id: chatId } = await newChat();
  const { behind } = await withStreams((response, request) => {
    forward(response, request);
    setTimeout(() => response.destroy(), 50);
  });
  const copy: Copy = new Map();
  const sending = (async () => {
    for (let number = 0; number < 30; number++) {
      const [message] = await send(chatId, `${number}`);
      if (number % 3 === 1) await edit(message!, `${number}!`);
      if (number % 3 === 2) await remove(message!);
    }
    return (await send(chatId, "The end"))[0]!;
  })();
  for await (const found of behind.chats.follow({ chat_id: chatId }, { poll: 10 })) {
    apply(copy, found);
    if (found.changes.at(-1)?.message?.text === "The end") break;
  }
  assert.ok(copy.has((await sending).id));
  await assertEqual(copy, chatId);
});

test("a follower who waits for a chat that is deleted is told so", async () => {
  const { id: chatId } = await newChat();
  await send(chatId, "Hello");
  const following = api.chats.follow({ chat_id: chatId }, { poll: 10 });
  await following.next();
  const next = following.next();
  await api.chats.delete({ chat_id: chatId });
  await assert.rejects(next, isKind("NotFound", "chat-not-found"));
});

test("a follower who waits gives up when the service stays away", async () => {
  const { id: chatId } = await newChat();
  let isAway = false;
  const behind = await serving((request, response) => {
    if (isAway) return response.destroy();
    isAway = /\/changes\/stream/.test(request.url!);
    (isAway ? cutAfter(ready(0, chatId)) : forward)(response, request);
  });
  const following = behind.chats.follow({ chat_id: chatId }, { poll: 10, attempts: 2 });
  await assert.rejects(all(following), ConnectionFailed);
});
