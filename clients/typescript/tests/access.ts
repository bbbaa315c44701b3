// A service that asks for keys, called by those that have one, or get one.
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  ApiProblem,
  type Client,
  type ClientConfig,
  createChat,
  createClient,
  createKey,
  createMessages,
  exportMessages,
  followChanges,
  iterateMessages,
  listChats,
  type CreatedApiKey,
  revokeKey,
  sendMessage,
  streamChanges,
} from "chat-and-message-client";

import { change, cutAfter, ending, gone, ready, refuse, scripted, type Step } from "./script.js";
import { ADMIN_KEY, all, newChat, startGuarded } from "./service.js";

const baseUrl = await startGuarded();
const admin = createClient({ baseUrl, token: ADMIN_KEY });
const NOBODYS = "cmk_that-nobody-has";
const UNAUTHORIZED = refuse(401, "/problems/unauthorized");
const CROWD = 12; // So many call at once.

/** Returns a client of the service, or of the one that `like` calls. */
function clientWith(token: ClientConfig["token"], like: Client = admin): Client {
  return createClient({ baseUrl: like.getConfig().baseUrl!, token });
}

/** Returns a function that gives one token after the other, or throws it, and counts how often. */
function giving(...tokens: unknown[]): { token: () => Promise<string>; count: () => number } {
  let count = 0;
  const token = async () => {
    const next = tokens[count++];
    assert.notEqual(next, undefined, "It is asked too often");
    if (typeof next !== "string") throw next;
    return next;
  };
  return { token, count: () => count };
}

async function newKey(scope: "read" | "write"): Promise<CreatedApiKey> {
  const body = { name: "Shop", scopes: [scope] };
  return (await createKey({ client: admin, body, throwOnError: true })).data;
}

const isUnauthorized = (error: unknown) =>
  error instanceof ApiProblem && error.problem.type === "/problems/unauthorized";

const next = async (items: AsyncIterable<unknown>) => {
  for await (const _item of items) return;
};

const CALLS: Record<string, (client: Client, chatId: number) => Promise<unknown>> = {
  "a plain call": (client, chat_id) => {
    const body = [{ text: "One" }, { text: "Two" }];
    return createMessages({ client, path: { chat_id }, body, throwOnError: true });
  },
  sendMessage: (client, chatId) => sendMessage(client, chatId, { text: "Hello" }),
  iterateMessages: (client, chatId) => all(iterateMessages(client, { chatId })),
  followChanges: (client, chatId) => all(followChanges(client, chatId)),
  streamChanges: (client, chatId) => next(streamChanges(client, chatId)),
  exportMessages: (client, chatId) => all(exportMessages(client, { chatId })),
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`a function is asked again when its token is refused: ${name}`, async () => {
    const { id } = await newChat(admin);
    const { token, count } = giving(NOBODYS, ADMIN_KEY);
    await call(clientWith(token), id);
    assert.equal(count(), 2);
  });

  test(`a token that is refused is the problem, the second of a function: ${name}`, async () => {
    const requests: IncomingMessage[] = [];
    const service = await scripted(requests, UNAUTHORIZED, UNAUTHORIZED, UNAUTHORIZED);
    await assert.rejects(call(clientWith("key", service), 1), isUnauthorized);
    const { token, count } = giving("one", "two");
    await assert.rejects(call(clientWith(token, service), 1), isUnauthorized);
    assert.equal(count(), 2);
    const sent = requests.map(({ headers }) => headers.authorization);
    assert.deepEqual(sent, ["Bearer key", "Bearer one", "Bearer two"]);
  });

  for (const before of [[], [NOBODYS]]) {
    const when = before.length ? "again" : "first";
    test(`what a function throws when it is asked ${when} is thrown as it is: ${name}`, async () => {
      const { id } = await newChat(admin);
      const error = new TypeError("fetch failed"); // Of the service, it might pass.
      const { token, count } = giving(...before, error);
      await assert.rejects(call(clientWith(token), id), (thrown) => thrown === error);
      assert.equal(count(), before.length + 1);
    });
  }
}

