// What the tests drive: real services, and a real network that fails when told to.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Transform } from "node:stream";
import { after } from "node:test";

import { ApiError, type Chat, ChatClient, type Tagged } from "chat-and-message-client";

export const PACKAGE = resolve(import.meta.dirname, "..");
const ROOT = resolve(PACKAGE, "../..");
const PYTHON = join(ROOT, ".venv/bin/python");

const endings: (() => unknown)[] = [];

after(async () => {
  for (const end of endings.reverse()) await end();
});

/** Does something when all tests are done; what was started last ends first. */
export function atEnd(end: () => unknown): void {
  endings.push(end);
}

/** The service that the environment names or, if it names none, one of our own. */
export const url = process.env["CHAT_API_URL"] ?? (await startService());
export const api = new ChatClient({ baseUrl: url });

/** Returns a folder of a test's own, which is gone afterwards. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "chat-client-"));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function startService(): Promise<string> {
  return (await start({ DATA_DIR: join(await temporaryFolder(), "data"), DB_HOST: "" })).url;
}

export const ADMIN_KEY = "a-first-key-of-32-or-more-characters";

/** Returns where a service listens that asks for keys or tokens. */
export async function startGuarded(): Promise<string> {
  const guard = { ACCESS: "keys", ADMIN_KEY, TOKEN_SECRET: "s".repeat(40) };
  const data = join(await temporaryFolder(), "data");
  return (await start({ DATA_DIR: data, DB_HOST: "", ...guard })).url;
}

/** Returns where a service of a test's own listens, and what restarts it. */
export async function startRestartable(): Promise<{ url: string; restart: () => Promise<void> }> {
  const settings = {
    DATA_DIR: join(await temporaryFolder(), "data"),
    DB_HOST: "",
    PORT: await freePort(),
  };
  let { server, url } = await start(settings);
  const restart = async () => {
    await stop(server);
    ({ server } = await start(settings));
  };
  return { url, restart };
}

let withoutDatabase: Promise<string> | undefined;

/** Returns where a service listens whose PostgreSQL was stopped, so that it answers 503. */
export function serviceWithoutDatabase(): Promise<string> {
  return (withoutDatabase ??= startAndStopDatabase());
}

async function startAndStopDatabase(): Promise<string> {
  const data = join(await temporaryFolder(), "data");
  const host = await start({ DATA_DIR: data, DB_HOST: "" });
  const place = { DB_HOST: join(data, "socket"), DB_PORT: "5432" };
  const guest = await start({ ...place, DB_USER: "postgres", DB_NAME: "chats" });
  await stop(host.server);
  return guest.url;
}

async function start(settings: Record<string, string>) {
  const port = settings["PORT"] ?? (await freePort());
  const place = { HOST: "127.0.0.1", LOG_LEVEL: "info", ...settings, PORT: port };
  const server = spawn(PYTHON, ["-m", "app"], {
    cwd: ROOT,
    env: { ...process.env, ...place },
    stdio: ["ignore", "pipe", "pipe"],
  });
  atEnd(() => stop(server));
  await listening(server);
  return { server, url: `http://127.0.0.1:${port}` };
}

async function listening(server: ChildProcess): Promise<void> {
  const log: string[] = [];
  await new Promise<void>((listening, fail) => {
    for (const output of [server.stdout!, server.stderr!]) {
      createInterface(output).on("line", (line) => {
        log.push(line);
        if (line.includes("Application startup complete")) listening();
      });
    }
    const failed = () => fail(new Error(`The service did not start:\n${log.join("\n")}`));
    server.once("exit", failed);
    setTimeout(failed, 60_000).unref();
  });
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  server.kill("SIGTERM");
  await once(server, "exit");
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return String(port);
}

/** Returns where a gateway listens that answers every request with these bytes. */
export async function startGateway(answer: Buffer): Promise<string> {
  const sockets = new Set<Socket>();
  const gateway = createServer((near) => {
    sockets.add(near.on("error", () => near.destroy()));
    near.once("data", () => near.end(answer));
  }).listen(0, "127.0.0.1");
  await once(gateway, "listening");
  atEnd(() => close(gateway, sockets));
  return `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
}

/** Returns an answer that ends with its connection. */
export function answer(status: string, type: string, body: string | Buffer): Buffer {
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: ${type}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

const BAD = "502 Bad Gateway";
const AWAY = "503 Service Unavailable";
const PROBLEM = { type: "about:blank", title: "Bad Gateway", status: 502 };

/** What gateways answer that cannot reach the service. */
export const gatewayAnswers: Record<string, Buffer> = {
  "a page": answer(BAD, "text/html", "<html></html>"),
  "an object": answer(BAD, "application/json", '{"message": "Sorry"}'),
  "an object with a status of its own": answer(BAD, "application/json", '{"type": 1, "status": "x"}'),
  "a problem that says less": answer(BAD, "application/problem+json", JSON.stringify(PROBLEM)),
  "a string": answer(BAD, "application/json", '"Bad Gateway"'),
  "null": answer(BAD, "application/json", "null"),
  "a number": answer(BAD, "application/json", "502"),
  "zero": answer(BAD, "application/json", "0"),
  "a list": answer(BAD, "application/json", '["Bad", "Gateway"]'),
  "nothing": answer(AWAY, "application/json", ""),
  "Latin 1": answer(AWAY, "text/html; charset=iso-8859-1", Buffer.from("Später", "latin1")),
  "broken gzip": answer(AWAY, "text/html\r\nContent-Encoding: gzip", Buffer.from([31, 139, 1])),
};

/** What a connection meets: the service's answer is lost or never comes, or another answers. */
export type Mishap = "answer lost" | "no answer" | { insteadAnswers: string };

/**
 * Returns where a proxy of the service listens. Its first connections meet the mishaps, which are
 * taken from the list; all others work.
 */
export async function startProxy(mishaps: Mishap[]): Promise<string> {
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const mishap = mishaps.shift();
    const far = connectTo(typeof mishap === "object" ? mishap.insteadAnswers : url);
    for (const socket of [near, far]) sockets.add(socket.on("error", () => socket.destroy()));
    if (typeof mishap === "object") near.pipe(closing()).pipe(far);
    else near.pipe(far);
    if (mishap === "answer lost") far.once("data", () => near.destroy() && far.destroy());
    else if (mishap === "no answer") far.resume();
    else far.pipe(near);
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  atEnd(() => close(proxy, sockets));
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

/** Returns what asks the service to close the connection: the next attempt makes another. */
function closing(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const text = chunk.toString("latin1").replace("connection: keep-alive", "connection: close");
      done(null, Buffer.from(text, "latin1"));
    },
  });
}

function connectTo(service: string): Socket {
  const { hostname, port } = new URL(service);
  return connect(Number(port || 80), hostname);
}

function close(proxy: Server, sockets: Set<Socket>): void {
  proxy.close();
  for (const socket of sockets) socket.destroy();
}

/** Returns a new chat. */
export function newChat(on: ChatClient = api): Promise<Tagged<Chat>> {
  return on.chats.create({ title: "A chat" });
}

/** Returns what tells whether an error is a problem of this class and type. */
export function isKind(name: string, type: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof ApiError && error.name === name && error.type === `/problems/${type}`;
}

/** Returns all that an iterator yields. */
export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}
