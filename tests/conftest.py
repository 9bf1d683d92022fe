"""Fixtures for all tests."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
import structlog
from structlog.testing import capture_logs

from leaderd.demo.cloud import Cloud
from leaderd.demo.pretend import PretendAws
from tests.daemons import FAST, Daemon, clean_environ, secrets


@pytest.fixture(scope="session", autouse=True)
def _no_implicit_loop() -> None:
    """Keep Python 3.11 from making a loop for plugins that ask for the current one: nobody would close it."""
    asyncio.set_event_loop(None)


@pytest.fixture
async def aws() -> AsyncIterator[PretendAws]:
    """A running pretend AWS with three instances: i-0…01, i-0…02 and i-0…03, in that order."""
    async with PretendAws(Cloud(seed=1)) as running:
        for number in (1, 2, 3):
            await running.launch(number)
        yield running


@pytest.fixture
def sdk(monkeypatch, aws):
    """Let the SDK in this process find the pretend AWS, as the first instance does, and nothing else."""
    for name in list(os.environ):
        if name.upper().startswith(("AWS_", "HTTP_PROXY", "HTTPS_PROXY")):
            monkeypatch.delenv(name)
    for name, value in aws.environ(aws.cloud.members[0]).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def logged():
    """What is logged in this process, as dictionaries."""
    structlog.reset_defaults()
    with capture_logs() as entries:
        yield entries


@pytest.fixture
async def daemon(aws):
    """Start `leaderd serve` on an instance of the pretend AWS, the first one unless told otherwise.

    In the end each daemon that still runs must stop cleanly, and none may have shown a secret.
    """
    started = []

    async def start(*, number=0, environ=None, listens=True, how=None, **options):
        options = FAST | {name.replace("_", "-"): value for name, value in options.items()}
        options = {name: value for name, value in options.items() if value != "leave out"}
        variables = clean_environ(aws.environ(f"i-0{number + 1:016x}"), environ or {})
        running = await Daemon.start(variables, options, **(how or {}))
        started.append(running)
        return await running.listening() if listens else running

    yield start
    living = [each for each in started if each.process.returncode is None]
    codes = await asyncio.gather(*(each.stop() for each in started))
    assert [code for each, code in zip(started, codes, strict=True) if each in living and code] == []
    for each in started:
        assert "Traceback" not in each.output, each.output
        assert [secret for secret in secrets(aws) if secret in each.output] == []
