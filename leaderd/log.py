"""Logging: one line for each change, as JSON or for a terminal, and never a secret in it."""

import io
import logging
import re
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

LONGEST = 300
"""Characters of somebody else's message that are kept: enough for a reason, too few for a page."""
REPEATED_AFTER = 60.0
"""Seconds after which a library may say the same again."""
SAID_BY_POLLS = ("botocore.credentials", "aiobotocore.credentials")
"""Libraries that warn at each poll of what the poll's own failure says once."""
_SECRETS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"  # access key ids
    r"|(?<![\w/+=-])[\w/+=-]{40,}(?![\w/+=-])"  # secret keys, session and IMDS tokens, signatures
)
_ARN = re.compile(r"\barn:aws[\w-]*:[\w:/*.@=+,-]+")


def scrub(text: str) -> str:
    """Make somebody else's message fit for a log: its first line, shortened, without what could be a secret.

    AWS repeats the canonical request, session token and all, in some errors (SignatureDoesNotMatch).
    ARNs are long but no secret, and say what permission is missing: they stay.
    """
    first = text.strip().partition("\n")[0]
    arns = _ARN.findall(first)
    cleaned = _SECRETS.sub("[removed]", _ARN.sub("\0", first))
    for arn in arns:
        cleaned = cleaned.replace("\0", arn, 1)
    return cleaned if len(cleaned) <= LONGEST else cleaned[: LONGEST - 1] + "…"


def configure(log_format: str, level: str, stream: TextIO | None = None) -> None:
    """Send our log and that of the libraries to `stream` (standard error), in one format.

    Args:
        log_format: `json`, `console`, or `auto`: console on a terminal, else JSON.
        level: the least level of our own lines. Libraries speak from warning upwards whatever it is: below that,
            some of them print headers with credentials.
        stream: where to; standard error by default.
    """
    out = stream or sys.stderr or cast("TextIO", _Nowhere())
    console = log_format == "console" or (log_format == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, *_renderer(console=console, out=out)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Unfailing(out))),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Libraries()]
    root.setLevel(logging.WARNING)
    for name in SAID_BY_POLLS:
        logging.getLogger(name).setLevel(logging.ERROR)


def _renderer(*, console: bool, out: TextIO) -> list[Processor]:
    if console:
        return [structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=0)]
    return [_event_first, structlog.processors.JSONRenderer(default=str)]


def _event_first(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Put what every line has in front, so that lines read alike."""
    return {**{key: event.pop(key) for key in ("timestamp", "level", "event")}, **event}


class _Nowhere(io.TextIOBase):
    """Stands for a standard error that was closed, for which Python has None."""

    def write(self, text: str) -> int:
        return len(text)


class _Unfailing:
    """A stream to which nobody notices a failure: a full disk, or a reader that went away, must not end the daemon."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


class _Libraries(logging.Handler):
    """Hands what aiohttp, botocore and asyncio have to say to our log; what one of them repeats, once a minute.

    asyncio, short of file descriptors, says so thousands of times in a second.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last = ("", "", 0.0)

    def emit(self, record: logging.LogRecord) -> None:
        name, message, at = self._last
        if (record.name, str(record.msg)) == (name, message) and record.created - at < REPEATED_AFTER:
            return
        self._last = (record.name, str(record.msg), record.created)
        log = logger()
        say = log.error if record.levelno >= logging.ERROR else log.warning
        cause = {} if record.exc_info is None else {"error": scrub(repr(record.exc_info[1]))}
        try:
            say("library.message", library=record.name, message=scrub(record.getMessage()), **cause)
        except Exception:  # noqa: BLE001  as logging's own handlers do it: who logs must not fail by it
            self.handleError(record)


def logger(**fields: Any) -> FilteringBoundLogger:
    """A logger whose lines carry `fields`."""
    return cast("FilteringBoundLogger", structlog.get_logger(**fields))
