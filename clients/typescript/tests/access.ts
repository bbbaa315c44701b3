// A service that asks for keys, called by those that have one, or get one.
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { inspect } from "node:util";

import {
  ApiError,
  ChatClient,
  ConnectionFailed,
  type CreatedApiKey,
  type Token,
} from "chat-and-message-client";

import { change, cutAfter, ending, gone, ready, refuse, scripted, type Step } from "./script.js";
import { ADMIN_KEY, all, isKind, newChat, startGuarded } from "./service.js";

const baseUrl = await startGuarded();
const admin = new ChatClient({ baseUrl, apiKey: ADMIN_KEY });
const NOBODYS = "cmk_that-nobody-has";
const UNAUTHORIZED = refuse(401, "/problems/unauthorized");
const CROWD = 12; // So many call at once.

/** Returns a client of the service, or of the one that `like` calls. */
function clientWith(token: Token | undefined, like: ChatClient = admin): ChatClient {
  return new ChatClient({ baseUrl: like.client.getConfig().baseUrl!, token });
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

const newKey = (scope: "read" | "write"): Promise<CreatedApiKey> =>
  admin.keys.create({ name: "Shop", scopes: [scope] });

const isUnauthorized = isKind("Unauthorized", "unauthorized");

const next = async (items: AsyncIterable<unknown>) => {
  for await (const _item of items) return;
};

const CALLS: Record<string, (client: ChatClient, chat_id: number) => Promise<unknown>> = {
  "a plain call": (client, chat_id) => client.chats.get({ chat_id }),
  "messages.send": (client, chat_id) => client.messages.send({ chat_id, text: "Hello" }),
  "messages.list": (client, chat_id) => all(client.messages.list({ chat_id })),
  "messages.export": (client, chat_id) => all(client.messages.export({ chat_id })),
  "chats.changes": (client, chat_id) => all(client.chats.changes({ chat_id })),
  "chats.stream": (client, chat_id) => next(client.chats.stream({ chat_id })),
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
  assert.deepEqual(await all(reader.messages.list({ chat_id: id })), []);
  await assert.rejects(reader.chats.create({ title: "A chat" }), isKind("Forbidden", "forbidden"));
  assert.equal(count(), 1);
});

test("without a token, none is sent", async () => {
  const listing = all(clientWith(undefined).chats.list());
  await assert.rejects(listing, { name: "Unauthorized", detail: "No key or token was sent." });
});

test("what a function gave is sent until it is refused", async () => {
  const { id: chatId } = await newChat(admin);
  const { token, count } = giving(NOBODYS, ADMIN_KEY);
  const client = clientWith(token);
  const sent = [await client.messages.send({ chat_id: chatId, text: "One" })];
  sent.push(await client.messages.send({ chat_id: chatId, text: "Two" }));
  assert.deepEqual(await all(client.messages.list({ chat_id: chatId })), sent);
  assert.equal(count(), 2);
});

test("many that are refused at once ask once", async () => {
  const { id } = await newChat(admin);
  const { token, count } = giving(NOBODYS, ADMIN_KEY);
  const client = clientWith(token);
  const texts = Array.from({ length: CROWD }, (_, number) => `${number}`);
  const sent = await Promise.all(texts.map((text) => client.messages.send({ chat_id: id, text })));
  assert.equal(new Set(sent.map((message) => message.id)).size, CROWD);
  assert.equal(count(), 2);
});

test("all that wait for a token get what the function throws, and the next asks anew", async () => {
  const error = new Error("Signed out");
  const { token, count } = giving(error, NOBODYS, error, ADMIN_KEY);
  const client = clientWith(token);
  for (let round = 0; round < 2; round++) {
    const calls = Array.from({ length: CROWD }, () => all(client.messages.list()));
    const results = await Promise.allSettled(calls);
    for (const result of results) assert.equal("reason" in result && result.reason, error);
  }
  await all(client.messages.list());
  assert.equal(count(), 4);
});

test("a function may also return or throw at once, and throw what is no error", async () => {
  await all(clientWith(() => ADMIN_KEY).chats.list());
  const signedOut = clientWith(() => {
    throw "Signed out";
  });
  const streaming = next(signedOut.chats.stream({ chat_id: 1 }));
  await assert.rejects(streaming, (thrown) => thrown === "Signed out");
});

test("what a function throws when a stream begins is thrown by who follows", async () => {
  const nothing: Step = (response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ changes: [], next_since: 0, more: false }));
  };
  const service = await scripted([], nothing, UNAUTHORIZED, nothing);
  const error = new TypeError("fetch failed");
  const { token, count } = giving("one", error);
  const following = clientWith(token, service).chats.follow({ chat_id: 1 }, { poll: 10 });
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
  const once = { idempotencyKey: "once", attempts: 2 };
  await client.messages.send({ chat_id: 1, text: "Hello" }, once);
  assert.deepEqual(
    requests.map(({ headers }) => [headers.authorization, headers["idempotency-key"]]),
    ["one", "two", "two", "three"].map((token) => [`Bearer ${token}`, "once"]),
  );
});

