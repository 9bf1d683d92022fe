"""`leaderd demo` as a command, without a terminal."""

import asyncio
import re
import signal
import socket
import sys

import pytest

from tests.daemons import PATIENCE, clean_environ
from tests.demo.shows import listens, until

DIVIDER = re.compile("-{40,}")


@pytest.fixture
async def demo(tmp_path):
    """Start the command; whatever still runs is killed in the end."""
    started = []
    variables = {"LEADERD_POL_INTERVAL": "nonsense", "LEADERD_PORT": "nonsense", "TMPDIR": str(tmp_path)}

    async def start(*options):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "leaderd", "demo", *options),
            env=clean_environ(variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ended(process):
    async with asyncio.timeout(PATIENCE):
        output, errors = await process.communicate()
    return process.returncode, output.decode().splitlines(), errors.decode().splitlines()


async def port_of_the_first(process):
    """The port in the line that says what to try."""
    async with asyncio.timeout(PATIENCE):
        async for line in process.stdout:
            if found := re.search(rb"curl -i 127.0.0.1:([0-9]+)/leader", line):
                return int(found[1])
    raise AssertionError("ended before it had started")


async def test_story(demo):
    """Without a terminal a story is told for so long, and closes with the table; the user's variables do no harm."""
    code, lines, errors = await ended(await demo("--port", "0", "--for", "5"))
    assert (code, errors) == (0, [])
    assert "Start a pretend AWS" in lines[0]
    assert sum(DIVIDER.fullmatch(line) is not None for line in lines) == 1
    assert re.fullmatch(r"None of \d+ ticks ran on two instances\. By claims \d+ ran on exactly one\.", lines[-1])


async def test_taken_port(demo):
    """A port that is taken is said in one line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, lines, errors = await ended(await demo("--port", str(port)))
    assert (code, lines, len(errors)) == (2, [], 1)
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in errors[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals(demo, number):
    """Ctrl-C and its kin end the demo in order: the table comes, and no daemon stays."""
    process = await demo("--port", "0", "--instances", "1")
    port = await port_of_the_first(process)
    process.send_signal(number)
    code, lines, errors = await ended(process)
    assert (code, errors) == (128 + number, [])
    assert "tick" in lines[-1]
    assert not listens(port)


async def test_killed(demo):
    """Even when the demo is killed at once, no daemon stays."""
    process = await demo("--port", "0", "--instances", "1")
    port = await port_of_the_first(process)
    assert listens(port)
    process.kill()
    await until(lambda: not listens(port))


@pytest.mark.parametrize("options", [("--instances", "0"), ("--instances", "21"), ("--for", "0"), ("--port", "65536")])
async def test_out_of_range(demo, options):
    """What cannot be is refused, with the range."""
    code, _, errors = await ended(await demo(*options))
    assert code == 2
    assert "is not in the range" in errors[-1]
