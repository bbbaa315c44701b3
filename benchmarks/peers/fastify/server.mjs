// A service written by hand for speed on Node: Fastify and postgres.js, one statement a request.
//
// PostgreSQL writes the JSON, and each statement is prepared once a connection, as in asyncpg_peer,
// which has the same statements. There is no log of requests, and input is checked as JSON Schema
// can. With PROCESSES above 1, so many serve one port.

import cluster from "node:cluster";
import process from "node:process";
import Fastify from "fastify";
import postgres from "postgres";

const { DB_HOST, DB_NAME, DB_PASSWORD, DB_PORT, DB_USER, PORT, PROCESSES } = process.env;
const POOL_SIZE = 8;
const END = "9223372036854775807";

const MEMBERS =
  "'id', message.id, 'chat_id', message.chat_id, 'text', message.text, " +
  "'created_at', message.created_at, 'author', message.author";
const MESSAGE = `
  CASE WHEN message.edited_at IS NULL THEN json_build_object(${MEMBERS})
  ELSE json_build_object(${MEMBERS}, 'edited_at', message.edited_at) END`;
const MESSAGES = `coalesce(json_agg(${MESSAGE} ORDER BY message.id), '[]')`;
const CHAT = "'id', chat.id, 'title', chat.title, 'created_at', chat.created_at";

// Places are compared, so that only the primary key can serve.
const inChat = (before) => `(chat_id, id) > ($1, 0) AND (chat_id, id) < ($1, ${before})`;

const READ_CHAT = `
  SELECT json_build_object(${CHAT}, 'messages', (
    SELECT ${MESSAGES} FROM (
      SELECT * FROM message WHERE ${inChat(END)} ORDER BY chat_id DESC, id DESC LIMIT $2
    ) AS message
  ))::text AS json
  FROM chat WHERE id = $1`;
const LIST_CHATS = `
  SELECT coalesce(json_agg(json_build_object(${CHAT}) ORDER BY id DESC), '[]')::text AS json
  FROM (SELECT * FROM chat WHERE id < $1 ORDER BY id DESC LIMIT $2) AS chat`;
const LIST_MESSAGES = `
  SELECT ${MESSAGES}::text AS json FROM (
    SELECT * FROM message WHERE ${inChat("$2")} ORDER BY chat_id DESC, id DESC LIMIT $3
  ) AS message`;
const SEND = `
  WITH raised AS (UPDATE chat SET revision = revision + 1 WHERE id = $1 RETURNING id, revision)
  INSERT INTO message (chat_id, text, author, revision, words, words_revision)
  SELECT id, CAST($2 AS text), $3, revision, to_tsvector('simple', CAST($2 AS text)), revision
  FROM raised
  RETURNING (${MESSAGE})::text AS json`;
const RAISED = `
  raised AS (
    UPDATE chat SET revision = revision + 1
    WHERE id = (SELECT chat_id FROM message WHERE id = $1)
    RETURNING id, revision
  )`;
const EDIT = `
  WITH ${RAISED}
  UPDATE message SET
    text = CAST($2 AS text), edited_at = clock_timestamp(), revision = raised.revision,
    words = to_tsvector('simple', CAST($2 AS text)), words_revision = raised.revision
  FROM raised WHERE message.chat_id = raised.id AND message.id = $1
  RETURNING (${MESSAGE})::text AS json`;
const DELETE = `
  WITH ${RAISED}, deleted AS (
    DELETE FROM message USING raised WHERE message.chat_id = raised.id AND message.id = $1
    RETURNING message.chat_id, raised.revision, message.id
  )
  INSERT INTO deletion (chat_id, revision, message_id) SELECT * FROM deleted
  RETURNING message_id::text AS json`;

const NAMED = {
  type: "object",
  properties: { id: { type: "integer" } },
};
const PAGE = {
  type: "object",
  properties: {
    limit: { type: "integer", minimum: 1, maximum: 100, default: 20 },
    before: { type: "string", pattern: "^[0-9]+$", default: END },
  },
};
const TEXT = { type: "string", minLength: 1, maxLength: 5000 };
const UPDATE = { type: "object", required: ["text"], properties: { text: TEXT } };
const CREATE = {
  type: "object",
  required: ["text"],
  properties: { text: TEXT, author: { type: "string", minLength: 1, maxLength: 100 } },
};

function serve() {
  const sql = postgres({
    host: DB_HOST,
    port: Number(DB_PORT),
    user: DB_USER,
    password: DB_PASSWORD,
    database: DB_NAME,
    max: POOL_SIZE,
    connection: { TimeZone: "UTC" },
  });

  const fetch = async (statement, given) => {
    const [row] = await sql.unsafe(statement, given, { prepare: true });
    return row?.json;
  };

  const answer = async (reply, statement, given, status = 200) => {
    const json = await fetch(statement, given);
    if (json === undefined) {
      return reply.code(404).send({ detail: "Not Found" });
    }
    return reply.code(status).header("content-type", "application/json").send(json);
  };

  const app = Fastify({ logger: false });
  const chats = "/api/v1/chats/";
  const message = "/api/v1/messages/:id";

  app.get("/health/ready", (_, reply) => answer(reply, "SELECT '{}' AS json", []));
  app.get(chats, { schema: { querystring: PAGE } }, ({ query }, reply) =>
    answer(reply, LIST_CHATS, [query.before, query.limit]),
  );
  app.get(`${chats}:id`, { schema: { params: NAMED, querystring: PAGE } }, (request, reply) =>
    answer(reply, READ_CHAT, [request.params.id, request.query.limit]),
  );
  app.get(
    `${chats}:id/messages/`,
    { schema: { params: NAMED, querystring: PAGE } },
    ({ params, query }, reply) => answer(reply, LIST_MESSAGES, [params.id, query.before, query.limit]),
  );
  app.post(`${chats}:id/messages/`, { schema: { params: NAMED, body: CREATE } }, (request, reply) => {
    const { text, author = null } = request.body;
    return answer(reply, SEND, [request.params.id, text, author], 201);
  });
  app.patch(message, { schema: { params: NAMED, body: UPDATE } }, (request, reply) =>
    answer(reply, EDIT, [request.params.id, request.body.text]),
  );
  app.delete(message, { schema: { params: NAMED } }, async (request, reply) => {
    const deleted = await fetch(DELETE, [request.params.id]);
    return reply.code(deleted === undefined ? 404 : 204).send();
  });
  app.listen({ port: Number(PORT), host: "127.0.0.1" });
}

const processes = Number(PROCESSES ?? 1);
if (processes > 1 && cluster.isPrimary) {
  for (let number = 0; number < processes; number += 1) {
    cluster.fork();
  }
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => process.exit());
  }
} else {
  serve();
}
