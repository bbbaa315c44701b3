"""How often each may call: who is counted, what is, and what is said of it."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import pytest

from tests.support import Postgres, Service, assert_problem, create_chat, eventually, running
from tests.support.access import ADMIN_KEY, bearer, guarded, store_key, user
from tests.support.events import following, take
from tests.support.sockets import connected, read_answers

# In a window that no test sees the end of, unless it means to.
CALLS, WINDOW = 5, 360 * 24 * 3600
LIMITED = {"RATE_LIMIT": f"{CALLS}/year"}

PAGE = {"Origin": "https://page.example"}


@pytest.fixture(scope="module")
def service(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that counts the calls of each key."""
    log = tmp_path_factory.mktemp("by-key") / "log"
    with guarded(log, postgres, database, **LIMITED, CORS_ORIGINS=PAGE["Origin"]) as service:
        yield service


@pytest.fixture
def client(service: Service, postgres: Postgres, database: str) -> Iterator[httpx.Client]:
    """A client with a key of its own."""
    with service.client(headers=bearer(store_key(postgres, database, "write"))) as client:
        yield client


@pytest.fixture(scope="module")
def open_service(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that counts the calls of each address, behind a proxy at 127.0.0.1."""
    log = tmp_path_factory.mktemp("by-address") / "log"
    settings = {**LIMITED, "TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8"}
    with running(log, {**postgres.settings(database), **settings}) as service:
        yield service


_subnets = count(1)


@pytest.fixture
def subnet() -> str:
    """The first three numbers of IPv4 addresses that no other test calls from."""
    return f"203.0.{next(_subnets)}"


def remaining(answer: httpx.Response) -> int:
    """Return how many more calls the caller may make, as the answer says in the draft's form."""
    assert answer.headers["ratelimit-policy"] == f'"default";q={CALLS};w={WINDOW}'
    found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found is not None
    assert 1 <= int(found[2]) <= WINDOW
    return int(found[1])


def assert_not_counted(answer: httpx.Response) -> None:
    """Fail if the answer speaks of a limit."""
    assert not [name for name in answer.headers if name.startswith("ratelimit")]
    assert answer.status_code != 429


def assert_refused(answer: httpx.Response) -> None:
    """Fail unless the call was one too many."""
    problem = assert_problem(answer, 429, "too-many-requests")
    assert problem["detail"].startswith(f"A caller may make {CALLS} calls in {WINDOW} s; ")
    assert remaining(answer) == 0
    assert answer.headers["ratelimit"].endswith(f";t={answer.headers['retry-after']}")


def test_each_answer_says_how_many_more_calls_a_key_has_until_there_are_none(
    client: httpx.Client, mount: str
) -> None:
    for left in reversed(range(CALLS)):
        answer = client.get(f"{mount}/chats/")
        assert (answer.status_code, remaining(answer)) == (200, left)
    for _ in range(3):
        assert_refused(client.get(f"{mount}/chats/"))


def test_each_key_has_calls_of_its_own_and_the_admin_key_too(
    client: httpx.Client, service: Service, postgres: Postgres, database: str
) -> None:
    for _ in range(CALLS + 1):
        answer = client.get("/chats/")
    assert_refused(answer)
    # Whatever its name: two may have the same.
    other = store_key(postgres, database, "write")
    assert remaining(client.get("/chats/", headers=bearer(other))) == CALLS - 1
    assert remaining(client.get("/chats/", headers=bearer(ADMIN_KEY))) == CALLS - 1


def test_all_tokens_of_an_author_are_one_caller(service: Service) -> None:
    with (
        user(service, "Ada L.", [1]) as ada,
        user(service, "Ada L.", "*", scope="read") as renewed,
        user(service, "Bob L.") as bob,
    ):
        assert remaining(ada.get("/chats/")) == CALLS - 1
        assert remaining(renewed.get("/chats/")) == CALLS - 2
        assert remaining(renewed.post("/chats/", json={"title": "x"})) == CALLS - 3
        assert remaining(bob.get("/chats/")) == CALLS - 1


def test_calls_count_alike_under_both_mounts_and_however_they_are_served(
    client: httpx.Client,
) -> None:
    plain, roundabout = "/chats/?limit=1", "/chats/?&limit=1"
    calls = [("GET", plain), ("GET", f"/api/v1{roundabout}"), ("HEAD", plain), ("GET", "/chats")]
    left = [remaining(client.request(method, path)) for method, path in calls]
    assert left == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("status", "call"),
    [
        (403, {"method": "GET", "url": "/keys/"}),
        (404, {"method": "GET", "url": "/chats/9007199254740991"}),
        (404, {"method": "GET", "url": "/nothing"}),
        (405, {"method": "PUT", "url": "/chats/"}),
        (405, {"method": "OPTIONS", "url": "/chats/"}),
        (413, {"method": "POST", "url": "/chats/", "content": b"x" * 70_000}),
        (415, {"method": "POST", "url": "/chats/", "content": b"{}"}),
        (422, {"method": "GET", "url": "/chats/0"}),
    ],
    ids=str,
)
def test_a_call_that_fails_counts_and_says_so(
    client: httpx.Client, status: int, call: dict[str, object]
) -> None:
    answers = [client.request(**call) for _ in range(CALLS + 1)]  # type: ignore[arg-type]  # By name.
    assert [answer.status_code for answer in answers] == [status] * CALLS + [429]
    assert [remaining(answer) for answer in answers] == [4, 3, 2, 1, 0, 0]


