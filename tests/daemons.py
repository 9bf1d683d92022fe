"""Real `leaderd` processes, and what they say."""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass

import aiohttp

PATIENCE = 25  # seconds, after which a test gives up; nothing is measured by it
FAST = {
    "port": "0",
    "environment": "shop-prod",
    "poll-interval": "0.1",
    "request-timeout": "0.5",
    "max-staleness": "3",
    "api-lag": "0",
    "guard": "0.1",
    "hold-down": "0.2",
    "unsafe": None,
    "api-budget": "1000",
    "log-format": "json",
}
"""Leads within a second; a loaded machine costs it no verdict."""
SHORT = {"request-timeout": "0.25", "max-staleness": "0.6"}
"""Does not believe an answer for long."""


def clean_environ(*more):
    """The variables of this process without those that lead somewhere, then `more`."""
    leading = (
        "AWS_",
        "LEADERD_",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "ALL_PROXY",
        "NOTIFY_",
        "WATCHDOG_",
        "RUNTIME_",
    )
    environ = {name: value for name, value in os.environ.items() if not name.upper().startswith(leading)}
    for each in more:
        environ |= each
    return environ


def command(name, options):
    given = [[f"--{option}"] if value is None else [f"--{option}", str(value)] for option, value in options.items()]
    return [sys.executable, "-m", "leaderd", name, *(word for words in given for word in words)]


@dataclass
class Answer:
    status: int
    headers: dict
    text: str

    @property
    def body(self):
        return json.loads(self.text)


class Daemon:
    """A running `leaderd serve`, the lines of its log and requests to it."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self.port = 0
        self._passed = 0
        self._news = asyncio.Event()
        self._ended = False
        self._reading = asyncio.create_task(self._read(), name="daemon's log")

    @classmethod
    async def start(cls, environ, options, **how):
        words = command("serve", options)
        if "code" in how:
            words = [sys.executable, "-c", how.pop("code"), *words[3:]]
        process = await asyncio.create_subprocess_exec(
            *words,
            env=environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=how.pop("stderr", asyncio.subprocess.STDOUT),
            **how,
        )
        return cls(process)

    @property
    def output(self):
        return "\n".join(self.lines)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    async def _read(self):
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))
            self._wake()
        self._ended = True
        self._wake()

    def _wake(self):
        self._news.set()
        self._news = asyncio.Event()

    async def listening(self):
        """Wait until it answers."""
        self.port = int((await self.event("daemon.listening"))["address"].rpartition(":")[2])
        return self

    async def event(self, name, **fields):
        """The next line of the log with this event and these fields; what stands before it is passed over."""
        wanted = {"event": name, **fields}
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    while self._passed < len(self.lines):
                        entry = self._entry(self.lines[self._passed])
                        self._passed += 1
                        if wanted.items() <= entry.items():
                            return entry
                    assert not self._ended, f"ended without {wanted}:\n{self.output}"
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {wanted} in:\n{self.output}") from None

    @staticmethod
    def _entry(line):
        try:
            return {name: value for name, value in json.loads(line).items() if not isinstance(value, list | dict)}
        except ValueError:
            return {"event": line}

    def events(self):
        """The names of all events up to now, in order."""
        return [self._entry(line)["event"] for line in self.lines]

    async def get(self, path="/leader", **how):
        async with (
            aiohttp.ClientSession() as session,
            session.request(how.pop("method", "GET"), self.url + path, **how) as response,
        ):
            return Answer(response.status, response.headers, await response.text())

    async def ended(self):
        """Wait for its end; the exit code."""
        async with asyncio.timeout(PATIENCE):
            await self._reading
            return await self.process.wait()

    async def stop(self):
        """End it as systemd does; the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            return await self.ended()
        finally:
            with suppress(ProcessLookupError):
                self.process.kill()


def secrets(aws):
    """All that must never be seen outside: keys, session tokens, IMDS tokens."""
    keys = aws.cloud._keys.values()
    found = {secret for key in keys for secret in (key.access_key, key.secret_key, key.token) if secret}
    return found | {token for imds in aws.imds.values() for token in imds._tokens}


async def run(*words, environ):
    """Run a program; its exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *words,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def leaderd(name, options, *environs):
    """Run one leaderd command to its end; its exit code, stdout and stderr."""
    return await run(*command(name, options), environ=clean_environ(*environs))
