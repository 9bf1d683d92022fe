"""Runs a world: each instance has the real watcher, with a clock, a source and a memory of the world's making."""

import asyncio
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any

from leaderd.core.election import Role, View
from leaderd.core.identity import Identity
from leaderd.core.roster import Order, Roster, arrange
from leaderd.core.timing import Timing
from leaderd.daemon.watcher import Watcher
from leaderd.errors import SourceError
from tests.simulation.loop import run as run_loop
from tests.simulation.world import Life, Span, Teller, World


@dataclass(frozen=True, slots=True)
class Yes:
    """An instance says yes from one true time until another, that one not included."""

    id: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth a line of the timeline."""

    at: float
    id: str
    what: str


@dataclass
class Record:
    """All that was seen in a run."""

    world: World
    yeses: list[Yes] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    polls: int = 0


class Truth:
    """Who is a member when, and what is told of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        lives = world.lives
        self._moments = sorted({0.0, *(at for life in lives for at in life.turns() if 0 < at < inf)})
        self._members = [
            tuple(sorted((life for life in lives if life.is_member(at)), key=lambda life: life.place))
            for at in self._moments
        ]
        self._orders = dict(world.orders_of)
        self._flattered: dict[str, float] = {}
        self.quiet_at = world.quiet_at

    def at(self, moment: float, asker: str) -> tuple[str, ...]:
        """The members at a moment, as `asker` orders them."""
        ids = tuple(life.id for life in self._members[max(0, bisect_right(self._moments, moment) - 1)])
        if asker in self._orders:
            return tuple(Random(f"{self._orders[asker]}").sample(ids, len(ids)))
        return ids

    def tell(self, asker: str, sent: float, received: float, random: Random) -> tuple[str, ...] | None:
        """What the answer to a poll shows; None for a poll that is lost."""
        earliest = sent - self._world.lag
        match self._world.teller:
            case Teller.FRESH:
                return self.at(received, asker)
            case Teller.STALE:
                return self.at(earliest, asker)
            case Teller.FLATTERER:
                return self._flatter(asker, sent, earliest, received)
            case Teller.RANDOM:
                return self.at(random.uniform(earliest, received), asker)

    def _flatter(self, asker: str, sent: float, earliest: float, received: float) -> tuple[str, ...] | None:
        """Tell the asker that it is first, if any moment allows it, and nothing while it believes that."""
        changes = [moment for moment in self._moments if earliest < moment <= received]
        told = [self.at(moment, asker) for moment in (earliest, *changes)]
        first = next((ids for ids in told if ids[:1] == (asker,)), None)
        if first is not None:
            self._flattered[asker] = sent
            return first
        timing = dict(self._world.settings_of).get(asker, self._world.timing)
        believes = sent - self._flattered.get(asker, -inf) <= timing.max_staleness * 1.02
        return None if believes else max(told, key=lambda ids: asker in ids)


class WorldClock:
    """One instance's clock, and the waiting of its process, which stands still while the process does."""

    def __init__(self, life: Life, random: Random) -> None:
        self._life = life
        self._random = random
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        return self.local(self._loop.time())

    def local(self, true: float) -> float:
        """What this clock shows at a true time."""
        return 1000.0 + true * self._life.rate

    def true(self, local: float) -> float:
        """The true time at which this clock shows a time."""
        return (local - 1000.0) / self._life.rate

    def awake(self, true: float) -> float:
        """When the process can act on what happens at a true time."""
        return next((end for start, end in self._life.pauses if start <= true < end), true)

    async def settle(self) -> None:
        """Wait until the process runs."""
        now = self._loop.time()
        if (awake := self.awake(now)) > now:
            await asyncio.sleep(awake - now)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._life.rate)
        await self.settle()

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """A timer fires when the process runs again; what else came in meanwhile may be seen before it or after it."""
        due = self._loop.time() + seconds / self._life.rate
        awake = self.awake(due)
        return asyncio.timeout_at(awake + self._random.choice((0.0, 1e-6)) if awake > due else due)


