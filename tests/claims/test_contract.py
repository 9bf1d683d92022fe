"""The contract of stores, held by look-alikes of S3: the pretend one, and moto's server."""

import asyncio
import sys

import pytest

from leaderd.aws.s3 import S3Store
from tests.claims.claimers import Stores
from tests.claims.contract import StoreContract
from tests.daemons import PATIENCE, clean_environ

BUCKET = "elasticbeanstalk-eu-west-1-123456789012"
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "NO_PROXY": "127.0.0.1",
}


@pytest.fixture
def through(monkeypatch):
    """Lead new clients to a port of loopback."""
    return lambda port: monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")


def s3_store():
    return S3Store(BUCKET, "leaderd/claims/shop-prod", "eu-west-1", timeout=5, environ={})


@pytest.mark.timeout(180)
class TestMoto(StoreContract):
    """moto's server, which others wrote."""

    @pytest.fixture
    async def address(self, monkeypatch):
        """A server of its own, for as long as a test."""
        for name, value in ENVIRON.items():
            monkeypatch.setenv(name, value)
        code = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "ignore", "-c", code),
            env=clean_environ(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                port = await _port(process.stderr)
            draining = asyncio.create_task(process.stderr.read())
            yield "127.0.0.1", port
            draining.cancel()
        finally:
            process.kill()
            await process.wait()

    @pytest.fixture
    async def make_store(self, address, through):
        through(address[1])
        async with Stores(s3_store) as stores:
            first = await stores()
            async with first._connection.asking() as client:
                await client.create_bucket(
                    Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
                )
            yield stores


async def _port(lines):
    """The port in what a server says when it listens: ` * Running on http://127.0.0.1:5000`."""
    async for line in lines:
        if b"Running on" in line:
            return int(line.rstrip().rpartition(b":")[2])
    raise AssertionError("the server has ended")
