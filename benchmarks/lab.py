"""What is measured, and what it asks: processes on loopback, started and ended here."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
PATIENCE = 30.0
"""Seconds after which something that does not happen is a failure."""
LEADING = ("AWS_", "LEADERD_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "NOTIFY_", "WATCHDOG_", "RUNTIME_")
LEADS_SOON = {"hold-down": "0.5", "unsafe": None}
"""Settings of a daemon that is to lead at once. What an answer costs does not depend on them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of HTTP."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens on a port of loopback."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str) -> Answer:
        """Ask once."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read().decode())
        finally:
            connection.close()

    def resident(self) -> int:
        """Bytes of memory that it occupies."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu(self) -> float:
        """Seconds for which its threads have computed."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


@dataclass(frozen=True, slots=True)
class Daemon(Server):
    """A running `leaderd serve`, and the seconds from its start to READY."""

    ready_after: float


class Lab:
    """A pretend AWS with two instances, and Python with leaderd as it is installed.

    Args:
        python: runs leaderd.
        environs: the variables that lead each instance to AWS.
    """

    def __init__(self, python: str, environs: list[dict[str, str]]) -> None:
        self.python = python
        self.environs = [clean_environ() | each for each in environs]

    @contextmanager
    def daemon(self, instance: int, options: Mapping[str, str | None]) -> Iterator[Daemon]:
        """Run the daemon of an instance."""
        port = free_port()
        given = {"port": str(port), "environment": "shop-prod", "log-level": "error"} | options
        words = [self.python, "-m", "leaderd", "serve"]
        environ = self.environs[instance] | of_the_unit()
        for name, value in given.items():
            words += [f"--{name}"] if value is None else [f"--{name}", value]
        with TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.bind(f"{folder}/notify")
            channel.settimeout(PATIENCE)
            started = time.perf_counter()
            with running(words, environ | {"NOTIFY_SOCKET": f"{folder}/notify"}) as process:
                while channel.recv(1024) != b"READY=1":
                    pass
                yield Daemon(process, port, time.perf_counter() - started)

    @contextmanager
    def bare(self, answer: Answer) -> Iterator[Server]:
        """Run the bare handler, with the answer that it is to give."""
        port = free_port()
        own = {name: value for name, value in answer.headers.items() if name not in {"Content-Length", "Date"}}
        said = json.dumps({"status": answer.status, "headers": own, "body": answer.text})
        with running([self.python, "-m", "benchmarks.bare", str(port)], clean_environ()) as process:
            assert process.stdin
            process.stdin.write(said + "\n")
            process.stdin.flush()
            server = Server(process, port)
            until(lambda: server.ask("GET", "/").status == answer.status)
            yield server


@contextmanager
def lab(python: str) -> Iterator[Lab]:
    """Run the pretend AWS."""
    with running([sys.executable, "-m", "benchmarks.cloud", "2"], clean_environ()) as process:
        assert process.stdout
        yield Lab(python, json.loads(process.stdout.readline()))


@contextmanager
def running(words: list[str], environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a process of this checkout, and end it."""
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=environ, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


def clean_environ() -> dict[str, str]:
    """The variables of this process without those that lead somewhere."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(LEADING)}


def of_the_unit() -> dict[str, str]:
    """The variables that the systemd unit sets itself."""
    lines = (ROOT / "systemd/leaderd.service").read_text().splitlines()
    pairs = " ".join(line.removeprefix("Environment=") for line in lines if line.startswith("Environment=")).split()
    return dict(pair.split("=", 1) for pair in pairs)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Any) -> None:
    """Wait until something holds; not being reachable yet is not to hold."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        with suppress(OSError, http.client.HTTPException):
            if condition():
                return
        time.sleep(0.02)
    raise TimeoutError("what is to be measured did not get ready")
