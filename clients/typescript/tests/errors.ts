import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ApiProblem,
  createChat,
  createClient,
  createMessage,
  createMessages,
  deleteChat,
  listMessages,
  type ProblemDetails,
  readChat,
  updateChat,
} from "chat-and-message-client";

import {
  client,
  gatewayAnswers,
  newChat,
  serviceWithoutDatabase,
  startGateway,
  startProxy,
} from "./service.js";

const nowhere = { chat_id: Number.MAX_SAFE_INTEGER };

/** Asserts that a call answered this problem; only a call whose errors are typed can be given. */
function assertProblem(
  answer: { error: ProblemDetails | undefined; response: Response },
  status: number,
  kind: string,
): ProblemDetails {
  const { error, response } = answer;
  assert.ok(error);
  assert.equal(error.status, status);
  assert.equal(error.type, `/problems/${kind}`);
  assert.equal(response.status, status);
  assert.equal(error.request_id, response.headers.get("X-Request-ID"));
  return error;
}

test("a chat that does not exist is a 404", async () => {
  assertProblem(await readChat({ client, path: nowhere }), 404, "chat-not-found");
});

test("a chat that has changed meanwhile is a 412", async () => {
  const path = { chat_id: (await newChat()).id };
  const headers = { "If-Match": (await readChat({ client, path })).response.headers.get("ETag")! };
  const renamed = await updateChat({ client, path, headers, body: { title: "Renamed" } });
  assert.equal(renamed.data?.title, "Renamed");
  const again = { client, path, headers, body: { title: "Renamed again" } };
  assertProblem(await updateChat(again), 412, "stale");
  assertProblem(await deleteChat({ client, path, headers }), 412, "stale");
});

test("a body that is too large is a 413", async () => {
  const path = { chat_id: (await newChat()).id };
  const body = Array.from({ length: 20 }, () => ({ text: "x".repeat(5000) }));
  assertProblem(await createMessages({ client, path, body }), 413, "body-too-large");
});

test("a body that is not announced as JSON is a 415", async () => {
  const headers = { "Content-Type": "text/plain" };
  const answer = await createChat({ client, headers, body: { title: "A chat" } });
  assertProblem(answer, 415, "unsupported-media-type");
});

test("a request that is not valid is a 422 that says what is wrong where", async () => {
  const answer = await createChat({ client, body: { title: " " } });
  const problem = assertProblem(answer, 422, "invalid-request");
  assert.equal(problem.errors?.[0]?.location, "body.title");
  assert.equal(problem.errors[0].code, "string_too_short");
});

test("a key that comes again with another body is a 422 of its own type", async () => {
  const path = { chat_id: (await newChat()).id };
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  await createMessage({ client, path, headers, body: { text: "One" } });
  const answer = await createMessage({ client, path, headers, body: { text: "Other" } });
  assertProblem(answer, 422, "idempotency-key-reused");
});

test("a service without its database is a 503 that says when to try again", async () => {
  const away = createClient({ baseUrl: await serviceWithoutDatabase() });
  const answer = await listMessages({ client: away });
  assertProblem(answer, 503, "unavailable");
  assert.equal(answer.response.headers.get("Retry-After"), "1");
});

test("with throwOnError a problem is thrown as an ApiProblem", async () => {
  await assert.rejects(readChat({ client, path: nowhere, throwOnError: true }), (error) => {
    assert.ok(error instanceof ApiProblem);
    assert.equal(error.response.status, 404);
    return error.problem.type === "/problems/chat-not-found";
  });
});

test("an answer that is no problem document is told as one: a 304", async () => {
  const path = { chat_id: (await newChat()).id };
  const etag = (await readChat({ client, path })).response.headers.get("ETag")!;
  const { error } = await readChat({ client, path, headers: { "If-None-Match": etag } });
  assert.equal(error?.type, "about:blank");
  assert.equal(error.status, 304);
  assert.notEqual(error.request_id, "");
});

for (const [kind, bytes] of Object.entries(gatewayAnswers)) {
  if (kind === "broken gzip") continue; // Nobody can read it: the call rejects, as fetch does.
  test(`what a gateway answers is told as a problem: ${kind}`, async () => {
    const behind = createClient({ baseUrl: await startGateway(bytes) });
    const { error, response } = await listMessages({ client: behind, query: { limit: 1 } });
    assert.equal(error?.type, "about:blank");
    assert.equal(error.status, response.status);
    assert.equal(typeof error.detail, "string");
  });
}

test("a call that gets no answer rejects, as fetch does", async () => {
  const cut = createClient({ baseUrl: await startProxy(["answer lost"]) });
  await assert.rejects(listMessages({ client: cut, query: { limit: 1 } }), TypeError);
});
