import assert from "node:assert/strict";
import { before, test } from "node:test";

import { ApiError, ChatClient, ConnectionFailed } from "chat-and-message-client";

import { forward, refuse, scripted, telling } from "./script.js";
import {
  all,
  answer,
  api,
  isKind,
  newChat,
  serviceWithoutDatabase,
  startGateway,
} from "./service.js";

const LINE = '{"id":1,"chat_id":1,"text":"x","created_at":"2026-01-23T10:05:00Z"}';

let chatId: number;

before(async () => {
  chatId = (await newChat()).id;
  // Enough that the answer comes in many pieces, with characters that the pieces cut in two.
  const text = "ä🙂\n".repeat(100);
  const messages = Array.from({ length: 60 }, (_, index) => ({ text: `${index} ${text}` }));
  for (let batch = 0; batch < 12; batch++) {
    await api.messages.sendMany({ chat_id: chatId, messages });
  }
});

test("the export of a chat is all its messages, oldest first", async () => {
  const exported = await all(api.messages.export({ chat_id: chatId }));
  assert.equal(exported.length, 720);
  assert.deepEqual(exported, await all(api.messages.list({ chat_id: chatId })));
});

test("the export of all chats is all messages, oldest first", async () => {
  assert.deepEqual(await all(api.messages.export()), await all(api.messages.list()));
});

test("an export may be left early", async () => {
  for await (const message of api.messages.export({ chat_id: chatId })) {
    assert.equal(message.chat_id, chatId);
    break;
  }
});

test("an export ends when it is aborted", async () => {
  const abort = new AbortController();
  const exporting = api.messages.export({}, { signal: abort.signal });
  await exporting.next();
  abort.abort(new Error("Enough"));
  await assert.rejects(all(exporting), { message: "Enough" });
});

test("an export from a service without its database is a problem", async () => {
  const away = new ChatClient({ baseUrl: await serviceWithoutDatabase(), attempts: 1 });
  await assert.rejects(all(away.messages.export()), isKind("Unavailable", "unavailable"));
});

test("an export that is refused for a moment is asked for again", async () => {
  const full = refuse(503, "/problems/too-many-exports");
  const busy = await scripted([], full, forward);
  assert.equal((await all(busy.messages.export({ chat_id: chatId }))).length, 720);
});

test("an export that falls silent ends", async () => {
  const silent = await scripted([], telling(`${LINE}\n`));
  const exporting = silent.messages.export({}, { timeout: 200 });
  assert.equal((await exporting.next()).value?.id, 1);
  await assert.rejects(exporting.next(), ConnectionFailed);
});

for (const [kind, body, told] of [
  ["ends within a line", `${LINE}\n${LINE.slice(0, 40)}`, /middle of a message/],
  ["ends before the end of a line", `${LINE}\n${LINE}`, /middle of a message/],
  ["is a page", "<html></html>\n", /no message/],
] as const) {
  test(`an export whose answer ${kind} throws`, async () => {
    const bytes = answer("200 OK", "application/x-ndjson", body);
    const behind = new ChatClient({ baseUrl: await startGateway(bytes) });
    await assert.rejects(all(behind.messages.export()), (error) => {
      assert.ok(error instanceof ApiError);
      return told.test(error.message);
    });
  });
}
