"""Asks the running daemon, for commands that cron starts: only the standard library, so that they start fast."""

import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderd.config import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What the daemon answered: the status, the JSON object, and the headers."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


class NoAnswerError(Exception):
    """The daemon does not answer, or what answers is not leaderd; in words, with what to do."""


def ask(
    settings: Settings,
    method: str,
    path: str,
    *,
    known_by: Sequence[str],
    timeout: float,
    headers: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Answer:
    """Ask once.

    Args:
        settings: where the daemon listens.
        method: the method of HTTP.
        path: path and query.
        known_by: the keys, separated by blanks, of each form that an answer of leaderd can have.
        timeout: seconds that may pass without a sign of life.
        headers: more headers.
        body: is sent as JSON.

    Raises:
        NoAnswerError: nobody answers, or not leaderd.
    """
    where = str(settings.unix_socket or f"{settings.host}:{settings.port}")
    connection = _connection(settings, timeout)
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=dict(headers or {}))
        response = connection.getresponse()
        content = json.loads(response.read())
        if isinstance(content, dict) and any(set(keys.split()) <= content.keys() for keys in known_by):
            return Answer(response.status, content, dict(response.headers))
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        said = f"no answer from leaderd at {where}: {reason} (is it running? systemctl status leaderd)"
        raise NoAnswerError(said) from error
    except (http.client.HTTPException, ValueError, RecursionError):
        pass
    finally:
        connection.close()
    raise NoAnswerError(f"what answers at {where} is not leaderd (choose the right --port)")


def _connection(settings: Settings, timeout: float) -> http.client.HTTPConnection:
    if settings.unix_socket is not None:
        return _UnixConnection(settings.unix_socket, timeout)
    return http.client.HTTPConnection(settings.host, settings.port, timeout=timeout)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self._patience = timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._patience)
        self.sock.connect(str(self._path))