def test_a_batch_is_one_call_and_so_is_a_stream(client: httpx.Client) -> None:
    chat = create_chat(client)
    path = f"/chats/{chat['id']}"
    batch = client.post(f"{path}/messages/batch", json=[{"text": "x"}] * 100)
    assert (batch.status_code, remaining(batch)) == (201, 3)
    with following(client, f"{path}/changes/stream?since=0") as events:
        assert len(take(events, 101)) == 101
    assert remaining(client.get(path)) == 1


def test_what_is_one_too_many_does_nothing(client: httpx.Client, service: Service) -> None:
    chat = create_chat(client)
    messages = f"/chats/{chat['id']}/messages/"
    answers = [client.post(messages, json={"text": "x"}) for _ in range(CALLS)]
    assert [answer.status_code for answer in answers] == [201] * (CALLS - 1) + [429]
    with service.client(headers=bearer(ADMIN_KEY)) as admin:
        assert len(admin.get(messages).json()) == CALLS - 1


def test_it_is_judged_before_the_body_comes(client: httpx.Client, service: Service) -> None:
    for _ in range(CALLS):
        client.get("/chats/")
    key = client.headers["authorization"]
    with connected(service) as connection:
        head = f"POST /chats/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\n"
        connection.sendall(f"{head}Content-Length: 10\r\n\r\n".encode())
        assert read_answers(connection, 1) == [429]


def test_who_has_no_valid_key_is_no_caller(client: httpx.Client) -> None:
    for credentials in ({}, bearer("nonsense"), bearer("cmk_" + "0" * 36)):
        for _ in range(CALLS + 1):
            answer = client.get("/chats/", headers={"Authorization": "", **credentials})
            assert_not_counted(assert_status(answer, 401))
    assert remaining(client.get("/chats/")) == CALLS - 1


def assert_status(answer: httpx.Response, *statuses: int) -> httpx.Response:
    """Return the answer, whose status has to be one of these."""
    assert answer.status_code in statuses, answer.text
    return answer


PUBLIC = [
    "/",
    "/api/v1/",
    "/docs",
    "/openapi.json",
    "/favicon.ico",
    "/assets/swagger-ui.css",
    "/playground",
    "/playground/assets/main.js",
    "/problems/too-many-requests",
    "/problems/nothing",
    "/health/live",
    "/health/ready/",
]


@pytest.mark.parametrize("served", ["service", "open_service"])
def test_what_anybody_may_call_is_not_counted(
    client: httpx.Client, served: str, request: pytest.FixtureRequest, subnet: str
) -> None:
    service: Service = request.getfixturevalue(served)
    caller = {**client.headers, "X-Forwarded-For": f"{subnet}.1"}
    with service.client(headers=caller) as same:
        for path in PUBLIC * 2:
            assert_not_counted(same.get(path))
            assert_not_counted(same.head(path))
        assert remaining(same.get("/chats/")) == CALLS - 1


