"""What is measured."""

from dataclasses import dataclass

OURS, PLAIN, ASYNCPG, FLOOR = "ours", "plain", "asyncpg", "floor"
BARE = "bare"  # uvicorn alone.
FASTIFY, TWO_FASTIFY = "fastify", "fastify, 2 processes"
TWO_WORKERS = "ours, 2 workers"
WITH_KEY, WITH_TOKEN = "ours, with a key", "ours, with a token"
WITH_METRICS = "ours, with metrics"
WITH_ALL = "ours, with all"  # With a key, with metrics and beside 1,000 idle streams.
SSE_PLAIN, POLL, OTHER_WORKER = "sse-plain", "poll", "ours, another worker"

# FastAPI has 40 threads and the default pool 15 connections. From 55 requests at a time on, all
# threads may wait for the pool while finished requests, which wait for a thread, hold all of it.
BEARS = {PLAIN: 54}


@dataclass(frozen=True)
class Scenario:
    """A load, put on each of the servers in turn with each number of connections."""

    name: str
    title: str
    mode: str  # The function of load.lua that makes the requests.
    connections: tuple[int, ...]
    servers: tuple[str, ...] = (OURS, PLAIN, ASYNCPG, FASTIFY, FLOOR, WITH_ALL)

    def servers_with(self, connections: int) -> list[str]:
        """Return the servers that can be measured with so many connections."""
        return [name for name in self.servers if connections <= BEARS.get(name, connections)]


ALL = (OURS, PLAIN, ASYNCPG, FASTIFY, FLOOR, WITH_KEY, WITH_TOKEN, WITH_METRICS, WITH_ALL)
SEND = Scenario("send", "Send into many chats", "send", (1, 16, 128), ALL)
READ = Scenario("read", "Read a chat with 20 messages", "read", (1, 16, 128), ALL)
BOTH = (OURS, TWO_WORKERS, FASTIFY, TWO_FASTIFY)

# What only reads comes first: what is sent later stands between *plain* and the newest messages of
# a chat, which it looks for among those of all.
SCENARIOS = (
    READ,
    Scenario("first-page", "First page of a chat of 1,000,000 messages", "first_page", (16,)),
    Scenario("deep-page", "Page deep in a chat of 1,000,000 messages", "deep_page", (16,)),
    Scenario("list", "List chats", "list", (16,)),
    SEND,
    Scenario("send-hot", "Send into one chat", "send_hot", (16, 128)),
    Scenario("mixed", "80 % read, 15 % send, 5 % edit or delete", "mixed", (16, 128)),
    Scenario("workers-read", "Read a chat, by two processes", "read", (16, 128), BOTH),
    Scenario("workers-send", "Send into many chats, by two processes", "send", (16, 128), BOTH),
)

STREAM, LIVE = "stream", "live"
NAMES = (*(scenario.name for scenario in SCENARIOS), STREAM, LIVE)

# How far from the newest message the deep pages are, and how each server is asked for them.
SHALLOWEST, DEEPEST = 100_000, 900_000
PAGING = {PLAIN: "offset"}  # The others: before an id.

# What the chart shows: scenarios, each with a number of connections.
CHARTED = ((READ, 16), (SEND, 16))
