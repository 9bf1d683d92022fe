"""The settings: every option of `leaderd serve`, its `LEADERD_…` variable, its default, and what is wrong with a value.

A flag wins over the environment. All problems of a configuration are reported at once.
"""

import difflib
import ipaddress
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderd.core.roster import Order
from leaderd.core.timing import Timing
from leaderd.errors import ConfigError

PREFIX = "LEADERD_"
GIVEN_TO_JOBS = frozenset({"LEADERD_JOB", "LEADERD_KEY", "LEADERD_TOKEN"})
"""Set by `leaderd run` for its command, which may call leaderd in its turn: not settings, and no mistake."""

CLAIMS = re.compile(
    r"off|s3"
    r"|s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<folder>[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*)?)?/?"
    r"|dynamodb://(?P<table>[A-Za-z0-9_.-]{3,255})"
)
"""What `--claims` can be. For the names see
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html"""

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 5323


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force. Seconds are floats.

    Attributes:
        environment: the environment's name or its id (`e-…`); None: to be discovered.
        region: the AWS region; None: to be discovered.
        host: the address to listen on.
        port: the TCP port to listen on; 0 lets the kernel choose.
        unix_socket: a Unix socket to listen on as well.
        order: who is first.
        timing: the election's numbers.
        allow_remote: `host` need not be loopback, and a Host header may be any address.
        unsafe: the hold-down may be shorter than what is safe.
        api_budget: calls per second to Elastic Beanstalk that the whole environment may make; see `core/cadence`.
        state_file: where the view is kept over a restart of the daemon; None: nowhere.
        claims: the store of the claims: `s3`, `s3://BUCKET/PREFIX`, `dynamodb://TABLE`, or `off` for none.
        log_format: `json`, `console`, or `auto`: console on a terminal.
        log_level: the least level that is logged.
    """

    environment: str | None
    region: str | None
    host: str
    port: int
    unix_socket: Path | None
    order: Order
    timing: Timing
    allow_remote: bool
    unsafe: bool
    api_budget: float
    state_file: Path | None
    claims: str
    log_format: str
    log_level: str


@dataclass(frozen=True, slots=True)
class Option:
    """One option as a user sees it. `parse` raises ValueError with what is wrong and what to write instead."""

    name: str
    parse: Callable[[str], Any]
    default: str | None
    help: str
    is_flag: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that sets this option."""
        return PREFIX + self.name.upper().replace("-", "_")


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty: leave it out, or say a value")
    return value.strip()


def _path(value: str) -> Path:
    return Path(_text(value))


def _seconds(value: str) -> float:
    return _number(value, "a number of seconds, more than 0 and up to 86400, such as 2.5", least=0.001)


def _seconds_or_none(value: str) -> float:
    return _number(value, "a number of seconds, from 0 to 86400", least=0)


def _rate(value: str) -> float:
    return _number(value, "a number of calls per second, more than 0, such as 0.5", least=0.001)


def _number(value: str, wanted: str, *, least: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not least <= number <= 86_400:
        raise ValueError(f"{value!r} is not {wanted}")
    return number


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) <= 65_535):
        raise ValueError(f"{value!r} is not a port: use a number from 1 to 65535, or 0 for any free one")
    return int(value)


def _flag(value: str) -> bool:
    answers = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    if value.lower() not in answers:
        raise ValueError(f"{value!r} is neither yes nor no: use 1 or 0")
    return answers[value.lower()]