def test_a_page_may_read_the_limit_and_its_preflight_is_not_counted(client: httpx.Client) -> None:
    asks = {**PAGE, "Access-Control-Request-Method": "GET"}
    for _ in range(CALLS + 1):
        assert_not_counted(assert_status(client.options("/chats/", headers=asks), 200))
        answer = client.get("/chats/", headers=PAGE)
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(exposed)
        assert answer.headers["access-control-allow-origin"] == PAGE["Origin"]
    assert_refused(answer)


def test_of_calls_at_once_no_more_are_served_than_one_after_the_other(
    client: httpx.Client,
) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: client.get("/chats/"), range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * CALLS + [429] * 15


def test_an_address_behind_the_proxy_is_a_caller(open_service: Service, subnet: str) -> None:
    with open_service.client(headers={"X-Forwarded-For": f"{subnet}.1"}) as client:
        answers = [client.get("/chats/") for _ in range(CALLS + 1)]
        assert [remaining(answer) for answer in answers] == [4, 3, 2, 1, 0, 0]
        assert_refused(answers[-1])
        # What it wrote before its address, and proxies after it, make nobody else of it.
        for forged in (f"{subnet}.9, {subnet}.1", f"x, {subnet}.1, 10.1.2.3", f"::1,{subnet}.1"):
            assert_refused(client.get("/chats/", headers={"X-Forwarded-For": forged}))
        assert_not_counted(client.get("/health/live"))
        other = {"X-Forwarded-For": f"{subnet}.2"}
        assert remaining(client.get("/chats/", headers=other)) == CALLS - 1


def test_addresses_of_an_ipv6_subnet_are_one_caller(open_service: Service) -> None:
    with open_service.client() as client:
        for number in range(CALLS):
            one = {"X-Forwarded-For": f"2001:db8:0:1::{number}"}
            assert remaining(client.get("/chats/", headers=one)) == CALLS - 1 - number
        beside = {"X-Forwarded-For": "2001:db8:0:2::1"}
        assert remaining(client.get("/chats/", headers=beside)) == CALLS - 1


def test_who_comes_by_no_trusted_proxy_has_one_address_whatever_it_says(
    open_service: Service, subnet: str
) -> None:
    transport = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=open_service.url, transport=transport) as client:
        left = [
            remaining(client.get("/chats/", headers={"X-Forwarded-For": f"{subnet}.{number}"}))
            for number in range(CALLS + 1)
        ]
    assert left == [4, 3, 2, 1, 0, 0]


def test_a_malformed_list_of_addresses_counts_for_the_proxy_that_sent_it(
    open_service: Service, subnet: str
) -> None:
    with open_service.client() as client:
        # A proxy of this test's own, behind the one that is at 127.0.0.1.
        proxy = "10.77.0.1"
        for number, garbage in enumerate(["unknown", "", f"{subnet}.1.1", "x" * 5000]):
            given = {"X-Forwarded-For": f"{subnet}.1, {garbage}, {proxy}"}
            assert remaining(client.get("/chats/", headers=given)) == CALLS - 1 - number


def test_keys_are_asked_for_in_vain_where_addresses_are_counted(
    open_service: Service, subnet: str
) -> None:
    with open_service.client(headers={"X-Forwarded-For": f"{subnet}.1"}) as client:
        for number in range(CALLS):
            answer = client.get("/keys/", headers=bearer(f"key {number}"))
            assert (answer.status_code, remaining(answer)) == (403, CALLS - 1 - number)


def test_after_a_while_one_may_call_again_and_no_sooner_than_said(
    postgres: Postgres, database: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = tmp_path_factory.mktemp("window") / "log"
    with (
        running(log, {**postgres.settings(database), "RATE_LIMIT": "2 per 1 second"}) as service,
        service.client() as client,
    ):
        answers = [client.get("/chats/") for _ in range(6)]
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["retry-after"] == "1"
        assert "2 calls in 1 s; try again in 1 s." in refused.json()["detail"]
        eventually(lambda: client.get("/chats/").status_code == 200, 3)