test("a client with a key does what the key allows, and no other replaces it", async () => {
  const { id } = await newChat(admin);
  const { token, count } = giving((await newKey("read")).key, ADMIN_KEY);
  const reader = clientWith(token);
  assert.deepEqual(await all(iterateMessages(reader, { chatId: id })), []);
  const { error } = await createChat({ client: reader, body: { title: "A chat" } });
  assert.equal(error?.type, "/problems/forbidden");
  assert.equal(count(), 1);
});

test("without a token, none is sent", async () => {
  const { error } = await listChats({ client: clientWith(undefined) });
  assert.equal(error?.detail, "No key was sent.");
});

test("what a function gave is sent until it is refused", async () => {
  const { id: chatId } = await newChat(admin);
  const { token, count } = giving(NOBODYS, ADMIN_KEY);
  const client = clientWith(token);
  const sent = [await sendMessage(client, chatId, { text: "One" })];
  sent.push(await sendMessage(client, chatId, { text: "Two" }));
  assert.deepEqual(await all(iterateMessages(client, { chatId, limit: 1 })), sent);
  assert.equal(count(), 2);
});

test("many that are refused at once ask once", async () => {
  const { id } = await newChat(admin);
  const { token, count } = giving(NOBODYS, ADMIN_KEY);
  const client = clientWith(token);
  const texts = Array.from({ length: CROWD }, (_, number) => `${number}`);
  const sent = await Promise.all(texts.map((text) => sendMessage(client, id, { text })));
  assert.equal(new Set(sent.map((message) => message.id)).size, CROWD);
  assert.equal(count(), 2);
});

test("all that wait for a token get what the function throws, and the next asks anew", async () => {
  const error = new Error("Signed out");
  const { token, count } = giving(error, NOBODYS, error, ADMIN_KEY);
  const client = clientWith(token);
  for (let round = 0; round < 2; round++) {
    const calls = Array.from({ length: CROWD }, () => all(iterateMessages(client)));
    const results = await Promise.allSettled(calls);
    for (const result of results) assert.equal("reason" in result && result.reason, error);
  }
  await all(iterateMessages(client));
  assert.equal(count(), 4);
});

test("a function may also return or throw at once, and throw what is no error", async () => {
  await listChats({ client: clientWith(() => ADMIN_KEY), throwOnError: true });
  const signedOut = clientWith(() => {
    throw "Signed out";
  });
  await assert.rejects(next(streamChanges(signedOut, 1)), (thrown) => thrown === "Signed out");
});

test("what a function throws when a stream begins is thrown by who follows", async () => {
  const nothing: Step = (response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ changes: [], next_since: 0, more: false }));
  };
  const service = await scripted([], nothing, UNAUTHORIZED, nothing);
  const error = new TypeError("fetch failed");
  const { token, count } = giving("one", error);
  const following = followChanges(clientWith(token, service), 1, { wait: 10 });
  await assert.rejects(following.next(), (thrown) => thrown === error);
  assert.equal(count(), 2);
});

test("a refused token costs none of the attempts", async () => {
  const requests: IncomingMessage[] = [];
  const stored: Step = (response) => {
    response.writeHead(201, { "Content-Type": "application/json" });
    response.end("{}");
  };
  const cut: Step = (response) => response.destroy();
  const service = await scripted(requests, UNAUTHORIZED, cut, UNAUTHORIZED, stored);
  const client = clientWith(giving("one", "two", "three").token, service);
  await sendMessage(client, 1, { text: "Hello" }, { key: "once", attempts: 2 });
  assert.deepEqual(
    requests.map(({ headers }) => [headers.authorization, headers["idempotency-key"]]),
    ["one", "two", "two", "three"].map((token) => [`Bearer ${token}`, "once"]),
  );
});

test("a stream whose key is revoked goes on with the next", async () => {
  const { id: chatId } = await newChat(admin);
  const keys = [await newKey("read"), await newKey("read")];
  const first = keys[0]!;
  const send = (text: string) => sendMessage(admin, chatId, { text });
  const token = async () => {
    if (keys.length === 1) await send("Meanwhile");
    return keys.shift()!.key;
  };
  const told: unknown[] = [];
  for await (const event of streamChanges(clientWith(token), chatId)) {
    if (event.event === "ready") {
      await send("Before");
      continue;
    }
    assert.ok(event.event === "change");
    told.push(event.message);
    if (event.message?.text === "After") break;
    const path = { key_id: first.id };
    if (event.revision === 1) await revokeKey({ client: admin, path, throwOnError: true });
    else await send("After");
  }
  assert.equal(told.length, 3);
  assert.deepEqual(told, await all(iterateMessages(admin, { chatId })));
  assert.deepEqual(keys, []);
});

