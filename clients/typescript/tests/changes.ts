import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type Changes,
  deleteMessage,
  followChanges,
  iterateMessages,
  type Message,
  sendMessage,
  updateMessage,
} from "chat-and-message-client";

import { all, client, newChat } from "./service.js";

type Copy = Map<number, Message>;

function apply(copy: Copy, { changes }: Changes): void {
  for (const { message_id, message } of changes) {
    if (message) copy.set(message_id, message);
    else copy.delete(message_id);
  }
}

async function assertEqual(copy: Copy, chatId: number): Promise<void> {
  const kept = [...copy.values()].sort((one, other) => one.id - other.id);
  assert.deepEqual(kept, await all(iterateMessages(client, { chatId })));
}

async function send(chatId: number, ...texts: string[]): Promise<Message[]> {
  const sent: Message[] = [];
  for (const text of texts) sent.push(await sendMessage(client, chatId, { text }));
  return sent;
}

const edit = ({ id }: Message, text: string) =>
  updateMessage({ client, path: { message_id: id }, body: { text }, throwOnError: true });
const remove = ({ id }: Message) =>
  deleteMessage({ client, path: { message_id: id }, throwOnError: true });

test("a copy that follows the changes ends equal to the chat, however often resumed", async () => {
  const { id: chatId } = await newChat();
  const copy: Copy = new Map();
  let since = 0;
  const catchUp = async () => {
    for await (const found of followChanges(client, chatId, { since, limit: 2 })) {
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
  const [found] = await all(followChanges(client, chatId));
  assert.ok(found);
  assert.deepEqual(await all(followChanges(client, chatId, { since: found.next_since })), []);
});

test("a follower who waits sees what is sent later, until it is aborted", async () => {
  const { id: chatId } = await newChat();
  const [hello] = await send(chatId, "Hello");
  const abort = new AbortController();
  const following = followChanges(client, chatId, { wait: 10, signal: abort.signal });
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
  await assert.rejects(all(followChanges(client, 1, { signal })), { message: "Enough" });
});
