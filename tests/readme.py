"""What README.md says to type, and what surrounds it when it is typed."""

import asyncio
import os
import re
import shlex
import socket
import sys
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from leaderd.config import DEFAULT_PORT
from leaderd.demo.faults import Fault
from tests.daemons import clean_environ, run

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text()
PORT = str(DEFAULT_PORT)
JOB = "/opt/app/send-invoices"
DAEMON = f"127.0.0.1:{PORT}"
SCHEDULE = re.compile(r"(?:\S+ ){5}root ")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str


BLOCKS = tuple(Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL))

WORDS = " ".join(re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL).split())
"""The text without its blocks, on one line."""


def blocks(language):
    """The texts of all blocks in a language."""
    return [block.text for block in BLOCKS if block.language == language]


def only(language):
    """The text of the one block in a language."""
    (text,) = blocks(language)
    return text


def commands():
    """All lines of the shell blocks, and of the crontabs without their schedule and user."""
    lines = [line for language in ("sh", "bash") for text in blocks(language) for line in text.splitlines()]
    crontabs = [line for text in blocks("crontab") for line in text.splitlines()]
    assert all(SCHEDULE.match(line) for line in crontabs)
    return lines + [SCHEDULE.sub("", line, count=1) for line in crontabs]


def inline():
    """The `quoted` words of the text that are commands: what they begin with is one."""
    first = ("curl -", "dnf ", "journalctl ", "leaderd ", "make ", "pip ", "sudo ", "systemctl ", "/opt/")
    return [code for code in re.findall(r"`([^`]+)`", WORDS) if code.startswith(first) and code != JOB]


def on_port(text, port):
    """The text of a recipe, for a daemon on another port."""
    assert PORT in text
    return text.replace(PORT, str(port))


def in_shell(line, port):
    """The words that run a command line as cron does, with a job that says so, and this checkout's leaderd."""
    for command in ("check", "run"):
        ours = f"{shlex.quote(sys.executable)} -m leaderd {command} --port {PORT}"
        line = line.replace(f"/opt/leaderd/bin/leaderd {command}", ours)
    return ["/bin/sh", "-c", on_port(line, port).replace(JOB, "echo ran")]


def in_python(text, port):
    """The words that run the Python recipe, with a job that says so."""
    return [sys.executable, "-W", "error", "-c", "def send_invoices(): print('ran')\n" + on_port(text, port)]


SITUATIONS = ("leader", "candidate", "follower", "unknown", "no daemon", "silent")


@asynccontextmanager
async def situation(name, aws, daemon):
    """The port of a daemon in a role; of none at all; of one that takes connections and is silent."""
    if name in {"no daemon", "silent"}:
        with closing(socket.socket()) as nobody:
            nobody.bind(("127.0.0.1", 0))
            if name == "silent":
                nobody.listen()
            yield nobody.getsockname()[1]
        return
    if name == "unknown":
        aws.cloud.faults.everyone = Fault.DENY
    number = 1 if name == "follower" else 0
    started = await daemon(number=number, **({"hold-down": 300} if name == "candidate" else {}))
    if name == "unknown":
        await started.event("poll.failed")
    else:
        await started.event("role.changed", new=name)
    yield started.port


@asynccontextmanager
async def lying_proxy():
    """The variables of a proxy that answers 200 to whatever it is asked."""

    async def lie(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"role":"leader","leader":true,"reason":"a lie"}'
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(lie, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield {"http_proxy": f"http://127.0.0.1:{port}"}


async def runs(words, *environs):
    """Run a recipe: whether it has run the job. It may say no more than that on standard output."""
    code, out, err = await run(*words, environ=clean_environ({"PATH": os.environ["PATH"]}, *environs))
    assert out in {"", "ran\n"}, (words, code, out, err)
    assert "ran\n" not in out or code == 0, (words, code, err)
    return out == "ran\n"
