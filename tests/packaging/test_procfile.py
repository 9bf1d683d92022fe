"""The Procfiles: ours, run for real, and the one for an application."""

import asyncio
import re
import signal
import sys
from pathlib import Path

import aiohttp

from tests.daemons import PATIENCE, clean_environ

TOP = Path(__file__).parents[2]
ELASTIC_BEANSTALKS = r"[A-Za-z0-9_-]+:\s*\S.*"
"""What it takes for a line of a Procfile; a comment is none."""


def lines(path):
    return (TOP / path).read_text().splitlines()


async def test_procfile_runs_the_daemon(aws, tmp_path):
    """Honcho starts the daemon from the Procfile, it answers, and it ends cleanly with it."""
    instance = next(iter(aws.cloud.instances))
    socket = tmp_path / "http"
    environ = clean_environ(
        aws.environ(instance),
        {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "LEADERD_ENVIRONMENT": aws.cloud.environment,
            "LEADERD_PORT": "0",
            "LEADERD_UNIX_SOCKET": str(socket),
        },
    )
    honcho = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "honcho", "--procfile", str(TOP / "Procfile"), "start"),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = []
    try:
        async with asyncio.timeout(PATIENCE):
            async for line in honcho.stdout:
                said.append(line.decode())
                if "roster.seen" in said[-1]:
                    break
            connector = aiohttp.UnixConnector(str(socket))
            async with aiohttp.ClientSession(connector=connector) as session, session.get("http://localhost/") as index:
                assert index.status == 200
            honcho.send_signal(signal.SIGTERM)
            said.append((await honcho.stdout.read()).decode())
            await honcho.wait()
    finally:
        if honcho.returncode is None:
            honcho.kill()
            await honcho.wait()
    assert "daemon.stopping" in "".join(said)


def test_every_line_is_one_that_elastic_beanstalk_takes():
    """No line of a Procfile is a comment or anything else that Elastic Beanstalk refuses."""
    for path in ("Procfile", "beanstalk/Procfile"):
        assert all(re.fullmatch(ELASTIC_BEANSTALKS, line) for line in lines(path))


def test_procfile_for_an_application_keeps_its_web_process():
    """A Procfile replaces the platform's own web command: the one to copy restates it."""
    assert [line.partition(":")[0] for line in lines("beanstalk/Procfile")] == ["web", "leaderd"]
