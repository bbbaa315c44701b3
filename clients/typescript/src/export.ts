import type { Client } from "./client.js";
import type { ListMessagesErrors, Message } from "./generated/index.js";

/** Which messages to export. */
export interface ExportOptions {
  /** Only those of this chat; of all chats unless given. */
  chatId?: number;
  /** Ends the export when aborted. */
  signal?: AbortSignal;
}

/**
 * Yields every message of all chats, or of one, oldest first, while the answer to a single request
 * arrives: in constant memory, however many there are. A chat that does not exist has none.
 *
 * @throws {@link ApiProblem} when the service is unavailable; what `fetch` throws when the
 * connection fails, also midway, and `TypeError` when the answer ends within a message; the reason
 * of `signal` when aborted.
 */
export async function* exportMessages(
  client: Client,
  { chatId, signal }: ExportOptions = {},
): AsyncGenerator<Message, void, undefined> {
  const { data } = await client.get<{ 200: ReadableStream }, ListMessagesErrors, true>({
    url: "/api/v1/messages/",
    query: { chat_id: chatId },
    headers: { Accept: "application/x-ndjson" },
    parseAs: "stream",
    signal,
    throwOnError: true,
  });
  for await (const line of lines(data, signal)) yield messageOf(line);
}

function messageOf(line: string): Message {
  try {
    return JSON.parse(line) as Message;
  } catch (cause) {
    throw new TypeError("A line of the export is no message.", { cause });
  }
}

async function* lines(
  stream: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of texts(stream, signal)) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  if (rest !== "") throw new TypeError("The export ended in the middle of a message.");
}

// Reads by hand, because not every browser can iterate over a stream, and listens to the signal
// itself, because Node 20 may forget it once the request's head was answered.
async function* texts(
  stream: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  const cancel = () => reader.cancel(signal?.reason).catch(() => {}); // The read below tells.
  signal?.addEventListener("abort", cancel);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    signal?.removeEventListener("abort", cancel);
    await cancel(); // Closes the connection of a reader who has seen enough.
  }
}
