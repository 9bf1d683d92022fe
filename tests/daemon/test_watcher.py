"""leaderd.daemon.watcher, in virtual time."""

import asyncio
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest

from leaderd.core.cadence import Cadence
from leaderd.core.election import Role
from leaderd.daemon.watcher import Watcher
from leaderd.errors import SourceError
from tests.fakes import IDENTITY, ME, OTHER, TIMING, LoopClock, SilentJournal, Source, make_view

pytestmark = pytest.mark.looptime

BROKEN = SourceError("broken", "no luck", hint="try again")
THROTTLED = SourceError("throttled", "Rate exceeded")


class Diary(SilentJournal):
    """A journal that keeps what it is told."""

    def __init__(self):
        self.introductions, self.polls, self.failures = [], [], []

    def introduced(self, identity):
        self.introductions.append(identity)

    def polled(self, before, view, seconds):
        self.polls.append(asyncio.get_running_loop().time())

    def failed(self, error, seconds):
        self.failures.append((asyncio.get_running_loop().time(), error.kind, seconds))


class Scripted(Source):
    """Answers each poll as its script says: a roster, an error, or a number of seconds to wait before the roster."""

    def __init__(self, *script, roster=(ME, OTHER)):
        super().__init__(roster)
        self.script = list(script)
        self.introduction = []
        self.leavings = []

    async def introduce(self):
        if self.introduction and isinstance(failure := self.introduction.pop(0), Exception):
            raise failure
        return IDENTITY

    async def leaving(self):
        step = self.leavings.pop(0) if self.leavings else self.terminating
        if isinstance(step, Exception):
            raise step
        return step

    async def roster(self):
        step = self.script.pop(0) if self.script else self.answer
        if isinstance(step, (int, float)):
            await asyncio.sleep(step)
            step = self.answer
        self.answer, usual = step, self.answer
        try:
            return await super().roster()
        finally:
            self.answer = usual


class Drawer:
    def __init__(self, view=None):
        self.view, self.kept = view, []

    def recall(self, identity, now):
        return self.view

    def keep(self, identity, view):
        self.kept.append(view)


@asynccontextmanager
async def watching(source, memory=None, chance=0.5):
    diary = Diary()
    memory = memory or Drawer()
    watcher = Watcher(source, TIMING, clock=LoopClock(), chance=lambda: chance, journal=diary, memory=memory)
    task = asyncio.create_task(watcher.run(), name="watcher")
    try:
        yield watcher, diary
        assert not task.done(), "the watcher ended by itself"
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(moment):
    """Wait for a moment of virtual time, and a little more, so that what is due at it has happened."""
    await asyncio.sleep(moment + 0.001 - asyncio.get_running_loop().time())


async def test_polls_come_at_the_poll_interval_from_start_to_start():
    """However long a poll takes, the next one starts one interval after it started."""
    async with watching(Scripted(0, 3, 4.5, 0)) as (_, diary):
        await until(35)
        assert diary.polls == [0, 13, 24.5, 30]


async def test_a_first_member_leads_after_its_probation_and_not_before():
    """From the first answer on, as long as every answer says the same."""
    async with watching(Scripted()) as (watcher, _):
        assert watcher.verdict().role is Role.UNKNOWN
        await until(0)
        assert watcher.verdict().role is Role.CANDIDATE
        await until(76.4)
        assert watcher.verdict().role is Role.CANDIDATE
        await until(76.5)
        assert watcher.verdict().role is Role.LEADER


async def test_one_lost_poll_costs_nothing():
    """T has room for it."""
    async with watching(Scripted(*[0] * 10, BROKEN, 0)) as (watcher, diary):
        for moment in range(77, 125):
            await until(moment)
            assert watcher.verdict().role is Role.LEADER
        assert [kind for _, kind, _ in diary.failures] == ["broken"]


@pytest.mark.parametrize("failure", [BROKEN, 60, ValueError("a bug"), SourceError("unusable", "empty")])
async def test_a_lasting_failure_lets_the_yes_run_out_and_never_ends_the_watcher(failure):
    """Whatever goes wrong: T after the last good poll was sent the answer is unknown, and says why."""
    async with watching(Scripted(*[0] * 10, *[failure] * 20)) as (watcher, _):
        await until(90 + 29.9)
        assert watcher.verdict().role is Role.LEADER
        await until(90 + 30)
        verdict = watcher.verdict()
        assert verdict.role is Role.UNKNOWN
        assert str(watcher.trouble) in verdict.reason


