"""The health calls."""

import httpx

from tests.support import UVICORN, Postgres, Start, assert_problem


def test_live_and_ready_answer_ok(client: httpx.Client) -> None:
    for path in ("/health/live", "/health/ready", "/health/live/"):
        response = client.get(path)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_is_a_503_before_the_migration_and_after_it_ok(
    start: Start, postgres: Postgres
) -> None:
    with postgres.database() as database:
        service = start(postgres.settings(database), *UVICORN).get_ready("/health/live")
        with service.client() as client:
            response = client.get("/health/ready")
            assert_problem(response, 503, "unavailable")
            assert response.headers["retry-after"] == "1"
            response = client.post("/chats/", json={"title": "too early"})
            assert_problem(response, 503, "unavailable")
            postgres.migrate(database)
            assert client.get("/health/ready").status_code == 200
            assert client.post("/chats/", json={"title": "now"}).status_code == 201


def test_ready_answers_ok_when_a_later_version_has_migrated_the_database(
    postgres: Postgres, database: str, client: httpx.Client
) -> None:
    (head,) = postgres.execute("SELECT version_num FROM alembic_version", database)[0]
    postgres.execute("UPDATE alembic_version SET version_num = 'of the future'", database)
    try:
        assert client.get("/health/ready").status_code == 200
    finally:
        postgres.execute(f"UPDATE alembic_version SET version_num = '{head}'", database)
