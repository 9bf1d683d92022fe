"""The contract of stores, held by the pretend S3, and by the S3 of moto's server."""

import sys

import pytest

from leaderd.aws.dynamodb import DynamoStore
from leaderd.aws.s3 import S3Store
from tests.claims.claimers import Stores
from tests.claims.contract import StoreContract
from tests.claims.servers import ENVIRON, server

BUCKET = "elasticbeanstalk-eu-west-1-123456789012"
TABLE = {
    "TableName": "leaderd",
    "KeySchema": [{"AttributeName": "job", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "job", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
"""As docs/claims.md has it."""
MOTO = """
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
"""
"""What moto_server runs, but in one thread: moto looks at a condition and writes in two steps, and of two threads that
come between both would win."""


def s3_store():
    return S3Store(BUCKET, "leaderd/claims/shop-prod", "eu-west-1", timeout=5, environ={})


def dynamo_store():
    return DynamoStore("leaderd", "shop-prod", "eu-west-1", timeout=5, environ={})


@pytest.mark.timeout(240)
class TestPretendS3(StoreContract):
    """The S3 of the pretend AWS."""

    @pytest.fixture
    def address(self, aws, sdk, monkeypatch):
        """Where it listens."""
        # Twenty clients in one process fetch their keys at once: longer than the second that the SDK gives one.
        monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "20")
        return "127.0.0.1", aws.s3_listener.port

    @pytest.fixture
    def through(self, monkeypatch):
        return lambda port: monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{port}")

    @pytest.fixture
    async def make_store(self, address):
        async with Stores(s3_store) as stores:
            yield stores


@pytest.mark.timeout(240)
class Moto(StoreContract):
    """moto's server, which others wrote. A subclass says how to lead there, what to make, and what that needs."""

    @pytest.fixture
    async def address(self, monkeypatch):
        """A server of its own, for as long as a test."""
        for name, value in ENVIRON.items():
            monkeypatch.setenv(name, value)
        async with server(sys.executable, "-W", "ignore", "-c", MOTO) as address:
            yield address

    @pytest.fixture
    def through(self, monkeypatch):
        return lambda port: monkeypatch.setenv(self.variable, f"http://127.0.0.1:{port}")

    @pytest.fixture
    async def make_store(self, address, through):
        through(address[1])
        async with Stores(self.make) as stores:
            async with (await stores())._connection.asking() as client:
                await self.prepare(client)
            yield stores


class TestMotoS3(Moto):
    """Its S3."""

    variable = "AWS_ENDPOINT_URL_S3"
    make = staticmethod(s3_store)

    async def prepare(self, client):
        await client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})


class MotoDynamoDb(Moto):
    """Its DynamoDB: tests/aws looks at it, without what takes long; tests/e2e has Amazon's own."""

    variable = "AWS_ENDPOINT_URL_DYNAMODB"
    make = staticmethod(dynamo_store)

    async def prepare(self, client):
        await client.create_table(**TABLE)