async def test_after_an_outage_the_hold_down_is_waited_out_again():
    """Another may have led in between: the streak begins anew, the tenure does not."""
    async with watching(Scripted(*[0] * 10, *[BROKEN] * 10)) as (watcher, _):
        await until(200)
        assert watcher.verdict().role is Role.CANDIDATE
        assert watcher.verdict().leads_at == 200 + TIMING.hold_down
        await until(200 + TIMING.hold_down)
        assert watcher.verdict().role is Role.LEADER
        assert watcher.trouble is None


async def test_a_poll_that_hangs_is_cut_at_the_request_timeout():
    """It is a failure of kind timeout, which took R, and the next poll comes on time."""
    async with watching(Scripted(1000, 0)) as (_, diary):
        await until(10)
        assert diary.failures == [(5, "timeout", 5)]
        assert diary.polls == [10]


async def test_a_defect_in_the_source_is_a_failure_like_any_other():
    """It is named as what it is, and asks to be reported."""
    async with watching(Scripted(KeyError("oops"), 0)) as (watcher, diary):
        await until(0)
        assert watcher.trouble.kind == "defect"
        assert "report" in watcher.trouble.hint
        await until(10)
        assert diary.polls == [10]


async def test_throttling_slows_down_but_tries_once_before_the_view_expires():
    """20 s later would be its turn, but the view of second 0 runs out at 30: so the last try is made at 25."""
    async with watching(Scripted(0, THROTTLED, THROTTLED, THROTTLED, 0)) as (_, diary):
        await until(200)
        assert [at for at, _, _ in diary.failures] == [10, 25, 55]
        assert diary.polls[:3] == [0, 85, 95]


async def test_throttling_is_forgotten_after_another_failure_or_a_success():
    """Only throttled answers in a row slow down."""
    async with watching(Scripted(0, THROTTLED, BROKEN, THROTTLED, 0)) as (_, diary):
        await until(75)
        assert [at for at, _, _ in diary.failures] == [10, 25, 35]
        assert diary.polls == [0, 55, 65, 75]


async def test_an_instance_that_is_being_terminated_is_a_follower_at_once():
    """Its metadata say so at the next poll, whatever Elastic Beanstalk still says."""
    source = Scripted()
    async with watching(source) as (watcher, _):
        await until(100)
        assert watcher.verdict().role is Role.LEADER
        source.terminating = True
        await until(110)
        verdict = watcher.verdict()
        assert (verdict.role, verdict.reason) == (Role.FOLLOWER, "this instance is being terminated")


async def test_metadata_that_do_not_answer_leave_what_was_known():
    """An outage of IMDS neither costs the leader its role nor gives one back to who is being terminated."""
    source = Scripted()
    source.leavings = [False, False, True, BROKEN, TimeoutError(), False]
    async with watching(source) as (watcher, _):
        for moment, leaving in ((0, False), (10, True), (20, True), (30, True), (40, False)):
            await until(moment)
            assert watcher.leaving is leaving


async def test_an_instance_that_cannot_tell_who_it_is_asks_again_every_second():
    """IMDS may come up after the daemon; until then the reason is in every answer."""
    source = Scripted()
    source.introduction = [BROKEN] * 60
    async with watching(source) as (watcher, diary):
        await until(59)
        verdict = watcher.verdict()
        assert verdict.role is Role.UNKNOWN
        assert "no luck" in verdict.reason
        assert diary.introductions == []
        await until(60)
        assert diary.introductions == [IDENTITY]
        assert [seconds for _, _, seconds in diary.failures] == [None] * 60
        assert watcher.verdict().role is Role.CANDIDATE


async def test_a_recalled_view_leads_before_the_first_poll():
    """A leader that is restarted leads at once if its streak is unbroken."""
    async with watching(Scripted(4), Drawer(make_view([ME], sent=-1, first_since=-99, listed_since=-99))) as (
        watcher,
        _,
    ):
        await until(0)
        assert watcher.verdict().role is Role.LEADER


