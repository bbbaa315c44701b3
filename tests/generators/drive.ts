// Drives the service by the client that openapi-generator makes for TypeScript: `drive.js URL KEY`.
import {
  ChatsApi,
  Configuration,
  MessagesApi,
  type ProblemDetails,
  ProblemDetailsFromJSON,
  ResponseError,
} from "./client/index.js";

const [url = "", key = ""] = process.argv.slice(2);
const configuration = new Configuration({ basePath: url, accessToken: key });
const chats = new ChatsApi(configuration);
const messages = new MessagesApi(configuration);

const chat = await chats.createChat({ chatCreate: { title: "Weekend plans" } });
const chatId = chat.id;
const emoji = "😀".repeat(3000);
const first = { chatId, messageCreate: { text: emoji, author: "Ada" }, idempotencyKey: "a-key" };
const sent = await messages.createMessage(first);
const again = await messages.createMessage(first);
for (const text of ["one", "two"]) {
  await messages.createMessage({ chatId, messageCreate: { text, metadata: { n: [1] } } });
}

const listed: number[] = [];
for (let after = 0; ; ) {
  const page = await messages.listChatMessages({ chatId, limit: 2, after });
  const last = page.at(-1);
  if (last === undefined) break;
  listed.push(...page.map((message) => [...message.text].length));
  after = last.id;
}

const one = { chatId, messageId: sent.id };
const edited = await messages.updateChatMessage({ ...one, messageUpdate: { text: "Edited" } });
const read = await messages.readChatMessage(one);
await messages.deleteChatMessage(one);

/** Returns the problem that the call ends in. */
async function problemOf(call: Promise<unknown>): Promise<ProblemDetails> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ResponseError)) throw error;
  return ProblemDetailsFromJSON(await error.response.json());
}

const gone = await problemOf(messages.readChatMessage(one));
const invalid = await problemOf(
  messages.createMessage({ chatId, messageCreate: { text: "\u200b" } }),
);
console.log(
  JSON.stringify({
    title: chat.title,
    replayed: sent.id === again.id && sent.text === emoji,
    listed,
    edited: [edited.text, read.text, read.author, read.editedAt instanceof Date],
    gone: [gone.status, gone.type, gone.requestId !== ""],
    invalid: [invalid.type, invalid.errors?.[0]?.location, invalid.errors?.[0]?.code],
  }),
);
