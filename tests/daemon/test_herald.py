import asyncio
from contextlib import suppress

import pytest

from leaderd.daemon.herald import Herald
from leaderd.daemon.metrics import Metrics
from tests.fakes import IDENTITY, ME, OTHER, TIMING, LoopClock, make_view, make_watcher

pytestmark = pytest.mark.looptime


class Listener:
    def __init__(self):
        self.heard = []

    def status(self, text):
        self.heard.append(text)


@pytest.fixture
async def watcher():
    watcher = make_watcher(LoopClock())
    watcher.identity = IDENTITY
    return watcher


@pytest.fixture
async def herald(watcher, logged):
    """A herald at work, with what it tells systemd and the metrics."""
    herald = Herald(watcher, LoopClock(), Metrics(), Listener())
    task = asyncio.create_task(herald.run(), name="herald")
    yield herald
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def see(watcher, view):
    watcher.view = view
    watcher.news.set()


def changes(logged):
    return [(entry["old"], entry["new"]) for entry in logged if entry["event"] == "role.changed"]


async def test_roles_by_time_alone(watcher, herald, logged):
    """A candidate becomes leader, and a leader that hears nothing becomes unknown, without any news."""
    await asyncio.sleep(1_000)
    assert changes(logged) == []
    started = 1_000.0
    see(watcher, make_view([ME], sent=started, first_since=started - TIMING.hold_down + 5, listed_since=0.0))
    await asyncio.sleep(4.5)
    assert changes(logged) == [("unknown", "candidate")]
    await asyncio.sleep(1)
    assert changes(logged)[1:] == [("candidate", "leader")]
    await asyncio.sleep(TIMING.max_staleness - 6)
    assert len(changes(logged)) == 2
    await asyncio.sleep(1)
    assert changes(logged)[2:] == [("leader", "unknown")]
    assert herald._metrics.transitions._value.get() == 3


async def test_roles_by_news(watcher, herald, logged):
    """News are told at once, with their reason."""
    now = asyncio.get_running_loop().time()
    see(watcher, make_view([OTHER, ME], sent=now, listed_since=now))
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    (entry,) = logged
    assert (entry["old"], entry["new"]) == ("unknown", "follower")
    assert entry["reason"] == "place 2 of 2, where i-0b is first"


async def test_nothing_new(watcher, herald, logged):
    """A poll that changes nothing is not logged, but systemd hears how it stands."""
    for _ in range(5):
        now = asyncio.get_running_loop().time()
        see(watcher, make_view([OTHER, ME], sent=now, listed_since=0.0))
        await asyncio.sleep(10)
    assert len(logged) == 1
    assert herald._notifier.heard[-1] == "follower: place 2 of 2, where i-0b is first"
    assert len(herald._notifier.heard) == 6


async def test_idle_when_there_is_nothing_to_wait_for(watcher, herald):
    """While nothing can change by time alone, it sleeps until there are news."""
    await asyncio.sleep(100_000)
    assert len(herald._notifier.heard) == 1
    assert watcher.view is None
