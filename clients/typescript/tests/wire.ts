// How a stream is read, from services that answer by a script.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";

import {
  ApiError,
  ChatClient,
  type StreamedEvent,
  type StreamOptions,
} from "chat-and-message-client";

import {
  begin,
  bye,
  change,
  cutAfter,
  ending,
  gone,
  ready,
  refuse,
  scripted,
  serving,
  telling,
  written,
} from "./script.js";
import { all } from "./service.js";

const message = { id: 7, chat_id: 1, text: "Grüße 🙂", created_at: "2026-01-23T10:05:00Z" };

/** Returns what a stream of chat 1 tells until it is gone, shortly: "change 44". */
async function told(
  client: ChatClient,
  { since, ...options }: StreamOptions & { since?: number } = {},
): Promise<string[]> {
  return (await all(client.chats.stream({ chat_id: 1, since }, options))).map(shortly);
}

const shortly = (event: StreamedEvent) =>
  "revision" in event ? `${event.event} ${event.revision}` : event.event;

const lastIds = (requests: IncomingMessage[]) =>
  requests.map(({ headers }) => headers["last-event-id"]);

test("a stream that is cut at any byte goes on after the last whole event", async () => {
  const events = [
    ready(43),
    written({ event: "change", chat_id: 1, revision: 44, message_id: 7, message }, 44),
    change(45),
    gone(1, 45),
  ];
  const bytes = Buffer.from(`retry: 2000\n\n${events.join("")}`);
  // Each chat's first connection is cut after as many bytes as its id says.
  const resumed = new Set<string>();
  const client = await serving((request, response) => {
    const after = Number(request.headers["last-event-id"] ?? 0);
    if (resumed.has(request.url!)) {
      ending(...events.slice(Math.max(0, after - 42)))(response, request);
      return;
    }
    resumed.add(request.url!);
    const cut = Number(/chats\/(\d+)/.exec(request.url!)![1]);
    begin(response).write(bytes.subarray(0, cut), () => response.destroy());
  });
  const cuts = Array.from({ length: bytes.length - 1 }, (_, index) => index + 1);
  await Promise.all(
    cuts.map(async (cut) => {
      const events = await all(client.chats.stream({ chat_id: cut }));
      const found = events.map(shortly);
      assert.deepEqual(found, ["ready 43", "change 44", "change 45", "gone"], `cut at ${cut}`);
      assert.ok(events[1]?.event === "change");
      assert.deepEqual(events[1].message, message);
    }),
  );
});

const CHANGE = { event: "change", chat_id: 1, revision: 44, message_id: 7, message } as const;

for (const [name, end] of Object.entries({ "\\n": "\n", "\\r\\n": "\r\n", "\\r": "\r" })) {
  test(`a stream is read in pieces of any size, with lines that end in ${name}`, async () => {
    const lines = [
      "\uFEFFretry: 2000", "",
      ": a comment", "event:ready", "id:43", `data:{"event":"ready",`, `data: "chat_id":1,`,
      `data: "revision":43}`, "",
      "event: typing", "data: of a later version", "",
      "data: of no type", "",
      "event: change", "id: 44", "id: 9\0", "unknown: field", "data",
      `data: ${JSON.stringify(CHANGE)}`, "",
      "event: change", "id: 99", "",
      "event: gone", `data: {"event":"gone","chat_id":1}`, "", "",
    ];
    const bytes = Buffer.from(lines.join(end));
    for (const size of [1, 2, 3, 7, bytes.length]) {
      const client = await serving(async (_request, response) => {
        begin(response).socket?.setNoDelay();
        for (let start = 0; start < bytes.length; start += size) {
          response.write(bytes.subarray(start, start + size));
          await new Promise(setImmediate);
        }
      });
      assert.deepEqual(await all(client.chats.stream({ chat_id: 1 })), [
        { event: "ready", chat_id: 1, revision: 43, cursor: 43 },
        { ...CHANGE, cursor: 44 },
        { event: "gone", chat_id: 1, cursor: 99 },
      ]);
    }
  });
}

test("an event that no blank line ends does not count, even when the stream ends", async () => {
  const requests: IncomingMessage[] = [];
  const half = change(44).trimEnd();
  const client = await scripted(requests, ending(ready(43), half), ending(change(44), gone(1, 44)));
  assert.deepEqual(await told(client), ["ready 43", "change 44", "gone"]);
  assert.deepEqual(lastIds(requests), [undefined, "43"]);
});

test("a stream goes on after a bye at once, from where it was", async () => {
  const requests: IncomingMessage[] = [];
  const goodbyes = Array.from({ length: 20 }, () => telling(ready(43), bye(43)));
  const client = await scripted(requests, ...goodbyes, ending(ready(43), change(44), gone(1, 44)));
  const start = performance.now();
  assert.deepEqual(await told(client), ["ready 43", "change 44", "gone"]);
  assert.deepEqual(lastIds(requests), [undefined, ...goodbyes.map(() => "43")]);
  assert.ok(performance.now() - start < 20 * 180, "Waits take longer");
});

test("what comes twice, or late, is told once", async () => {
  const client = await scripted(
    [],
    cutAfter(ready(43), change(44), change(44), change(46), change(45)),
    ending(ready(43), change(44), change(46), change(47), gone(1, 47)),
  );
  const expected = ["ready 43", "change 44", "change 46", "change 47", "gone"];
  assert.deepEqual(await told(client), expected);
});

