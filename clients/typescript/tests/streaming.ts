import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";

import { ApiError, ChatClient, type Message, type StreamedEvent } from "chat-and-message-client";

import { all, api, atEnd, newChat, startRestartable, url } from "./service.js";

const nowhere = Number.MAX_SAFE_INTEGER;

const send = (chat_id: number, text: string, to: ChatClient = api) =>
  to.messages.send({ chat_id, text });
const named = ({ chat_id, id }: Message) => ({ chat_id, message_id: id });
const edit = (message: Message, text: string) =>
  api.messages.edit({ ...named(message), text });
const remove = (message: Message) => api.messages.delete(named(message));
const removeChat = (chat_id: number) => api.chats.delete({ chat_id });

/** Returns the next event; fails when there is none. */
async function next<Cursor>(
  stream: AsyncGenerator<StreamedEvent<Cursor>>,
): Promise<StreamedEvent<Cursor>> {
  const { value, done } = await stream.next();
  assert.ok(!done);
  return value;
}

/** Returns the next events, and leaves the stream. */
async function take<Cursor>(
  stream: AsyncGenerator<StreamedEvent<Cursor>>,
  count: number,
): Promise<StreamedEvent<Cursor>[]> {
  const taken: StreamedEvent<Cursor>[] = [];
  for await (const event of stream) if (taken.push(event) === count) break;
  return taken;
}

test("a stream tells what is sent, edited and deleted, as it happens", async () => {
  const { id: chat_id } = await newChat();
  const stream = api.chats.stream({ chat_id });
  assert.deepEqual(await next(stream), { event: "ready", chat_id, revision: 0, cursor: 0 });
  const change = { event: "change", chat_id };
  const message = await send(chat_id, "Helo 🙂");
  const message_id = message.id;
  assert.deepEqual(await next(stream), { ...change, revision: 1, message_id, message, cursor: 1 });
  const edited = await edit(message, "Hello 🙂");
  const second = { revision: 2, message_id, message: edited, cursor: 2 };
  assert.deepEqual(await next(stream), { ...change, ...second });
  await remove(message);
  assert.deepEqual(await next(stream), { ...change, revision: 3, message_id, cursor: 3 });
  await stream.return();
});

test("a stream goes on from the cursor of an event, and misses nothing", async () => {
  const { id: chatId } = await newChat();
  for (const text of ["One", "Two", "Three"]) await send(chatId, text);
  const texts: (string | undefined)[] = [];
  let since = 0;
  for (let round = 0; round < 3; round++) {
    for await (const event of api.chats.stream({ chat_id: chatId, since })) {
      if (event.event !== "change") continue;
      texts.push(event.message?.text);
      since = event.cursor;
      break;
    }
  }
  assert.deepEqual(texts, ["One", "Two", "Three"]);
});

test("a stream of many chats goes on from its cursor, or from the revision of each", async () => {
  const [one, other] = [(await newChat()).id, (await newChat()).id];
  await send(one, "One");
  await send(other, "Before");
  const [, , first] = await take(api.chats.stream({ chats: new Map([[one, 0], [other, 1]]) }), 3);
  assert.ok(first?.event === "change");
  assert.equal(first.message?.text, "One");
  assert.equal(first.cursor, `${one}.1,${other}.1`);
  await send(other, "Other");
  const later = await take(api.chats.stream({ chats: first.cursor }), 3);
  assert.deepEqual(later.map(({ event }) => event), ["ready", "ready", "change"]);
  assert.equal(later[2]?.cursor, `${one}.1,${other}.2`);
});

test("a stream of many chats begins now, and ends when all are gone", async () => {
  const [one, other] = [(await newChat()).id, (await newChat()).id];
  await send(one, "Before");
  const stream = api.chats.stream({ chats: [one, nowhere, other] });
  const beginning = [await next(stream), await next(stream), await next(stream)];
  assert.deepEqual(
    beginning.map(({ event, chat_id }) => [event, chat_id]),
    [["ready", one], ["gone", nowhere], ["ready", other]],
  );
  await removeChat(one);
  const left = { event: "gone", chat_id: one, cursor: `${other}.0` };
  assert.deepEqual(await next(stream), left);
  await send(other, "Still here");
  assert.equal((await next(stream)).event, "change");
  await removeChat(other);
  assert.deepEqual(await all(stream), [{ event: "gone", chat_id: other, cursor: "" }]);
});

