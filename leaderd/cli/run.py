"""`leaderd run`: claims the tick, and runs a command if this instance has it."""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any
from urllib.parse import quote, urlencode

import click

from leaderd.cli import daemon
from leaderd.cli.options import EXIT_BAD, options, settings_or_exit
from leaderd.config import Settings
from leaderd.core.claim import LONGEST_EVERY, tick_at

CANNOT_SAY = os.EX_TEMPFAIL
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""As a shell has them."""
EVERY = 60
PATIENCE = 60.0
"""Seconds for which a key is asked for again while the store cannot say: it has no tick that could be over."""
ANSWER_TIMEOUT = 30.0
"""Seconds that the daemon may be silent: the last place waits for 12 s, and then come the requests to the store."""
RECORD_PATIENCE = 10.0
"""Seconds for which the outcome is offered to the daemon."""
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
FORMS = ("claimed reason", "claimed token", "error hint")
"""What the daemon answers has."""


@click.command()
@click.argument("job")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--every", type=click.IntRange(1, LONGEST_EVERY), help="Seconds between two ticks of the job.  [60]")
@click.option("--key", help="Run once and never again under this name, instead of once in each tick.")
@click.option(
    "--skipped-code", type=click.IntRange(0, 255), default=0, show_default=True, help="Exit code when not ours."
)
@options("host", "port", "unix-socket", "allow-remote")
def run(
    job: str, command: Sequence[str], every: int | None, key: str | None, skipped_code: int, **flags: str | None
) -> None:
    """Run COMMAND if this instance can claim this tick of JOB.

    leaderd run invoices -- /opt/app/send-invoices

    What follows the -- is COMMAND's; the options of leaderd come before it.

    COMMAND gets LEADERD_JOB, LEADERD_KEY and LEADERD_TOKEN, all signals, and its exit code is passed on. Where another
    instance has the tick, nothing is run and nothing is said. While nobody can tell, it is asked again, until the tick
    is over: exit code 75.
    """
    settings = settings_or_exit(flags)
    if every is not None and key is not None:
        _complain("--every and --key are both given: use --every for a job that recurs, --key for one that does not")
        sys.exit(EXIT_BAD)
    claim = _claim(settings, job, every or EVERY, key)
    if claim is None:
        sys.exit(skipped_code)
    sys.exit(_run(settings, job, claim, command))


def _claim(settings: Settings, job: str, every: int, key: str | None) -> Mapping[str, Any] | None:
    """Claim, asking again while nobody can tell. Returns the claim; None where another has it."""
    ends = tick_at(time.time(), every).ends if key is None else time.time() + PATIENCE
    most = max(0.1, (ends - time.time()) / 10)
    path = f"/claims/{quote(job, safe='')}?{urlencode({'every': every} if key is None else {'key': key})}"
    asker = {"Idempotency-Key": secrets.token_hex(8)}
    while True:
        pause = 1.0
        try:
            answer = daemon.ask(settings, "POST", path, known_by=FORMS, timeout=ANSWER_TIMEOUT, headers=asker)
        except daemon.NoAnswerError as error:
            why = str(error)
        else:
            if answer.status == 200:
                return answer.body
            if answer.status == 409:
                return None
            why = f"{answer.body.get('reason') or answer.body.get('error')} ({answer.body.get('hint')})"
            if answer.status != 503:
                _complain(why)
                sys.exit(EXIT_BAD)
            pause = float(answer.headers.get("Retry-After", pause))
        pause = min(pause, most)
        if time.time() + pause >= ends:  # asked later, it would be the next tick
            _complain(f"{job} was not run here: {why}")
            sys.exit(CANNOT_SAY)
        time.sleep(pause)


def _run(settings: Settings, job: str, claim: Mapping[str, Any], command: Sequence[str]) -> int:
    """Run the command, write down how it ended, and return its exit code."""
    token = str(claim["token"])
    environ = os.environ | {"LEADERD_JOB": job, "LEADERD_KEY": str(claim["key"]), "LEADERD_TOKEN": token}
    started = time.monotonic()
    try:
        code = _run_through(command, environ)
    except OSError as error:
        _complain(f"cannot run {command[0]}: {error.strerror}")
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    outcome = {"exit_code": code, "duration": round(time.monotonic() - started, 3)}
    _record(settings, f"/claims/{job}/{token}", outcome)
    return code


def _run_through(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Pass signals on until the command ends. Returns its exit code, as a shell has it for one that a signal ended."""
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    for number in PASSED_ON:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, pass_on)
    child = subprocess.Popen(command, env=environ)  # noqa: S603  to run it is the purpose
    for signum in early:
        child.send_signal(signum)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _record(settings: Settings, path: str, outcome: Mapping[str, Any]) -> None:
    """Hand the outcome to the daemon; it may be restarting."""
    given_up = time.monotonic() + RECORD_PATIENCE
    while True:
        try:
            answer = daemon.ask(
                settings, "PUT", path, known_by=("recorded", "error hint"), timeout=RECORD_PATIENCE, body=outcome
            )
        except daemon.NoAnswerError as error:
            why = str(error)
        else:
            if answer.status == 200:
                return
            why = str(answer.body["error"])
            if answer.status != 503:
                given_up = 0
        if time.monotonic() >= given_up:
            _complain(f"the outcome of {path} was not recorded: {why}")
            return
        time.sleep(1.0)


def _complain(what: str) -> None:
    click.echo(f"leaderd: {what}", err=True)
