"""What the tests drive: real servers, real processes, and verbs for what a client does."""

from tests.support.postgres import Postgres
from tests.support.problems import PROBLEM, assert_problem
from tests.support.service import (
    HURRIED,
    JSON,
    ROOT,
    UNSET,
    UVICORN,
    Service,
    Start,
    commands_naming,
    environment,
    eventually,
    free_port,
    ps,
    refusal,
    run_python,
    running,
)
from tests.support.verbs import create_chat, read_chat, send

__all__ = [
    "HURRIED",
    "JSON",
    "PROBLEM",
    "ROOT",
    "UNSET",
    "UVICORN",
    "Postgres",
    "Service",
    "Start",
    "assert_problem",
    "commands_naming",
    "create_chat",
    "environment",
    "eventually",
    "free_port",
    "ps",
    "read_chat",
    "refusal",
    "run_python",
    "running",
    "send",
]
