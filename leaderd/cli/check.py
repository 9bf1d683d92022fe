"""`leaderd check`: asks the running daemon, for scripts that have no curl."""

import sys
from contextlib import suppress

import click

from leaderd.cli import daemon
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
    try:
        answer = daemon.ask(settings, "GET", "/leader", known_by=("role reason leader",), timeout=TIMEOUT)
    except daemon.NoAnswerError as error:
        return CANNOT_TELL, f"unknown: {error}"
    line = f"{answer.body['role']}: {answer.body['reason']}"
    if answer.status == 200 and answer.body["leader"] is True:
        return LEADER, line
    return (NOT_LEADER if answer.status == 409 else CANNOT_TELL), line