class WorldSource:
    """What an instance hears of the world."""

    def __init__(
        self, world: World, truth: Truth, life: Life, clock: WorldClock, random: Random, record: Record
    ) -> None:
        self._world = world
        self._truth = truth
        self._life = life
        self._clock = clock
        self._random = random
        self._record = record
        self._loop = asyncio.get_running_loop()

    async def introduce(self) -> Identity:
        return Identity(self._life.id, "simulated", "nowhere")

    async def leaving(self) -> bool:
        return self._life.warned <= self._loop.time()

    async def roster(self) -> Roster:
        self._record.polls += 1
        sent = self._loop.time()
        latency = self._latency()
        failure = self._failure(sent)
        if failure is None:
            told = self._truth.tell(self._life.id, sent, sent + latency, self._random)
            failure = SourceError("broken", "lost") if told is None else None
        await asyncio.sleep(latency)
        await self._clock.settle()
        if failure is not None:
            raise failure
        return arrange(told, Order.LISTED, {})

    def _latency(self) -> float:
        """How long a poll takes; by the asker's own clock, as that cuts it."""
        shortest, longest = self._world.latency
        return self._random.choice((shortest, longest, self._random.uniform(shortest, longest))) / self._life.rate

    def _failure(self, now: float) -> SourceError | None:
        world = self._world
        if within(now, world.throttles):
            return SourceError("throttled", "Rate exceeded")
        if within(now, (*world.outages, *self._life.cuts)):
            return SourceError("broken", "cut off")
        if now < self._truth.quiet_at and self._random.random() < world.losses:
            return SourceError("broken", "lost")
        return None


def within(now: float, spans: tuple[Span, ...]) -> bool:
    """Whether a moment lies in one of the spans."""
    return any(start <= now < end for start, end in spans)


class Silence:
    """A journal that writes nothing."""

    def introduced(self, identity: Identity) -> None: ...

    def polled(self, before: View | None, view: View, seconds: float) -> None: ...

    def failed(self, error: SourceError, seconds: float | None) -> None: ...


class Drawer:
    """A memory that keeps the view over a restart, unless it is emptied."""

    def __init__(self) -> None:
        self.view: View | None = None

    def recall(self, _identity: Identity, _now: float) -> View | None:
        return self.view

    def keep(self, _identity: Identity, view: View) -> None:
        self.view = view


class Instance:
    """One instance through its life: its daemon, started as often as it takes, and a witness of all its yeses."""

    def __init__(self, world: World, truth: Truth, life: Life, record: Record) -> None:
        self._life = life
        self._record = record
        self._random = Random(f"{world.seed}/{life.id}")
        self._clock = WorldClock(life, self._random)
        self._source = WorldSource(world, truth, life, self._clock, self._random, record)
        self._drawer = Drawer()
        self._api_budget = world.api_budget
        self._timing: Timing = dict(world.settings_of).get(life.id, world.timing)
        self._loop = asyncio.get_running_loop()

    async def live(self) -> None:
        """Run the daemon until it is restarted, and again, until the instance dies."""
        await asyncio.sleep(self._life.starts)
        for until, keeps_state in self._stretches():
            daemon = asyncio.create_task(self._run())
            await asyncio.sleep(max(0.0, until - self._loop.time()))
            daemon.cancel()
            await asyncio.gather(daemon, return_exceptions=True)
            if not keeps_state:
                self._drawer.view = None

    def _stretches(self) -> Iterator[tuple[float, bool]]:
        for at, keeps_state in self._life.restarts:
            if self._life.starts < at < self._life.dies:
                yield at, keeps_state
        yield self._life.dies, False

    async def _run(self) -> None:
        watcher = Watcher(
            self._source,
            self._timing,
            clock=self._clock,
            chance=self._random.random,
            journal=Silence(),
            memory=self._drawer,
            api_budget=self._api_budget,
        )
        watching = asyncio.create_task(watcher.run())
        try:
            await self._witness(watcher)
        finally:
            watching.cancel()

    async def _witness(self, watcher: Watcher) -> None:
        """Write down exactly when the watcher says yes: from now until the verdict ends by itself, or by news."""
        role = Role.UNKNOWN
        while True:
            watcher.news.clear()
            start = self._loop.time()
            verdict = watcher.verdict()
            if verdict.role is not role:
                self._record.events.append(Event(start, self._life.id, f"{verdict.role}: {verdict.reason}"))
                role = verdict.role
            # A clock that is computed is off by a rounding error, for which time would otherwise stand still.
            until = max(self._clock.true(verdict.until), start + 1e-7)
            try:
                async with asyncio.timeout_at(until if until < inf else None):
                    await watcher.news.wait()
            except TimeoutError:
                pass
            finally:
                if role is Role.LEADER:
                    self._record.yeses.append(Yes(self._life.id, start, self._loop.time()))


def run(world: World) -> Record:
    """Run a world from its start to its end."""
    record = Record(world)

    async def main() -> None:
        truth = Truth(world)
        await live_together([Instance(world, truth, life, record) for life in world.lives], world.ends)

    run_loop(main())
    return record


async def live_together(instances: Sequence[Instance], ends: float) -> None:
    """Let instances live until the run ends."""
    lives = [asyncio.create_task(instance.live()) for instance in instances]
    await asyncio.sleep(ends)
    for task in lives:
        task.cancel()
    await asyncio.gather(*lives, return_exceptions=True)
