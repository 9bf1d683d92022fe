"""Servers that others wrote, as processes of their own, each for as long as a test."""

import asyncio
from contextlib import asynccontextmanager

from tests.daemons import PATIENCE, clean_environ

ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "NO_PROXY": "127.0.0.1",
}
"""The keys that clients of such a server have: it believes any."""


@asynccontextmanager
async def server(*words, cwd=None, says="Running on"):
    """Run a command that says its port at the end of a line that has these words. Yields where it listens."""
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=cwd,
        env=clean_environ(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            port = await _port(process.stdout, says)
        draining = asyncio.create_task(process.stdout.read())
        yield "127.0.0.1", port
        draining.cancel()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _port(lines, says):
    said = []
    async for line in lines:
        said.append(line.decode())
        if says in said[-1]:
            return int(said[-1].rpartition(":")[2])
    raise AssertionError(f"the server has ended:\n{''.join(said)}")
