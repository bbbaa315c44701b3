// A service that answers by a script, and a gateway that forwards: real servers on real sockets.
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as ask,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

import { ChatClient } from "chat-and-message-client";
import type { LiveEvent } from "chat-and-message-client/generated";

import { atEnd, url } from "./service.js";

/** What answers a request. */
export type Step = (response: ServerResponse, request: IncomingMessage) => unknown;

/** Returns a client of a server that answers so. */
export async function serving(listener: RequestListener): Promise<ChatClient> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  return new ChatClient({ baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

/**
 * Returns a client of a service that answers its first request by the first step, and so on. The
 * requests that came are added to `requests`.
 */
export async function scripted(requests: IncomingMessage[], ...steps: Step[]): Promise<ChatClient> {
  return serving((request, response) => {
    const step = steps[requests.length] ?? refuse(500);
    requests.push(request);
    void step(response, request);
  });
}

/** Forwards a request to the service. */
export const forward: Step = (response, request) => {
  const { method, headers } = request;
  const far = ask(new URL(request.url!, url), { method, headers }, (answer) => {
    response.writeHead(answer.statusCode!, answer.headers);
    answer.pipe(response);
  });
  request.pipe(far.on("error", () => response.destroy()));
  response.on("close", () => far.destroy());
};

/** Returns the step that begins a stream, sends some of it, and leaves it open. */
export const telling = (...parts: string[]): Step => {
  return (response) => begin(response).write(parts.join(""));
};

/** Returns the step that sends some of a stream and then cuts the connection. */
export const cutAfter = (...parts: string[]): Step => {
  return (response) => begin(response).write(parts.join(""), () => response.destroy());
};

/** Returns the step that sends the rest of a stream, and ends it. */
export const ending = (...parts: string[]): Step => {
  return (response) => begin(response).end(parts.join(""));
};

/** Begins to answer a stream. */
export function begin(response: ServerResponse): ServerResponse {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.flushHeaders();
  return response;
}

/** Returns the step that refuses, by a problem. */
export const refuse = (
  status: number,
  type = "about:blank",
  headers: Record<string, string> = {},
): Step => {
  const problem = { type, title: "No", status, detail: "No.", request_id: "none" };
  return (response) => {
    response.writeHead(status, { "Content-Type": "application/problem+json", ...headers });
    response.end(JSON.stringify(problem));
  };
};

/** Returns an event as the service writes it. */
export function written(event: LiveEvent, id: number | string): string {
  return `event: ${event.event}\nid: ${id}\ndata: ${JSON.stringify(event)}\n\n`;
}

export const ready = (revision: number, chat_id = 1, id: number | string = revision) =>
  written({ event: "ready", chat_id, revision }, id);

/** Returns the deletion of message 7, which is the shortest change. */
export const change = (revision: number, chat_id = 1, id: number | string = revision) =>
  written({ event: "change", chat_id, revision, message_id: 7 }, id);

export const gone = (chat_id = 1, id: number | string = 0) =>
  written({ event: "gone", chat_id }, id);

export const bye = (id: number | string) => written({ event: "bye" }, id);