async def test_a_recalled_view_does_not_lead_when_the_instance_is_being_terminated():
    """That is asked before the view is recalled."""
    source = Scripted(4)
    source.terminating = True
    memory = Drawer(make_view([ME], sent=-1, first_since=-99, listed_since=-99))
    async with watching(source, memory) as (watcher, _):
        await until(0)
        assert watcher.verdict().role is Role.FOLLOWER


async def test_every_view_is_kept():
    """What was seen is written down before anybody is told of it."""
    memory = Drawer()
    async with watching(Scripted(), memory) as (watcher, _):
        await until(20)
        assert [view.newest.sent for view in memory.kept] == [0, 10, 20]
        assert memory.kept[-1] is watcher.view


async def test_an_answer_that_came_too_late_is_a_timeout_and_changes_nothing():
    """A process that was frozen finds an answer after more than R, if the timer did not cut it first."""

    class Frozen(LoopClock):
        def timeout(self, seconds):
            return asyncio.timeout(None)

    diary = Diary()
    watcher = Watcher(Scripted(0, 6, 0), TIMING, clock=Frozen(), chance=lambda: 0.5, journal=diary, memory=Drawer())
    task = asyncio.create_task(watcher.run(), name="watcher")
    await until(17)
    assert watcher.view.newest.sent == 0
    assert diary.failures == [(16, "timeout", 6)]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_stopping_daemon_answers_for_nothing():
    """From the signal on, nobody gets a yes."""
    async with watching(Scripted()) as (watcher, _):
        await until(100)
        watcher.stopping = True
        verdict = watcher.verdict()
        assert (verdict.role, verdict.reason) == (Role.UNKNOWN, "leaderd is shutting down")


async def test_the_watcher_is_alive_while_its_steps_are_in_time():
    """Also while polls hang and fail; but not when the process has stood still for long."""
    async with watching(Scripted(*[60] * 5)) as (watcher, _):
        for moment in range(0, 60, 7):
            await until(moment)
            assert watcher.alive
        watcher._clock.now = lambda: 1000.0
        assert not watcher.alive
        del watcher._clock.now


async def test_it_says_when_the_next_poll_comes():
    """An unknown instance's Retry-After is made of it."""
    async with watching(Scripted()) as (watcher, _):
        await until(12)
        assert watcher.next_poll == 20


def crowd(place, size):
    """A roster in which this instance has that place, 0 first."""
    others = [f"i-{number:04x}" for number in range(size - 1)]
    return (*others[:place], ME, *others[place:])


PACE = Cadence(TIMING)
LAST_OF_50 = PACE.interval(49, 50)
"""Nearly five minutes."""


async def test_the_first_poll_is_made_at_once_and_the_second_at_any_moment_of_the_interval():
    """A fleet that starts at once polls together once, as it cannot know its size, and then never again."""
    for chance, second in ((0.0, 9), (0.5, 10 + (LAST_OF_50 - 10) / 2), (0.999, 11 + (LAST_OF_50 - 10))):
        begins = asyncio.get_running_loop().time()
        async with watching(Scripted(roster=crowd(49, 50)), chance=chance) as (_, diary):
            await asyncio.sleep(second + 1)
            assert [at - begins for at in diary.polls] == [0, pytest.approx(second, abs=1)]


async def test_who_is_far_behind_polls_seldom_and_says_no_all_the_time():
    """By its own pace; and it is ready all along."""
    async with watching(Scripted(roster=crowd(49, 50))) as (watcher, diary):
        for moment in range(0, 3000, 50):
            await until(moment)
            assert watcher.verdict().role is Role.FOLLOWER
        between = [after - before for before, after in pairwise(diary.polls)]
        assert between[1:] == [pytest.approx(LAST_OF_50)] * (len(between) - 1)
        assert watcher.next_poll == pytest.approx(diary.polls[-1] + LAST_OF_50)


