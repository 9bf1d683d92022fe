"""The S3 of `rclone serve s3`, a look-alike that others wrote: it ignores the conditions of writes, and is refused."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.daemons import PATIENCE, clean_environ

RCLONE = Path(sys.executable).with_name("rclone")
LISTENING = re.compile(rb"http://127\.0\.0\.1:\d+")
BUCKET = "claims"
PATIENT = {"request_timeout": "10", "max_staleness": "30"}
"""Waits for as long as a busy machine needs to load the SDK."""


@pytest.fixture
async def rclone(tmp_path):
    """Where its server listens, with a bucket in it."""
    (tmp_path / BUCKET).mkdir()
    process = await asyncio.create_subprocess_exec(
        *(RCLONE, "serve", "s3", "--addr", "127.0.0.1:0", "--config", "/dev/null", tmp_path),
        env=clean_environ(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            url = await _url(process.stderr)
        draining = asyncio.create_task(process.stderr.read())
        yield url
        draining.cancel()
    finally:
        process.kill()
        await process.wait()


async def _url(lines):
    """The address in what it says when it listens."""
    async for line in lines:
        if found := LISTENING.search(line):
            return found[0].decode()
    raise AssertionError("the server has ended")


async def test_it_is_refused(rclone, daemon):
    """Each claim is answered 503 with the reason, on each instance; who leads does not hang on it."""
    options = {"environ": {"AWS_ENDPOINT_URL_S3": rclone}, "claims": f"s3://{BUCKET}", **PATIENT}
    leader, follower = await daemon(**options), await daemon(number=1, **options)
    for running in (leader, leader, follower):
        answer = await running.get("/claims/invoices", method="POST")
        assert (answer.status, answer.body["claimed"]) == (503, False)
        assert f"s3://{BUCKET}/shop-prod ignores the conditions of writes" in answer.body["reason"]
    await leader.event("role.changed", new="leader")
    assert [(await each.get()).status for each in (leader, follower)] == [200, 409]


async def test_what_is_logged(rclone, daemon):
    """The kind of the error is `unconditional`."""
    running = await daemon(environ={"AWS_ENDPOINT_URL_S3": rclone}, claims=f"s3://{BUCKET}", **PATIENT)
    await running.event("claims.failed", kind="unconditional")
