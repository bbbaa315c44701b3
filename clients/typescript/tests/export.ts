import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  ApiProblem,
  createClient,
  createMessages,
  exportMessages,
  iterateMessages,
} from "chat-and-message-client";

import { all, answer, client, newChat, serviceWithoutDatabase, startGateway } from "./service.js";

let chatId: number;

before(async () => {
  chatId = (await newChat()).id;
  // Enough that the answer comes in many pieces, with characters that the pieces cut in two.
  const text = "ä🙂\n".repeat(100);
  const body = Array.from({ length: 60 }, (_, index) => ({ text: `${index} ${text}` }));
  for (let batch = 0; batch < 12; batch++) {
    await createMessages({ client, path: { chat_id: chatId }, body, throwOnError: true });
  }
});

test("the export of a chat is all its messages, oldest first", async () => {
  const exported = await all(exportMessages(client, { chatId }));
  assert.equal(exported.length, 720);
  assert.deepEqual(exported, await all(iterateMessages(client, { chatId })));
});

test("the export of all chats is all messages, oldest first", async () => {
  assert.deepEqual(await all(exportMessages(client)), await all(iterateMessages(client)));
});

test("an export may be left early", async () => {
  for await (const message of exportMessages(client, { chatId })) {
    assert.equal(message.chat_id, chatId);
    break;
  }
});

test("an export ends when it is aborted", async () => {
  const abort = new AbortController();
  const exporting = exportMessages(client, { signal: abort.signal });
  await exporting.next();
  abort.abort(new Error("Enough"));
  await assert.rejects(all(exporting), { message: "Enough" });
});

test("an export from a service without its database is a problem", async () => {
  const away = createClient({ baseUrl: await serviceWithoutDatabase() });
  await assert.rejects(all(exportMessages(away)), (error) => {
    assert.ok(error instanceof ApiProblem);
    return error.problem.type === "/problems/unavailable";
  });
});

const LINE = '{"id":1,"chat_id":1,"text":"x","created_at":"2026-01-23T10:05:00Z"}';

for (const [kind, body, told] of [
  ["ends within a line", `${LINE}\n${LINE.slice(0, 40)}`, /middle of a message/],
  ["ends before the end of a line", `${LINE}\n${LINE}`, /middle of a message/],
  ["is a page", "<html></html>\n", /no message/],
] as const) {
  test(`an export whose answer ${kind} throws`, async () => {
    const bytes = answer("200 OK", "application/x-ndjson", body);
    const behind = createClient({ baseUrl: await startGateway(bytes) });
    await assert.rejects(all(exportMessages(behind)), (error) => {
      assert.ok(error instanceof TypeError);
      return told.test(error.message);
    });
  });
}