async def test_one_lost_poll_costs_a_seldom_follower_nothing_and_two_make_it_unknown():
    """As with the front, at its own pace: 2.2 pauses and R after the newest answer was asked for."""
    source = Scripted(roster=crowd(49, 50))
    async with watching(source) as (watcher, diary):
        await until(1000)
        newest = diary.polls[-1]
        source.answer = BROKEN
        believed = 2.2 * LAST_OF_50 + TIMING.request_timeout
        await until(newest + believed - 0.1)
        assert len(diary.failures) == 2
        assert watcher.verdict().role is Role.FOLLOWER
        assert watcher.verdict().until == pytest.approx(newest + believed)
        await until(newest + believed)
        assert watcher.verdict().role is Role.UNKNOWN


async def test_who_comes_to_the_front_hurries_from_then_on():
    """It sees that at its own next poll, and polls every P from that one on."""
    source = Scripted(roster=crowd(49, 50))
    async with watching(source) as (_, diary):
        await until(1)
        source.answer = crowd(2, 3)
        await until(LAST_OF_50)
        second = diary.polls[1]
        await until(second + 35)
        assert diary.polls[1:5] == [second, second + 10, second + 20, second + 30]


async def test_who_comes_to_be_the_first_from_far_behind_leads_within_the_bound():
    """All before it go at once: it finds that out at its own pace, is held down at the pace of the front, and leads."""
    source = Scripted(roster=crowd(49, 50))
    async with watching(source) as (watcher, diary):
        await until(1000)
        source.answer = (ME,)
        dropped = diary.polls[-1]
        await until(dropped + PACE.failover_bound(49, 50))
        assert watcher.verdict().role is Role.LEADER
        assert watcher.view.first_since == pytest.approx(dropped + LAST_OF_50)


async def test_who_polls_seldom_keeps_its_turn_over_a_restart():
    """It says no at once, and polls when it would have: all may have been restarted at once."""
    view = make_view(crowd(49, 50), sent=-100, listed_since=-1000)
    async with watching(Scripted(roster=crowd(49, 50)), Drawer(view)) as (watcher, diary):
        await until(0)
        assert watcher.verdict().role is Role.FOLLOWER
        assert watcher.next_poll == pytest.approx(LAST_OF_50 - 100)
        await until(2 * LAST_OF_50)
        assert diary.polls == [pytest.approx(LAST_OF_50 - 100), pytest.approx(2 * LAST_OF_50 - 100)]


async def test_who_missed_its_turn_polls_at_once_after_a_restart():
    """What it says until then is what the front would: an old no is not believed anew."""
    view = make_view(crowd(49, 50), sent=-300, listed_since=-1000)
    async with watching(Scripted(3, roster=crowd(49, 50)), Drawer(view)) as (watcher, diary):
        await until(1)
        assert watcher.verdict().role is Role.UNKNOWN
        await until(3)
        assert diary.polls == [3]
        assert watcher.verdict().role is Role.FOLLOWER


@pytest.mark.parametrize("ids", [(ME, OTHER), (OTHER,)])
async def test_who_polls_often_polls_at_once_after_a_restart(ids):
    """The front does, and who was not listed."""
    view = make_view(ids, sent=-1, first_since=-99 if ids[0] == ME else None, listed_since=-99 if ME in ids else None)
    async with watching(Scripted(), Drawer(view)) as (_, diary):
        await until(0)
        assert diary.polls == [0]


async def test_the_end_is_looked_for_at_the_usual_pace_however_seldom_it_polls():
    """Metadata cost no call, and others ask whether this instance is on its way out."""
    source = Scripted(roster=crowd(49, 50))
    async with watching(source) as (watcher, diary):
        await until(1)
        source.terminating = True
        await until(10)
        assert watcher.leaving
        assert watcher.verdict().reason == "this instance is being terminated"
        assert len(diary.polls) == 1


async def test_a_watcher_that_waits_for_long_is_alive_only_while_it_wakes_in_between():
    """A process that stands still is noticed as soon as with the front."""
    async with watching(Scripted(roster=crowd(49, 50))) as (watcher, _):
        for moment in range(0, 250, 7):
            await until(moment)
            assert watcher.alive
        watcher._clock.now = lambda: asyncio.get_running_loop().time() + 25
        assert not watcher.alive
        del watcher._clock.now
