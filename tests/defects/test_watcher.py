"""What the watcher owes the rules, and no other test would miss."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from leaderd.core.election import Role
from leaderd.daemon.clock import BootClock
from leaderd.errors import SourceError
from tests.fakes import ME, OTHER, TIMING, LoopClock, Source, make_view, make_watcher

LOST = SourceError("broken", "lost")
THROTTLED = SourceError("throttled", "Rate exceeded")


@asynccontextmanager
async def watching(source, view=None):
    """A watcher at work, in the time of the loop."""
    watcher = make_watcher(LoopClock(), source)
    watcher._memory = Drawer(view)
    task = asyncio.create_task(watcher.run())
    yield watcher
    task.cancel()


class CountingSource(Source):
    polls = 0

    async def roster(self):
        self.polls += 1
        return await super().roster()


class Drawer:
    """Remembers what it is given."""

    def __init__(self, view):
        self.view = view

    def recall(self, identity, now):
        return self.view

    def keep(self, identity, view):
        self.view = view


@pytest.mark.looptime
async def test_an_instance_that_is_terminated_says_no():
    """What the source says of the end reaches the verdict with the next poll, though the instance is still first."""
    source = Source([ME, OTHER])
    async with watching(source) as watcher:
        await asyncio.sleep(100)
        assert watcher.verdict().role is Role.LEADER
        source.terminating = True
        await asyncio.sleep(TIMING.longest_pause)
        assert watcher.verdict().role is Role.FOLLOWER


@pytest.mark.looptime
@pytest.mark.parametrize("error", [LOST, THROTTLED])
async def test_errors_change_nothing_until_the_answer_is_too_old(error):
    """A leader whose polls fail leads on for T from its last good poll, and not longer."""
    source = Source([ME, OTHER])
    async with watching(source) as watcher:
        await asyncio.sleep(100.5)
        source.answer = error
        await asyncio.sleep(TIMING.max_staleness - 1)
        assert watcher.verdict().role is Role.LEADER
        await asyncio.sleep(2)
        assert watcher.verdict().role is Role.UNKNOWN


@pytest.mark.looptime
async def test_a_view_that_is_remembered_counts():
    """A restarted daemon goes on where it was: it leads before its first answer, and after it."""
    source = Source(LOST)
    async with watching(source, make_view([ME, OTHER], sent=-5, first_since=-200, listed_since=-200)) as watcher:
        await asyncio.sleep(1)
        assert watcher.verdict().role is Role.LEADER
        source.answer = [ME, OTHER]
        await asyncio.sleep(60)
        assert watcher.verdict().role is Role.LEADER


@pytest.mark.looptime
@pytest.mark.parametrize(("error", "least", "most"), [(LOST, 30, 31), (THROTTLED, 10, 13)])
async def test_only_throttled_polls_are_repeated_more_slowly(error, least, most):
    """In five minutes: at the usual pace after any other error, and with pauses up to T after throttling."""
    source = CountingSource([ME])
    async with watching(source):
        await asyncio.sleep(5)
        source.answer, source.polls = error, 0
        await asyncio.sleep(300)
        assert least <= source.polls <= most


@pytest.mark.looptime
@pytest.mark.parametrize("answer", [LOST, THROTTLED, [OTHER]])
async def test_who_has_no_place_slows_down(answer):
    """In an hour: at first at the usual pace, in the end at that of fifty that keep the budget together."""
    source = CountingSource(answer)
    async with watching(source):
        await asyncio.sleep(600)
        source.polls = 0
        await asyncio.sleep(3000)
        assert source.polls <= 60


@pytest.mark.looptime
async def test_an_answer_after_throttling_ends_the_slow_pace():
    """One good answer, and the pace is the usual one."""
    source = CountingSource([ME])
    async with watching(source):
        await asyncio.sleep(5)
        source.answer = THROTTLED
        await asyncio.sleep(300)
        source.answer = [ME]
        await asyncio.sleep(TIMING.max_staleness)
        polls = source.polls
        await asyncio.sleep(100)
        assert source.polls - polls == 10


def test_the_clock_runs_on_through_suspend(monkeypatch):
    """CLOCK_BOOTTIME, where there is one; CLOCK_MONOTONIC stands still while the machine is suspended."""
    read = []
    monkeypatch.setattr(time, "clock_gettime", lambda clock: read.append(clock) or 1.0)
    BootClock.now()
    assert read == [getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)]
