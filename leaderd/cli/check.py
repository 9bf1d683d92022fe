"""`leaderd check`: asks the running daemon, for scripts that have no curl."""

import http.client
import json
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from leaderd.cli.options import options, settings_or_exit
from leaderd.config import Settings

LEADER, NOT_LEADER, CANNOT_TELL = 0, 1, 2
TIMEOUT = 5.0
"""Seconds that the daemon has to answer; it needs a few milliseconds."""


@click.command()
@options("host", "port", "unix-socket", "allow-remote")
def check(**flags: str | None) -> None:
    """Ask the running daemon whether this instance is leader.

    Exit code 0: leader. 1: not leader. 2: cannot tell, or the daemon does not answer. One line says why.
    """
    settings = settings_or_exit(flags)
    code, line = ask(settings)
    with suppress(OSError):  # the exit code is the answer; a full disk behind stdout does not change it
        click.echo(line.encode(errors="backslashreplace"))
    sys.exit(code)


def ask(settings: Settings) -> tuple[int, str]:
    """Ask, and say the exit code and the line to print."""
    where = str(settings.unix_socket or f"{settings.host}:{settings.port}")
    connection = _connection(settings)
    try:
        connection.request("GET", "/leader")
        answer = connection.getresponse()
        body = json.loads(answer.read())
        return _read(answer.status, body)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        return (
            CANNOT_TELL,
            f"unknown: no answer from leaderd at {where}: {reason} (is it running? systemctl status leaderd)",
        )
    except (http.client.HTTPException, ValueError, LookupError, TypeError, RecursionError):
        return CANNOT_TELL, f"unknown: what answers at {where} is not leaderd (choose the right --port)"
    finally:
        connection.close()


def _read(status: int, body: dict[str, Any]) -> tuple[int, str]:
    line = f"{body['role']}: {body['reason']}"
    if status == 200 and body["leader"] is True:
        return LEADER, line
    return (NOT_LEADER if status == 409 else CANNOT_TELL), line


def _connection(settings: Settings) -> http.client.HTTPConnection:
    if settings.unix_socket is not None:
        return _UnixConnection(settings.unix_socket)
    return http.client.HTTPConnection(settings.host, settings.port, timeout=TIMEOUT)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))