test("a stream whose key is revoked goes on with the next", async () => {
  const { id: chatId } = await newChat(admin);
  const keys = [await newKey("read"), await newKey("read")];
  const first = keys[0]!;
  const send = (text: string) => admin.messages.send({ chat_id: chatId, text });
  const token = async () => {
    if (keys.length === 1) await send("Meanwhile");
    return keys.shift()!.key;
  };
  const told: unknown[] = [];
  for await (const event of clientWith(token).chats.stream({ chat_id: chatId })) {
    if (event.event === "ready") {
      await send("Before");
      continue;
    }
    assert.ok(event.event === "change");
    told.push(event.message);
    if (event.message?.text === "After") break;
    if (event.revision === 1) await admin.keys.revoke({ key_id: first.id });
    else await send("After");
  }
  assert.equal(told.length, 3);
  assert.deepEqual(told, await all(admin.messages.list({ chat_id: chatId })));
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
  const client = clientWith(giving("one", "two").token, service);
  const events = await all(client.chats.stream({ chat_id: 1 }));
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
    client.chats.get({ chat_id: 1 }, { signal }),
    client.messages.send({ chat_id: 1, text: "Hello" }, { signal }),
    next(client.chats.stream({ chat_id: 1 }, { signal })),
  ];
  abort.abort(new Error("Enough"));
  for (const call of calls) await assert.rejects(call, { message: "Enough" });
  await assert.rejects(client.chats.get({ chat_id: 1 }, { signal }), { message: "Enough" });
  const late = client.messages.send({ chat_id: 1, text: "Hello" }, { timeout: 10, attempts: 2 });
  await assert.rejects(late, ConnectionFailed);
});

for (const token of ["", "secret\n", "secret secret", "secrét"]) {
  test(`a token that cannot be sent is refused unseen: ${JSON.stringify(token)}`, async () => {
    const isUnseen = (error: unknown) => error instanceof TypeError && !/secr/.test(inspect(error));
    assert.throws(() => clientWith(token), isUnseen);
    await assert.rejects(all(clientWith(() => token).messages.list()), isUnseen);
  });
}

test("a token is shown neither by the client's configuration nor by errors", async () => {
  const client = clientWith(ADMIN_KEY);
  await assert.rejects(client.chats.get({ chat_id: Number.MAX_SAFE_INTEGER }), (error) => {
    assert.ok(error instanceof ApiError);
    const shown = inspect([error, client, client.client.getConfig()], { depth: null });
    return !shown.includes(ADMIN_KEY);
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
  await all(new ChatClient({ baseUrl, token, fetch: own }).chats.list());
  assert.deepEqual(statuses, [401, 200]);
});

test("an Authorization among the headers is sent instead", async () => {
  const { token, count } = giving();
  const own = { Authorization: `Bearer ${ADMIN_KEY}` };
  await all(new ChatClient({ baseUrl, token, headers: own }).chats.list());
  const other = { authorization: `Bearer ${NOBODYS}` };
  const refused = all(new ChatClient({ baseUrl, token, headers: other }).chats.list());
  await assert.rejects(refused, isUnauthorized);
  assert.equal(count(), 0);
});

test("a key and a token cannot both be given", () => {
  assert.throws(() => new ChatClient({ baseUrl, apiKey: "one", token: "two" }), TypeError);
});

test("keys are made, listed and revoked", async () => {
  const made = await admin.keys.create({ name: "Shop", scopes: ["read"], expires_in: 3600 });
  const { key, ...listed } = made;
  assert.deepEqual(await all(admin.keys.list({ limit: 1 })), [listed]);
  await all(new ChatClient({ baseUrl, apiKey: key }).chats.list({ limit: 1 }));
  await admin.keys.revoke({ key_id: made.id });
  const [revoked] = await all(admin.keys.list());
  assert.ok(revoked?.revoked_at);
  const nobodys = admin.keys.revoke({ key_id: 999_999_999 });
  await assert.rejects(nobodys, isKind("NotFound", "key-not-found"));
});

test("a key whose answer is lost is not made twice", async () => {
  const requests: IncomingMessage[] = [];
  const service = await scripted(requests, (response) => response.destroy());
  await assert.rejects(service.keys.create({ name: "Shop", scopes: ["read"] }), ConnectionFailed);
  assert.equal(requests.length, 1);
});

test("a token reaches its chats alone, and sends as its author", async () => {
  const [own, other] = [await newChat(admin), await newChat(admin)];
  const wanted = { author: "Ada", chats: [own.id], scope: "read send" };
  const ada = clientWith(async () => (await admin.tokens.create(wanted)).token);
  const sent = await ada.messages.send({ chat_id: own.id, text: "Hello" });
  assert.equal(sent.author, "Ada");
  const elsewhere = ada.chats.get({ chat_id: other.id });
  await assert.rejects(elsewhere, isKind("NotFound", "chat-not-found"));
});

test("another host that the service redirects to is not sent the token", async () => {
  const requests: IncomingMessage[] = [];
  const other = (await scripted(requests, UNAUTHORIZED)).client.getConfig().baseUrl!;
  const service = await scripted(requests, (response) => {
    response.writeHead(307, { Location: `${other}/` });
    response.end();
  });
  await assert.rejects(clientWith("key", service).chats.get({ chat_id: 1 }), ApiError);
  assert.deepEqual(
    requests.map(({ headers }) => headers.authorization),
    ["Bearer key", undefined],
  );
});