test("a stream ends with its chat", async () => {
  const { id: chat_id } = await newChat();
  const stream = api.chats.stream({ chat_id });
  await next(stream);
  await removeChat(chat_id);
  assert.deepEqual(await all(stream), [{ event: "gone", chat_id, cursor: 0 }]);
});

test("a chat that never was is gone", async () => {
  const gone = { event: "gone", chat_id: nowhere, cursor: 5 };
  assert.deepEqual(await all(api.chats.stream({ chat_id: nowhere, since: 5 })), [gone]);
});

test("a reader who is further than the chat is reset", async () => {
  const { id: chat_id } = await newChat();
  await send(chat_id, "Hello");
  const stream = api.chats.stream({ chat_id, since: 1000 });
  assert.deepEqual(await next(stream), { event: "reset", chat_id, revision: 1, cursor: 1 });
  assert.deepEqual(await next(stream), { event: "ready", chat_id, revision: 1, cursor: 1 });
  await send(chat_id, "Again");
  assert.equal((await next(stream)).cursor, 2);
  await stream.return();
});

test("a stream goes on when the service was restarted", async () => {
  const { url, restart } = await startRestartable();
  const own = new ChatClient({ baseUrl: url });
  const { id: chatId } = await newChat(own);
  const stream = own.chats.stream({ chat_id: chatId });
  await next(stream);
  await send(chatId, "Before", own);
  assert.equal((await next(stream)).cursor, 1);
  const after = next(stream);
  await restart();
  await send(chatId, "After", own);
  const event = await after;
  assert.ok(event.event === "change");
  assert.equal(event.message?.text, "After");
  await stream.return();
});

/** Returns a client of the service whose every connection is cut somewhere. */
async function throughCuts(): Promise<ChatClient> {
  const sockets = new Set<Socket>();
  const { hostname, port } = new URL(url);
  const proxy = createServer((near) => {
    const far = connect(Number(port || 80), hostname);
    for (const socket of [near, far]) sockets.add(socket.on("error", () => socket.destroy()));
    let left = 400 + Math.floor(Math.random() * 2000);
    near.pipe(far);
    far.on("data", (bytes: Buffer) => {
      near.write(bytes.subarray(0, left));
      left -= bytes.length;
      if (left <= 0) near.destroy() && far.destroy();
    });
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  atEnd(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return new ChatClient({ baseUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
}

test("a copy ends equal to the chat, in order, wherever the connections are cut", async () => {
  const { id: chatId } = await newChat();
  const flaky = await throughCuts();
  const sending = (async () => {
    for (let number = 0; number < 40; number++) {
      const message = await send(chatId, `${number} ${"ä🙂".repeat(20)}`);
      if (number % 3 === 1) await edit(message, `${number}!`);
      if (number % 3 === 2) await remove(message);
    }
    return (await send(chatId, "The end")).id;
  })();
  const copy = new Map<number, Message>();
  let revision = 0;
  for await (const event of flaky.chats.stream({ chat_id: chatId, since: 0 })) {
    if (event.event !== "change") continue;
    assert.ok(event.revision > revision);
    revision = event.revision;
    if (event.message) copy.set(event.message_id, event.message);
    else copy.delete(event.message_id);
    if (event.message?.text === "The end") break;
  }
  assert.ok(copy.has(await sending));
  const kept = [...copy.values()].sort((one, other) => one.id - other.id);
  assert.deepEqual(kept, await all(api.messages.list({ chat_id: chatId })));
});

test("what the service refuses is thrown", async () => {
  const tooMany = Array.from({ length: 101 }, (_, index) => index + 1);
  await assert.rejects(all(api.chats.stream({ chats: tooMany })), (error) => {
    assert.ok(error instanceof ApiError);
    return error.errors?.[0]?.code === "too_many_chats";
  });
});

test("a stream ends when it is aborted", async () => {
  const { id: chatId } = await newChat();
  const abort = new AbortController();
  const stream = api.chats.stream({ chat_id: chatId }, { signal: abort.signal });
  await next(stream);
  const never = stream.next();
  abort.abort(new Error("Enough"));
  await assert.rejects(never, { message: "Enough" });
});

test("a stream that was aborted before the start asks for nothing", async () => {
  const signal = AbortSignal.abort(new Error("Enough"));
  await assert.rejects(all(api.chats.stream({ chat_id: 1 }, { signal })), { message: "Enough" });
});
