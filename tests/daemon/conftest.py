"""The HTTP answers of one watcher, on a real socket, and requests as bytes."""

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer

from leaderd.config import load
from leaderd.daemon.api import Api
from leaderd.daemon.claims_api import ClaimsApi
from leaderd.daemon.metrics import Metrics, WatcherCollector
from leaderd.daemon.report import Reporter
from tests.fakes import SettableClock, make_watcher


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def watcher(clock):
    return make_watcher(clock)


@pytest.fixture
def application(watcher, clock):
    """Makes the application."""

    def make(*, any_host=False, claimer=None):
        metrics = Metrics()
        metrics.registry.register(WatcherCollector(watcher, clock))
        reporter = Reporter(watcher, load({}, {}), clock, metrics)
        claims = claimer and ClaimsApi(claimer)
        return Api(reporter, metrics.registry, claims, any_host=any_host).application()

    return make


@pytest.fixture
async def client(application):
    async with TestClient(TestServer(application())) as client:
        yield client


@pytest.fixture
def raw(client):
    """Send bytes, and read until the other side closes; status and whole answer."""

    async def raw(data, port=None):
        reader, writer = await asyncio.open_connection("127.0.0.1", port or client.port)
        try:
            writer.write(data)
            await writer.drain()
            answer = (await reader.read()).decode()
        finally:
            writer.close()
        return int(answer.split()[1]), answer

    return raw
