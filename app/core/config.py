"""The settings: read from the environment and `.env`, checked before anything starts."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv import dotenv_values
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

from app.core import origins
from app.core.hosts import normalized

_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]+")

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


def check_origins(entries: list[str]) -> list[str]:
    """Return the entries of CORS_ORIGINS as browsers write them; raise for all that are wrong."""
    wrong, allowed = [], []
    for entry in entries:
        try:
            allowed.append(origins.normalized(entry))
        except ValueError as error:
            # What stands before an @ may be a password.
            shown = ascii(re.sub(r"//[^/]*@", "//...@", entry))
            wrong.append(f"{shown} {error}")
    if wrong:
        message = (
            "{entries}. Name each as scheme://host or scheme://host:port, "
            "such as https://chat.example.com; or * for all"
        )
        raise PydanticCustomError("origin", message, {"entries": ", ".join(wrong)})
    return allowed


def check_root_path(path: str) -> str:
    """Return ROOT_PATH with a slash before it and none behind; raise for what is no plain path.

    It is written into addresses as it is, so nothing in it may need an escape.
    """
    segments = path.strip("/").split("/")
    if segments == [""]:
        return ""
    if any(not _SEGMENT.fullmatch(segment) for segment in segments):
        message = "{path} is no path. Give one of letters, digits, '-', '_' and '.', such as /chat"
        raise PydanticCustomError("root_path", message, {"path": ascii(path)})
    return "/" + "/".join(segments)


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
    root_path: Annotated[str, AfterValidator(check_root_path)] = ""
    workers: int = Field(default=1, ge=1, le=128)
    shutdown_timeout: int = Field(default=10, ge=1, le=3600, description="seconds")

    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    log_format: Literal["plain", "json"] = "plain"

    cors_origins: Annotated[list[str], BeforeValidator(split), AfterValidator(check_origins)] = []
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
    # No interpolation: a password may hold any character, `$` among them.
    from_file = dotenv_values(file, interpolate=False)
    merged = {name: value or "" for name, value in from_file.items()} | dict(os.environ)
    return {name: value for name, value in merged.items() if value}


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