test("a stream that is cut off when its token expired goes on with another", async () => {
  const requests: IncomingMessage[] = [];
  const service = await scripted(
    requests,
    cutAfter(ready(43), change(44)),
    UNAUTHORIZED,
    ending(ready(44), change(45), gone(1, 45)),
  );
  const events = await all(streamChanges(clientWith(giving("one", "two").token, service), 1));
  assert.deepEqual(events.map(({ cursor }) => cursor), [43, 44, 45, 45]);
  assert.deepEqual(
    requests.map(({ headers }) => [headers.authorization, headers["last-event-id"]]),
    [["Bearer one", undefined], ["Bearer one", "44"], ["Bearer two", "44"]],
  );
});

test("a call ends when it is aborted, or late, while a function is asked", async () => {
  const client = clientWith(() => new Promise(() => {}));
  const abort = new AbortController();
  const { signal } = abort;
  const calls = [
    listChats({ client, signal }),
    sendMessage(client, 1, { text: "Hello" }, { signal }),
    next(streamChanges(client, 1, { signal })),
  ];
  abort.abort(new Error("Enough"));
  for (const call of calls) await assert.rejects(call, { message: "Enough" });
  await assert.rejects(listChats({ client, signal }), { message: "Enough" });
  const late = sendMessage(client, 1, { text: "Hello" }, { timeout: 10, attempts: 2 });
  await assert.rejects(late, { name: "TimeoutError" });
});

for (const token of ["", "secret\n", "secret secret", "secrét"]) {
  test(`a token that cannot be sent is refused unseen: ${JSON.stringify(token)}`, async () => {
    const isUnseen = (error: unknown) => error instanceof TypeError && !/secr/.test(inspect(error));
    assert.throws(() => clientWith(token), isUnseen);
    await assert.rejects(all(iterateMessages(clientWith(() => token))), isUnseen);
  });
}

test("a token is shown neither by the client's configuration nor by errors", async () => {
  const client = clientWith(ADMIN_KEY);
  await assert.rejects(all(followChanges(client, Number.MAX_SAFE_INTEGER)), (error) => {
    assert.ok(error instanceof ApiProblem);
    return !inspect([error, client.getConfig()], { depth: null }).includes(ADMIN_KEY);
  });
});

test("a call is repeated by the client's own fetch, called as browsers demand", async () => {
  const statuses: number[] = [];
  const own = async function (this: unknown, ...request: Parameters<typeof fetch>) {
    assert.equal(this, undefined);
    const response = await fetch(...request);
    statuses.push(response.status);
    return response;
  };
  const { token } = giving(NOBODYS, ADMIN_KEY);
  await listChats({ client: createClient({ baseUrl, token, fetch: own }), throwOnError: true });
  assert.deepEqual(statuses, [401, 200]);
});

test("an Authorization among the headers is sent instead", async () => {
  const { token, count } = giving();
  const own = { Authorization: `Bearer ${ADMIN_KEY}` };
  const client = createClient({ baseUrl, token, headers: own });
  await listChats({ client, throwOnError: true });
  const refused = await listChats({ client, headers: { authorization: `Bearer ${NOBODYS}` } });
  assert.equal(refused.error?.type, "/problems/unauthorized");
  await listChats({ client: clientWith(token), headers: own, throwOnError: true });
  assert.equal(count(), 0);
});

test("another host that the service redirects to is not sent the token", async () => {
  const requests: IncomingMessage[] = [];
  const other = (await scripted(requests, UNAUTHORIZED)).getConfig().baseUrl!;
  const service = await scripted(requests, (response) => {
    response.writeHead(307, { Location: `${other}/` });
    response.end();
  });
  await listChats({ client: clientWith("key", service) });
  assert.deepEqual(
    requests.map(({ headers }) => headers.authorization),
    ["Bearer key", undefined],
  );
});
