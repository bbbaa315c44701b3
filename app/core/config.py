"""The settings: read from the environment and `.env`, checked before anything starts."""

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Annotated, Literal, LiteralString, TypeVar
from urllib.parse import urlsplit

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from app.core import origins
from app.core.client_address import network
from app.core.hosts import normalized
from app.core.public_keys import load_public_key

_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]+")

# What RATE_LIMIT may say at most: calls, and seconds.
MAX_CALLS, MAX_WINDOW = 1_000_000_000, 366 * 24 * 3600

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]

PoolMode = Literal["session", "transaction"]

# Variables that libpq reads (PostgreSQL documentation, chapter 34.15); PGDATA is the server's.
_OF_LIBPQ = re.compile(r"PG(?!DATA$)[A-Z]+")
_OUR_PREFIXES = (
    "DB_",
    "LOG_",
    "CORS_",
    "ALLOWED_",
    "METRICS_",
    "RATE_",
    "RETENTION_",
    "SHUTDOWN_",
    "TRUSTED_",
)


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
    message = (
        "{entries} can be no host. Name each without scheme and port, "
        "such as chat.example.com, *.example.com, 192.0.2.7 or [2001:db8::7]; or * for all"
    )
    return _each(entries, normalized, "host", message)


def _each(
    entries: list[str], parse: Callable[[str], T], kind: LiteralString, message: LiteralString
) -> list[T]:
    """Return what the entries are parsed to; raise, by the message, for all that cannot be."""
    wrong, parsed = [], []
    for entry in entries:
        try:
            parsed.append(parse(entry))
        except ValueError:
            wrong.append(ascii(entry))
    if wrong:
        raise PydanticCustomError(kind, message, {"entries": ", ".join(wrong)})
    return parsed


def check_db_host(value: str) -> str:
    """Return the hosts as libpq takes them, which wants no brackets around an IPv6 address."""
    hosts = [re.sub(r"^\[(.*)\]$", r"\1", host.strip()) for host in value.split(",")]
    if not all(hosts):
        raise PydanticCustomError("host", "A host between the commas is missing")
    return ",".join(hosts)


def check_db_port(value: str) -> str:
    """Return the ports, separated by commas."""
    ports = [port.strip() for port in value.split(",")]
    if not all(re.fullmatch(r"\d{1,5}", port) and 1 <= int(port) <= 65535 for port in ports):
        message = "Input should be a number from 1 to 65535, or one for each host of DB_HOST"
        raise PydanticCustomError("port", message)
    return ",".join(ports)


DbHost = Annotated[str, AfterValidator(check_db_host)]
DbPort = Annotated[str, AfterValidator(check_db_port)]


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


def check_admin_key(value: str) -> str:
    """Return ADMIN_KEY; raise, without showing it, for what is too short or no credential."""
    if not re.fullmatch(r"[!-~]{32,256}", value):
        message = "Give 32 to 256 visible ASCII characters, such as `openssl rand -hex 32` prints"
        raise PydanticCustomError("admin_key", message)
    return value


def check_token_secret(value: str) -> str:
    """Return TOKEN_SECRET; raise, without showing it, for what is too short (RFC 7518, 3.2)."""
    if len(value.encode("utf-8", "surrogateescape")) < 32:
        message = "Give at least 32 bytes, such as `openssl rand -hex 32` prints"
        raise PydanticCustomError("token_secret", message)
    return value


def check_token_public_key(value: str) -> str:
    """Return TOKEN_PUBLIC_KEY; raise for what no token can be checked with."""
    try:
        load_public_key(value)
    except ValueError as error:
        raise PydanticCustomError("token_public_key", "{why}", {"why": str(error)}) from None
    return value