test("after a reset, lower revisions come", async () => {
  const reset = written({ event: "reset", chat_id: 1, revision: 40 }, 40);
  const requests: IncomingMessage[] = [];
  const client = await scripted(
    requests,
    cutAfter(ready(43), change(44), reset),
    ending(ready(40), change(41), gone(1, 41)),
  );
  const expected = ["ready 43", "change 44", "reset 40", "change 41", "gone"];
  assert.deepEqual(await told(client), expected);
  assert.deepEqual(lastIds(requests), [undefined, "40"]);
});

test("a chat that is gone when the stream comes back is gone", async () => {
  const client = await scripted(
    [],
    cutAfter(ready(43), change(44)),
    refuse(404, "/problems/chat-not-found"),
  );
  const events = await all(client.chats.stream({ chat_id: 1 }));
  assert.deepEqual(events.map(shortly), ["ready 43", "change 44", "gone"]);
  assert.equal(events[2]?.cursor, 44);
});

test("of many chats, those that are left go on where all of them were", async () => {
  const requests: IncomingMessage[] = [];
  const client = await scripted(
    requests,
    cutAfter(ready(43, 1, "1.43,7.2"), ready(2, 7, "1.43,7.2"), change(3, 7, "1.43,7.3")),
    cutAfter(ready(43, 1, "1.43,7.3"), ready(3, 7, "1.43,7.3"), gone(1, "7.3")),
    ending(ready(3, 7, "7.3"), change(4, 7, "7.4"), gone(7, "")),
  );
  const events = await all(client.chats.stream({ chats: [[1, 43], 7] }));
  const expected = ["ready 43", "ready 2", "change 3", "gone", "change 4", "gone"];
  assert.deepEqual(events.map(shortly), expected);
  assert.equal(new URL(requests[0]!.url!, "http://x").searchParams.get("chats"), "1.43,7");
  assert.deepEqual(lastIds(requests), [undefined, "1.43,7.3", "7.3"]);
});

test("a connection that is silent for too long is replaced; pings are sounds", async () => {
  const requests: IncomingMessage[] = [];
  let pings = 0;
  const client = await scripted(
    requests,
    (response) => {
      begin(response).write(ready(43));
      const pinging = setInterval(() => {
        response.write(": ping\n\n");
        if (++pings === 10) clearInterval(pinging);
      }, 50);
      response.on("close", () => clearInterval(pinging));
    },
    () => {}, // It does not even answer.
    telling(), // Nor does this one tell anything.
    ending(ready(43), gone(1, 43)),
  );
  assert.deepEqual(await told(client, { timeout: 300 }), ["ready 43", "gone"]);
  assert.equal(pings, 10);
  assert.equal(requests.length, 4);
});

test("what passes is waited out, as long as Retry-After asks", async () => {
  const requests: IncomingMessage[] = [];
  const full = refuse(503, "/problems/too-many-streams", { "Retry-After": "1" });
  const client = await scripted(
    requests,
    refuse(502),
    (response) => response.destroy(),
    full,
    ending("<html></html>"),
    ending(ready(43), gone(1, 43)),
  );
  const start = performance.now();
  assert.deepEqual(await told(client), ["ready 43", "gone"]);
  assert.equal(requests.length, 5);
  assert.ok(performance.now() - start >= 990 + 187 + 375, "It waits after each");
});

for (const [status, type] of [
  [401, "/problems/unauthorized"],
  [404, "/problems/not-found"],
  [422, "/problems/invalid-request"],
] as const) {
  test(`what will be refused again is thrown: a ${status}`, async () => {
    const client = await scripted([], cutAfter(ready(43)), refuse(status, type));
    const stream = client.chats.stream({ chat_id: 1 });
    await stream.next();
    await assert.rejects(stream.next(), (error) => {
      assert.ok(error instanceof ApiError);
      return error.type === type;
    });
    assert.ok((await stream.next()).done);
  });
}

test("a stream whose reader leaves the loop is closed at once", async () => {
  let closed: Promise<unknown> | undefined;
  const client = await scripted([], (response) => {
    closed = once(response, "close");
    begin(response).write(ready(43) + change(44));
  });
  for await (const _event of client.chats.stream({ chat_id: 1 })) break;
  await closed;
});

test("a stream ends when it is aborted, whatever has come already", async () => {
  const client = await scripted([], telling(ready(43), change(44)));
  const abort = new AbortController();
  const stream = client.chats.stream({ chat_id: 1 }, { signal: abort.signal });
  await stream.next();
  abort.abort(new Error("Enough"));
  await assert.rejects(stream.next(), { message: "Enough" });
});

test("a stream is asked for with the client's headers", async () => {
  const requests: IncomingMessage[] = [];
  const { baseUrl } = (await scripted(requests, ending(gone()))).client.getConfig();
  const client = new ChatClient({ baseUrl: baseUrl!, headers: { Authorization: "Bearer key" } });
  await told(client, { since: 43 });
  assert.equal(requests[0]!.url, "/api/v1/chats/1/changes/stream?since=43");
  assert.equal(requests[0]!.headers.authorization, "Bearer key");
  assert.equal(requests[0]!.headers.accept, "text/event-stream");
});
