"""The settings: read from the environment and `.env`, checked before anything starts."""

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from sqlalchemy import URL

from app.core.hosts import normalized

ROOT = Path(__file__).resolve().parents[2]


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names each one."""


def split(value: object) -> object:
    """Return the items of a comma-separated text."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return value


def check_hosts(entries: list[str]) -> list[str]:
    """Return the entries of ALLOWED_HOSTS as they are compared; raise for all that are wrong.

    They are shown, since a name by which people call the service is no secret.
    """
    wrong, hosts = [], []
    for entry in entries:
        try:
            hosts.append(normalized(entry))
        except ValueError:
            wrong.append(ascii(entry))
    if wrong:
        message = (
            "{entries} can be no host. Name each without scheme and port, "
            "such as chat.example.com, *.example.com, 192.0.2.7 or [2001:db8::7]; or * for all"
        )
        raise PydanticCustomError("host", message, {"entries": ", ".join(wrong)})
    return hosts


class Settings(BaseModel, frozen=True):
    """Every setting, under the lower-case name of its environment variable."""

    running_in_docker: bool = False

    db_host: str | None = Field(default=None, description="None: a PostgreSQL of our own")
    db_port: int = Field(default=5432, ge=1, le=65535)
    db_user: str = ""
    db_password: str = Field(default="", repr=False)
    db_name: str = ""
    db_pool_size: int = Field(
        default=8, ge=1, le=1000, description="connections of each worker, beside twelve"
    )
    db_startup_timeout: float = Field(default=60, ge=0, le=3600, description="seconds")

    data_dir: Path = ROOT / ".data"

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=128)
    shutdown_timeout: int = Field(default=10, ge=1, le=3600, description="seconds")

    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    log_format: Literal["plain", "json"] = "plain"

    cors_origins: Annotated[list[str], BeforeValidator(split)] = []
    allowed_hosts: (
        Annotated[
            list[str], BeforeValidator(split), Field(min_length=1), AfterValidator(check_hosts)
        ]
        | None
    ) = Field(default=None, description="None: all, but for `python -m app` on loopback")

    @model_validator(mode="after")
    def check_database(self) -> Self:
        """Raise ValueError when a host is named without a user or a database."""
        for name in ("db_user", "db_name"):
            if self.db_host is not None and not getattr(self, name):
                raise ValueError(f"{name.upper()}: must be set when DB_HOST is")
        return self

    @property
    def database_url(self) -> URL:
        """Return where the database is; raise ConfigurationError when no host is configured."""
        if self.db_host is None:
            raise ConfigurationError(
                "DB_HOST: not set. Name your PostgreSQL in it, "
                "or start with `python -m app`, which brings one of its own."
            )
        return URL.create(
            "postgresql+psycopg2",
            username=self.db_user,
            password=self.db_password or None,
            host=self.db_host,
            port=self.db_port,
            database=self.db_name,
        )


def read_environment() -> dict[str, str]:
    """Return the variables of the `.env` file, overridden by those of the process.

    The file is `.env.docker` when the process has `RUNNING_IN_DOCKER=true`. A variable of the
    process that is empty counts as not set, and hides the file's.
    """
    in_docker = os.environ.get("RUNNING_IN_DOCKER", "").lower() == "true"
    file = ROOT / (".env.docker" if in_docker else ".env")
    merged = read_file(file) | dict(os.environ)
    return {name: value for name, value in merged.items() if value}


def read_file(file: Path) -> dict[str, str]:
    """Return the variables of a `.env` file, none if it does not exist.

    Raises ConfigurationError when it cannot be read to the end. Nothing is interpolated: a
    password may hold any character, `$` among them.
    """
    try:
        text = file.read_text("utf-8-sig")  # Windows' editors begin it with a mark.
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise ConfigurationError(f"{file}: not in UTF-8. Save it in UTF-8.") from None
    except OSError as error:
        raise ConfigurationError(f"{file}: it cannot be read ({error.strerror}).") from None
    variables = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error or "\0" in binding.original.string:
            said = "not of the form NAME=value, or a quote is not closed"
            blank = len(binding.original.string) - len(binding.original.string.lstrip())
            line = binding.original.line + binding.original.string[:blank].count("\n")
            raise ConfigurationError(f"{file}: line {line} is {said}.")
        if binding.key is not None:
            variables[binding.key] = binding.value or ""
    return variables


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings, from `environment` or else from the process and the `.env` file.

    Raises ConfigurationError, which names each variable that is wrong.
    """
    environment = read_environment() if environment is None else environment
    values = {name: environment.get(name.upper()) for name in Settings.model_fields}
    try:
        return Settings.model_validate({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        raise ConfigurationError("\n".join(explain(error))) from None


def explain(error: ValidationError) -> list[str]:
    """Return a line for each error, without the value: it may be a secret."""
    return [
        f"{str(one['loc'][0]).upper()}: {one['msg']}" if one["loc"] else str(one["ctx"]["error"])
        for one in error.errors()
    ]