def check_rate_limit(value: str) -> str:
    """Return RATE_LIMIT; raise for what is not one limit, or none that can be meant."""
    from limits import parse_many  # Only those who set it wait for it to be loaded.

    try:
        (limit,) = parse_many(value)
        zero = any(int(number) == 0 for number in re.findall(r"\d+", value))
        if zero or limit.amount > MAX_CALLS or limit.get_expiry() > MAX_WINDOW:
            raise ValueError
    except ValueError:
        message = (
            "Give one limit, of 1 to 1000000000 calls in up to a year, "
            "such as 600/minute or 10 per 5 seconds"
        )
        raise PydanticCustomError("rate_limit", message) from None
    return value


def check_rate_limit_storage(value: str) -> str:
    """Return RATE_LIMIT_STORAGE; raise, without showing it, for what is no address of a Redis."""
    from redis.asyncio import ConnectionPool, RedisError

    try:
        url = urlsplit(value)
        if not (url.scheme in ("redis", "rediss") and url.hostname) or url.fragment:
            raise ValueError
        if not re.fullmatch(r"/?|/\d{1,5}", url.path):
            raise ValueError
        pool = ConnectionPool.from_url(value)
        pool.make_connection()  # type: ignore[no-untyped-call]  # It looks at the query's options.
    except (TypeError, ValueError, RedisError):
        message = "Name a Redis as redis://:password@host:6379/0, or as rediss://... to use TLS"
        raise PydanticCustomError("rate_limit_storage", message) from None
    return value


def check_proxies(entries: list[str]) -> list[str]:
    """Return the entries of TRUSTED_PROXIES; raise for all that are wrong."""
    message = (
        "{entries} can be no proxy. Name each by its address, or the network in which it is, "
        "such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32"
    )
    _each(entries, network, "proxy", message)
    return entries


