"""The watcher: polls for as long as the daemon lives, and keeps the view. It never ends because AWS misbehaves."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Protocol, TypeVar

from leaderd.core import election
from leaderd.core.cadence import DEFAULT_BUDGET, Cadence
from leaderd.core.election import Observation, Role, Verdict, View
from leaderd.core.identity import Identity
from leaderd.core.roster import Roster
from leaderd.core.timing import Timing
from leaderd.daemon.clock import Clock
from leaderd.daemon.limit import limited
from leaderd.errors import SourceError

T = TypeVar("T")

INTRODUCTION_PAUSE = 1.0
"""Seconds between two attempts to find out who and where this instance is. Only local sources are asked."""
INTRODUCTION_TIMEOUT = 15.0
"""Seconds that one such attempt may take."""
LEAVING_TIMEOUT = 2.0
"""Seconds that may be spent to learn whether this instance is being terminated."""
GRACE = 10.0
"""Seconds that a step of the watcher may be late before the daemon calls itself stuck."""


class Source(Protocol):
    """What the watcher asks. Every failure is a SourceError."""

    async def introduce(self) -> Identity:
        """Find out who and where this instance is."""
        ...

    async def leaving(self) -> bool:
        """Whether this instance is being terminated."""
        ...

    async def roster(self) -> Roster:
        """Ask once for the roster."""
        ...


class Journal(Protocol):
    """What the watcher tells of its work."""

    def introduced(self, identity: Identity) -> None:
        """This instance knows who and where it is."""

    def polled(self, before: View | None, view: View, seconds: float) -> None:
        """A poll came back with a roster."""

    def failed(self, error: SourceError, seconds: float | None) -> None:
        """A poll failed after some seconds; None when it was no poll but an attempt to get ready for one."""


class Memory(Protocol):
    """Keeps the view over a restart of the daemon."""

    def recall(self, identity: Identity, now: float) -> View | None:
        """The view that this instance had before, if it may be trusted."""
        ...

    def keep(self, identity: Identity, view: View) -> None:
        """Write the view down. Never raises: without it a restart only takes longer."""
        ...


class Watcher:
    """Polls, and knows what to answer at any moment. The view is kept, the verdict is made anew for each question.

    Attributes:
        timing: the settings.
        cadence: how often to poll.
        identity: who and where this instance is; None until that is found out.
        introduced: set from then on.
        view: what was seen last.
        leaving: this instance is being terminated.
        stopping: the daemon is shutting down, and answers for nothing any more.
        trouble: why the last attempt failed; None when it did not.
        next_poll: when the next poll starts, by the clock.
        news: set whenever something came in that may change the verdict.
    """

    def __init__(
        self,
        source: Source,
        timing: Timing,
        *,
        clock: Clock,
        chance: Callable[[], float],
        journal: Journal,
        memory: Memory,
        api_budget: float = DEFAULT_BUDGET,
    ) -> None:
        self.timing = timing
        self.cadence = Cadence(timing, api_budget)
        self.identity: Identity | None = None
        self.introduced = asyncio.Event()
        self.view: View | None = None
        self.leaving = False
        self.stopping = False
        self.trouble: SourceError | None = None
        self.next_poll = clock.now()
        self.news = asyncio.Event()
        self._source = source
        self._clock = clock
        self._chance = chance
        self._journal = journal
        self._memory = memory
        self._pace = self.cadence.start()
        self._due = clock.now() + GRACE

    def verdict(self) -> Verdict:
        """What this instance is, now."""
        return self._judge(leaving=self.leaving)

    def outlook(self) -> Verdict:
        """What this instance would be if it were not being terminated: unknown where its view is too old."""
        return self._judge(leaving=False)

    def _judge(self, *, leaving: bool) -> Verdict:
        if self.stopping:
            return Verdict(Role.UNKNOWN, "leaderd is shutting down", inf)
        me = self.identity.instance_id if self.identity else ""
        no_for = self.cadence.follower_for(self._pace)
        verdict = election.judge(self.view, me, self.timing, self._clock.now(), leaving=leaving, follower_for=no_for)
        if verdict.role is Role.UNKNOWN and self.trouble is not None:
            return replace(verdict, reason=f"{verdict.reason}; {self.trouble}")
        return verdict

    @property
    def interval(self) -> float:
        """Seconds from one poll to the next, give or take the jitter, as things are."""
        return self._pace.interval

    @property
    def alive(self) -> bool:
        """Whether the watcher took its last step when it said it would."""
        return self._clock.now() <= self._due

    async def run(self) -> None:
        """Watch until cancelled."""
        me = await self._introduce()
        await self._look_for_the_end()
        self._recall(me)
        self.news.set()
        while True:
            await self._wait_for_the_next_poll()
            started = self._clock.now()
            await self._look_for_the_end()
            throttled = await self._poll(me)
            newest = self.view.newest.roster if self.view else None
            self._pace = self.cadence.after_poll(self._pace, newest, me.instance_id, throttled=throttled)
            self.news.set()
            self.next_poll = started + self._pause(started)

    async def _introduce(self) -> Identity:
        while self.identity is None:
            try:
                self.identity = await self._ask(self._source.introduce, INTRODUCTION_TIMEOUT)
            except SourceError as error:
                self._fail(error, None)
                await self._sleep(INTRODUCTION_PAUSE)
        self.trouble = None
        self.introduced.set()
        self._journal.introduced(self.identity)
        return self.identity

    async def _look_for_the_end(self) -> None:
        """Learn whether this instance is being terminated. Where that cannot be told, what was known stays."""
        with suppress(SourceError):
            self.leaving = await self._ask(self._source.leaving, LEAVING_TIMEOUT)

    def _recall(self, me: Identity) -> None:
        """Go on where the last daemon ended. One that polls seldom keeps its turn: all may be restarted at once."""
        now = self._clock.now()
        self.view = self._memory.recall(me, now)
        if self.view is None:
            return
        pace = self.cadence.after_restart(self.view.newest.roster, me.instance_id)
        turn = self.view.newest.sent + self.cadence.pause(pace, believed_for=0.0, chance=self._chance())
        seldom = pace.interval > self.timing.poll_interval
        if seldom and turn > now:
            self.next_poll = turn
        if turn > now or not seldom:
            self._pace = pace

    async def _wait_for_the_next_poll(self) -> None:
        """Wait, and meanwhile keep looking for the end as often as the front does: it costs no call."""
        while (left := self.next_poll - self._clock.now()) > self.timing.longest_pause:
            await self._sleep(self.timing.poll_interval)
            await self._look_for_the_end()
            self.news.set()
        await self._sleep(left)

    async def _poll(self, me: Identity) -> bool:
        """Ask once. Returns whether that was throttled."""
        sent = self._clock.now()
        try:
            roster = await self._ask(self._source.roster, self.timing.request_timeout)
            self._see(me, Observation(roster, sent, self._clock.now()))
        except SourceError as error:
            self._fail(error, self._clock.now() - sent)
            return error.kind == "throttled"
        return False

    def _see(self, me: Identity, seen: Observation) -> None:
        before = self.view
        view = election.observe(before, seen, me.instance_id, self.timing)
        if view is None or view is before:
            raise SourceError("timeout", f"the answer took {seen.received - seen.sent:.1f} s, too long to be of use")
        self.view, self.trouble = view, None
        self._memory.keep(me, view)
        self._journal.polled(before, view, seen.received - seen.sent)

    def _fail(self, error: SourceError, seconds: float | None) -> None:
        self.trouble = error
        self._journal.failed(error, seconds)
        self.news.set()

    def _pause(self, started: float) -> float:
        expires = 0.0 if self.view is None else self.view.newest.sent + self.cadence.follower_for(self._pace)
        return self.cadence.pause(self._pace, believed_for=max(0.0, expires - started), chance=self._chance())

    async def _sleep(self, seconds: float) -> None:
        self._due = self._clock.now() + max(0.0, seconds) + GRACE
        await self._clock.sleep(max(0.0, seconds))

    async def _ask(self, call: Callable[[], Awaitable[T]], limit: float) -> T:
        """Await a call of the source, for at most `limit` seconds. Whatever goes wrong in it is a SourceError."""
        self._due = self._clock.now() + limit + GRACE
        return await limited(self._clock, limit, call, f"no answer within {limit:g} s")