def _one_of(*values: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in values:
            raise ValueError(f"{value!r} is not known: use {' or '.join(values)}")
        return value

    return parse


def _claims(value: str) -> str:
    if CLAIMS.fullmatch(value) is None:
        mend = (
            "use s3, s3://BUCKET/PREFIX, dynamodb://TABLE or off; names of buckets and tables have 3 characters or more"
        )
        raise ValueError(f"{value!r} is no store of claims: {mend}")
    return value


OPTIONS: tuple[Option, ...] = (
    Option("environment", _text, None, "Elastic Beanstalk environment, by name or by id (e-…). [discovered]"),
    Option("region", _text, None, "AWS region. [AWS_REGION, AWS_DEFAULT_REGION, then the instance's own]"),
    Option("host", _text, DEFAULT_HOST, "Address to listen on."),
    Option("port", _port, str(DEFAULT_PORT), "TCP port to listen on."),
    Option("unix-socket", _path, None, "Unix socket to listen on as well. [none]"),
    Option("allow-remote", _flag, "0", "Allow a --host that is not loopback.", is_flag=True),
    Option(
        "order",
        _one_of(*Order),
        "listed",
        "Who is first: listed (as EB says), id (smallest), oldest (by launch).",
    ),
    Option("poll-interval", _seconds, "10", "Seconds between two polls of Elastic Beanstalk, give or take 10 %."),
    Option("request-timeout", _seconds, "5", "Seconds that one whole poll may take."),
    Option("max-staleness", _seconds, "30", "Seconds for which one answer is believed."),
    Option("api-lag", _seconds_or_none, "5", "Seconds that an answer may be behind the truth."),
    Option("guard", _seconds_or_none, "5", "Seconds that the yeses of two instances must be apart."),
    Option("hold-down", _seconds_or_none, None, "Seconds to be first before leading. [the least that is safe]"),
    Option("unsafe", _flag, "0", "Allow a --hold-down that can let two instances lead at once.", is_flag=True),
    Option(
        "api-budget",
        _rate,
        "0.5",
        "Calls per second to Elastic Beanstalk that up to 50 instances make together; up to 1000 make twice that.",
    ),
    Option("state-file", _path, None, "File that keeps the view over a restart. [$RUNTIME_DIRECTORY/view.json]"),
    Option("claims", _claims, "s3", "Store of the claims: s3, s3://BUCKET/PREFIX, dynamodb://TABLE or off."),
    Option("log-format", _one_of("auto", "json", "console"), "auto", "auto, json or console."),
    Option("log-level", _one_of("debug", "info", "warning", "error"), "info", "debug, info, warning or error."),
)

TIMING = ("poll-interval", "request-timeout", "max-staleness", "api-lag", "guard", "hold-down")
"""The options that are related by the bounds of `Timing`. Relations of a wrong number would only confuse."""


def load(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """Make the settings from flags (by option name; None: not given) and environment variables.

    Raises:
        ConfigError: with everything that is wrong.
    """
    values, wrong = _parse(flags, environ)
    problems = [*_unknown_variables(environ), *wrong.values()]
    if not (_is_loopback(values["host"]) or values["allow-remote"]):
        problems.append(
            f"--host {values['host']} is not a loopback address: anybody who reaches it could ask; "
            "use 127.0.0.1, or say --allow-remote"
        )
    timing = Timing.derive(**{name.replace("-", "_"): values[name] for name in TIMING}, unsafe=values["unsafe"])
    if wrong.keys().isdisjoint(TIMING):
        problems += timing.broken_bounds(unsafe=values["unsafe"])
    if problems:
        raise ConfigError(problems)
    return Settings(
        environment=values["environment"],
        region=values["region"] or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None,
        host=values["host"],
        port=values["port"],
        unix_socket=values["unix-socket"],
        order=Order(values["order"]),
        timing=timing,
        allow_remote=values["allow-remote"],
        unsafe=values["unsafe"],
        api_budget=values["api-budget"],
        state_file=values["state-file"] or _default_state_file(environ),
        claims=values["claims"],
        log_format=values["log-format"],
        log_level=values["log-level"],
    )


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    settings = {option.variable.removeprefix(PREFIX) for option in OPTIONS}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in GIVEN_TO_JOBS and name.removeprefix(PREFIX) not in settings:
            close = difflib.get_close_matches(name.removeprefix(PREFIX), settings, n=1)
            mend = f"did you mean {PREFIX}{close[0]}?" if close else "`leaderd serve --help` lists the settings"
            yield f"{name} is not a setting: {mend}"


def _parse(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Parse every option: the values, and what is wrong, by option name. A wrong one has its default as value."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for option in OPTIONS:
        values[option.name] = None if option.default is None else option.parse(option.default)
        flag = flags.get(option.name)
        text = flag if flag is not None else environ.get(option.variable) or None
        try:
            if text is not None:
                values[option.name] = option.parse(text)
        except ValueError as error:
            wrong[option.name] = f"{option.variable if flag is None else '--' + option.name}: {error}"
    return values, wrong


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _default_state_file(environ: Mapping[str, str]) -> Path | None:
    """RUNTIME_DIRECTORY is set by systemd, and may be a list (systemd.exec(5))."""
    directory = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(directory) / "view.json" if directory else None