class Settings(BaseModel, frozen=True):
    """Every setting, under the lower-case name of its environment variable."""

    running_in_docker: bool = False

    db_host: DbHost | None = Field(default=None, description="None: a PostgreSQL of our own")
    db_port: DbPort = "5432"
    db_user: str = ""
    db_password: str = Field(default="", repr=False)
    db_password_file: Path | None = None
    db_name: str = ""
    db_target_session_attrs: (
        Literal["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] | None
    ) = Field(default=None, description="None: `primary` of several hosts, of one `any`")
    db_sslmode: (
        Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None
    ) = Field(default=None, description="None: `verify-full` with a root, or else libpq's default")
    db_sslrootcert: str | None = None
    db_sslcert: str | None = None
    db_sslkey: str | None = None
    db_pool_mode: PoolMode = "session"
    db_direct_host: DbHost | None = Field(default=None, description="None: db_host")
    db_direct_port: DbPort | None = Field(default=None, description="None: db_port")
    db_pool_size: int = Field(
        default=8,
        ge=1,
        le=1000,
        description="connections of each worker, beside those for calls of some kinds",
    )
    db_startup_timeout: float = Field(default=60, ge=0, le=3600, description="seconds")

    data_dir: Path = ROOT / ".data"

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    root_path: Annotated[str, AfterValidator(check_root_path)] = ""
    workers: int = Field(default=1, ge=1, le=128)
    shutdown_timeout: int = Field(default=10, ge=1, le=3600, description="seconds")

    access: Literal["open", "keys"] = "open"
    admin_key: Annotated[str, AfterValidator(check_admin_key)] | None = Field(
        default=None, repr=False, description="None: keys are made by `python -m app keys`"
    )
    admin_key_file: Path | None = None
    token_secret: Annotated[str, AfterValidator(check_token_secret)] | None = Field(
        default=None, repr=False, description="None: `POST /tokens/` makes none"
    )
    token_secret_file: Path | None = None
    token_public_key: Annotated[str, AfterValidator(check_token_public_key)] | None = Field(
        default=None, description="in PEM; None: only tokens signed with the secret are known"
    )
    token_public_key_file: Path | None = None
    token_audience: str | None = None

    rate_limit: Annotated[str, AfterValidator(check_rate_limit)] | None = None
    rate_limit_storage: Annotated[str, AfterValidator(check_rate_limit_storage)] | None = Field(
        default=None, repr=False, description="None: the memory of each worker"
    )
    trusted_proxies: Annotated[
        list[str], BeforeValidator(split), AfterValidator(check_proxies)
    ] = []

    playground: bool = True

    retention_days: int | None = Field(
        default=None, ge=1, le=36_500, description="None: messages are kept for ever"
    )

    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="None: nothing is counted"
    )

    max_streams: int = Field(default=10_000, ge=0, le=1_000_000, description="of each worker")

    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    log_format: Literal["plain", "json"] = "plain"

    cors_origins: Annotated[list[str], BeforeValidator(split), AfterValidator(check_origins)] = []
    allowed_hosts: (
        Annotated[
            list[str], BeforeValidator(split), Field(min_length=1), AfterValidator(check_hosts)
        ]
        | None
    ) = Field(default=None, description="None: all, but for `python -m app` on loopback")

    @property
    def database_arguments(self) -> dict[str, str]:
        """Return where the database is, and how to get in, as libpq's parameters.

        They are those of the PostgreSQL documentation, chapter 34.1.2. Raises ConfigurationError
        when no host is configured.
        """
        if self.db_host is None:
            raise ConfigurationError(
                "DB_HOST: not set. Name your PostgreSQL in it, "
                "or start with `python -m app`, which brings one of its own."
            )
        one_of_several = "primary" if "," in self.db_host else "any"
        given = {
            "host": self.db_host,
            "port": self.db_port,
            "user": self.db_user,
            "password": self.db_password,
            "dbname": self.db_name,
            "target_session_attrs": self.db_target_session_attrs or one_of_several,
            "sslmode": self.db_sslmode or ("verify-full" if self.db_sslrootcert else None),
            "sslrootcert": self.db_sslrootcert,
            "sslcert": self.db_sslcert,
            "sslkey": self.db_sslkey,
        }
        return {name: value for name, value in given.items() if value}

    @property
    def direct(self) -> "Settings":
        """Return the settings for what needs a session of the server itself, past any pooler."""
        if self.db_direct_host is None and self.db_direct_port is None:
            return self
        past_the_pooler = {
            "db_host": self.db_direct_host or self.db_host,
            "db_port": self.db_direct_port or self.db_port,
            "db_pool_mode": "session",
        }
        return self.model_copy(update=past_the_pooler)


def read_environment() -> dict[str, str]:
    """Return the variables of the `.env` file, overridden by those of the process.

    The file is `.env.docker` when the process has `RUNNING_IN_DOCKER=true`. A variable of the
    process that is empty counts as not set, and hides the file's.
    """
    in_docker = os.environ.get("RUNNING_IN_DOCKER", "").lower() == "true"
    file = ROOT / (".env.docker" if in_docker else ".env")
    from_file = read_file(file)
    if wrong := unknown_names(from_file):
        raise ConfigurationError("\n".join(f"{name}, in {file.name}{cure}" for name, cure in wrong))
    merged = from_file | dict(os.environ)
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


