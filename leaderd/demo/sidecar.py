"""One daemon of the demo's fleet: what it is started with, and what it answers."""

import os
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from signal import Signals

import aiohttp

from leaderd.core.election import Role
from leaderd.core.timing import Timing
from leaderd.demo.lifeline import Lifeline
from leaderd.demo.pretend import PretendAws

TIMING = Timing.derive(poll_interval=0.8, request_timeout=0.8, max_staleness=3.0, api_lag=0.2, guard=0.3)
"""Short, so that one can watch; the bounds between them are the same as anywhere."""
ANSWER_TIMEOUT = 0.8
"""Seconds that a daemon has to answer; it needs a few milliseconds."""
SERVICE_MANAGER = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "RUNTIME_DIRECTORY"})
"""What systemd may have told the demo, and means nobody else."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a daemon said when it was asked for the leader; without a status it said nothing."""

    status: int | None
    role: str
    reason: str
    staleness: float | None = None

    @property
    def leads(self) -> bool:
        """Whether a cron line that asked so would run its job."""
        return self.status == 200


SILENT = Answer(None, "silent", "its daemon does not answer")
Answers = Mapping[str, Answer]
"""Who answered what, by instance id."""


def leader_of(answers: Answers) -> str | None:
    """The instance that leads; None while nobody does."""
    return next((instance_id for instance_id, answer in answers.items() if answer.leads), None)


def nobody_can_tell(answers: Answers) -> bool:
    """Whether every instance says that it does not know."""
    return all(answer.role == Role.UNKNOWN for answer in answers.values())


def short(instance_id: str) -> str:
    """The beginning of an instance id, which is enough to tell those of a small fleet apart."""
    return instance_id[:7]


@dataclass(slots=True)
class Sidecar:
    """The daemon on one pretend instance. Its port and its files stay when its process is started anew.

    Attributes:
        instance_id: the instance.
        port: where it listens on loopback.
        files: its state file and log, without their endings.
        timing: its settings.
        process: the process that runs, or ran last; None before the first.
        deaths: how often its process has ended, or could not be started.
        terminating: its instance is being terminated.
    """

    instance_id: str
    port: int
    files: Path
    timing: Timing = TIMING
    process: Process | None = None
    deaths: int = 0
    terminating: bool = False

    @property
    def pid(self) -> int | None:
        """The process id; None while no process runs."""
        return self.process.pid if self.process and self.process.returncode is None else None

    @property
    def log(self) -> Path:
        """The file with the log of all its processes."""
        return self.files.with_suffix(".log")

    async def start(self, lifeline: Lifeline, aws: PretendAws) -> int:
        """Start its process. Returns the process id.

        Raises:
            OSError: the system refuses.
        """
        environ = _variables(aws.environ(self.instance_id))
        self.process = await lifeline.start(self._argv(aws.cloud.environment), environ, self.log)
        return self.process.pid

    async def ended(self) -> str:
        """Wait for the end of its process. Returns how it ended, in words."""
        code = await self.process.wait() if self.process else 0
        return f"died of {Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    async def end(self) -> None:
        """End its process, and wait for that."""
        self.kill()
        await self.ended()

    async def ask(self, session: aiohttp.ClientSession) -> Answer:
        """Ask `GET /leader`, as a cron line does."""
        try:
            async with session.get(f"http://127.0.0.1:{self.port}/leader") as response:
                body = await response.json()
                return Answer(response.status, body["role"], body["reason"], body["staleness"])
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError, LookupError, TypeError):
            return SILENT

    async def claim(self, session: aiohttp.ClientSession) -> bool:
        """Ask `POST /claims/JOB`, as a cron line does each second. Returns whether this instance has the tick."""
        try:
            async with session.post(f"http://127.0.0.1:{self.port}/claims/demo?every=1") as response:
                return response.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False

    def kill(self) -> None:
        """End its process as `kill -9` does."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()

    def last_words(self) -> str:
        """The last line that it logged."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return lines[-1] if lines else "it logged nothing"

    def _argv(self, environment: str) -> Sequence[str]:
        settings = {
            "environment": environment,
            "port": self.port,
            "state-file": self.files.with_suffix(".json"),
            "poll-interval": self.timing.poll_interval,
            "request-timeout": self.timing.request_timeout,
            "max-staleness": self.timing.max_staleness,
            "api-lag": self.timing.api_lag,
            "guard": self.timing.guard,
            "api-budget": 1000,
            "log-format": "json",
        }
        return [sys.executable, "-m", "leaderd", "serve", *(f"--{name}={value}" for name, value in settings.items())]


def _variables(aws: Mapping[str, str]) -> dict[str, str]:
    """This process's environment variables, with those of `aws` in place of what the user set for AWS or leaderd."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "LEADERD_")) and name not in SERVICE_MANAGER
    }
    return kept | dict(aws)
