import type { Client } from "./client.js";
import { createMessage, type Message, type MessageCreate } from "./generated/index.js";
import { type RetryOptions, retrying } from "./retry.js";

/** How to send. */
export interface SendOptions extends RetryOptions {
  /**
   * The idempotency key, 1–255 visible ASCII characters; made up unless given. Keep one of your
   * own with what you send, to send it again after your program was restarted.
   */
  key?: string;
}

/**
 * Sends a message, a `text` of 1–5000 characters and perhaps an `author` of 1–100, exactly once:
 * after a network error, a timeout or a 503 it sends again, with the same idempotency key. Returns
 * the message as it was stored.
 *
 * @throws {@link ApiProblem} when the service refuses the message, or is still unavailable after
 * the last attempt. When no answer came to that one, what `fetch` throws: the message may or may
 * not be stored, and sending it again with the same `key` is safe.
 */
export async function sendMessage(
  client: Client,
  chatId: number,
  message: MessageCreate,
  { key = crypto.randomUUID(), ...options }: SendOptions = {},
): Promise<Message> {
  const send = async (signal: AbortSignal) => {
    const { data } = await createMessage({
      client,
      path: { chat_id: chatId },
      body: message,
      headers: { "Idempotency-Key": key },
      signal,
      throwOnError: true,
    });
    return data;
  };
  return retrying(send, options);
}