def unknown_names(names: Iterable[str]) -> list[tuple[str, str]]:
    """Return those names that look like settings of ours, or libpq's, and what to say of each.

    Others are for other programs that read the file, such as Compose.
    """
    known = [name.upper() for name in Settings.model_fields]
    wrong = []
    for name in names:
        plain = name.upper()
        near = difflib.get_close_matches(plain, known, n=1, cutoff=0.8)
        ours = {"PGUSER": "DB_USER", "PGDATABASE": "DB_NAME"}.get(plain, f"DB_{plain[2:]}")
        if name in known:
            continue
        if _OF_LIBPQ.fullmatch(plain):
            instead = f" Set {ours} instead." if ours in known else ""
            wrong.append((name, f": libpq's own variables are not read from it.{instead}"))
        elif near or plain.startswith(_OUR_PREFIXES):
            meant = f" Did you mean {near[0]}?" if near else ""
            wrong.append((name, f": there is no such setting.{meant}"))
    return wrong


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings, from `environment` or else from the process and the `.env` file.

    Raises ConfigurationError, which names each variable that is wrong.
    """
    environment = read_environment() if environment is None else environment
    given = {
        name: environment[name.upper()]
        for name in Settings.model_fields
        if environment.get(name.upper())
    }
    wrong = read_files(given)
    wrong += contradictions(given)
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        raise ConfigurationError("\n".join(explain(error) + wrong)) from None
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    return settings


def read_files(given: dict[str, str]) -> list[str]:
    """Add what the files hold that are named for a secret; return a line for each that is wrong."""
    wrong = []
    for name in [name.removesuffix("_file") for name in given if name.endswith("_file")]:
        setting, file = f"{name}_file".upper(), given[f"{name}_file"]
        if name in given:
            wrong.append(f"{setting}: {name.upper()} is set too. Set one of them.")
        try:
            given[name] = re.sub(r"\r?\n\Z", "", Path(file).read_text("utf-8"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not in UTF-8"
            wrong.append(f"{setting}: {file} cannot be read: {reason}.")
    return wrong


def contradictions(given: Mapping[str, str]) -> list[str]:
    """Return a line for each of the settings that is wrong beside the others."""
    wrong = []
    if "db_host" in given:
        missing = [name.upper() for name in ("db_user", "db_name") if name not in given]
        wrong += [f"{name}: must be set when DB_HOST is." for name in missing]
    hosts, ports = given.get("db_host", ""), given.get("db_port", "")
    direct = given.get("db_direct_host", hosts), given.get("db_direct_port", "")
    for prefix, host, port in (("DB", hosts, ports), ("DB_DIRECT", *direct)):
        if "," in port and port.count(",") != host.count(","):
            wrong.append(f"{prefix}_PORT: name one port, or one for each host of {prefix}_HOST.")
    if given.get("access", "open") == "open":
        wrong += [
            f"{name.upper()}: nobody is asked for it. Set ACCESS=keys, or leave it out."
            for name in ("admin_key", "token_secret", "token_public_key", "token_audience")
            if name in given
        ]
    elif "token_audience" in given and not {"token_secret", "token_public_key"} & given.keys():
        wrong.append("TOKEN_AUDIENCE: set TOKEN_SECRET or TOKEN_PUBLIC_KEY, too, or leave it out.")
    if "admin_key" in given and given.get("access", "open") == "open":
        wrong.append("ADMIN_KEY: nobody is asked for it. Set ACCESS=keys, or leave it out.")
    for name in ("rate_limit_storage", "trusted_proxies"):
        if name in given and "rate_limit" not in given:
            wrong.append(f"{name.upper()}: no calls are counted. Set RATE_LIMIT, or leave it out.")
    if given.get("metrics_port", "") == given.get("port", "8000"):
        wrong.append("METRICS_PORT: it is that of the service. Choose another.")
    if "metrics_port" in given and sys.platform == "win32":
        wrong.append("METRICS_PORT: there are no metrics on Windows. Leave it out.")
    for one, other in (("db_sslcert", "db_sslkey"), ("db_sslkey", "db_sslcert")):
        if one in given and other not in given:
            wrong.append(f"{other.upper()}: must be set when {one.upper()} is.")
    for name in ("db_sslrootcert", "db_sslcert", "db_sslkey"):
        if (file := given.get(name)) and (name, file) != ("db_sslrootcert", "system"):
            try:
                Path(file).open("rb").close()
            except OSError as error:
                wrong.append(f"{name.upper()}: {file} cannot be read: {error.strerror}.")
    return wrong


def explain(error: ValidationError) -> list[str]:
    """Return a line for each error, without the value: it may be a secret."""
    return [
        f"{str(one['loc'][0]).upper()}: {one['msg']}" if one["loc"] else str(one["ctx"]["error"])
        for one in error.errors()
    ]
