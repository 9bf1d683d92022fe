"""Runs a world in which ticks are claimed: each instance has the real watcher, ledger and claimer, and a cron."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from random import Random

from leaderd.aws.document import rfc3339
from leaderd.aws.store import Store
from leaderd.cli.run import ANSWER_TIMEOUT, RECORD_PATIENCE
from leaderd.core.claim import JobRecord, Ours, Outcome, Refused, Tick, tick_at
from leaderd.daemon.claims import Claimer
from leaderd.daemon.claims_api import RETRY_AFTER
from leaderd.daemon.ledger import AGAIN, Ledger
from leaderd.daemon.watcher import Watcher
from leaderd.errors import SourceError
from tests.simulation.claims_store import Grant, Safe, WorldStore
from tests.simulation.claims_world import LATE_CRON, ClaimingLife, ClaimsWorld
from tests.simulation.loop import run as run_loop
from tests.simulation.run import Event, Instance, Record, Truth, live_together

JOB = "invoices"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the store that came back, or was given up."""

    at: float
    id: str
    operation: str
    result: str


@dataclass(frozen=True, slots=True)
class Heard:
    """An asker was told whose a tick is: a definite answer."""

    at: float
    start: float
    id: str
    asker: str | None
    ours: bool


@dataclass
class ClaimsRecord(Record):
    """All that was seen in a run with claims.

    Attributes:
        stored: each claim as it came into the store.
        grants: each yes of a daemon, whether or not its asker lived to hear it.
        heard: each definite answer that was heard.
        requests: all requests to the store for the job.
        disowned: claims whose outcome was refused as if there was no such claim.
    """

    stored: list[Grant] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    disowned: list[Grant] = field(default_factory=list)


class Notes:
    """The journal of one ledger and claimer: it goes into the record."""

    def __init__(self, id_: str, record: ClaimsRecord) -> None:
        self._id = id_
        self._record = record
        self._loop = asyncio.get_running_loop()

    def opened(self, where: str) -> None: ...

    def failed(self, error: SourceError) -> None: ...

    def seen(self, job: str, record: JobRecord) -> None: ...

    def answered(self, job: str, result: str) -> None: ...

    def asked(self, operation: str, result: str, seconds: float) -> None:
        self._record.requests.append(Request(self._loop.time(), self._id, operation, result))
        if result != "ok":
            self._record.events.append(Event(self._loop.time(), self._id, f"store: {operation} {result}"))


class Daemon:
    """What of a daemon answers claims, from its start to its end."""

    def __init__(self, ledger: Ledger, claimer: Claimer, world: ClaimsWorld, id_: str, record: ClaimsRecord) -> None:
        self._ledger = ledger
        self._claimer = claimer
        self._world = world
        self._id = id_
        self._record = record
        self._loop = asyncio.get_running_loop()
        self._tasks = {asyncio.create_task(self._open())}

    def stop(self) -> None:
        """End everything at once, as a crash does."""
        for task in self._tasks:
            task.cancel()

    def claim(self, asker: str | None) -> asyncio.Task[tuple[Tick, Ours | Refused] | None]:
        """Answer a request. The work goes on when the asker does not wait any more, as in the real one."""
        return self._do(self._claim(asker))

    def finish(self, token: int) -> asyncio.Task[bool | None]:
        """Take an outcome."""
        return self._do(self._finish(token))

    def _do(self, work):
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _open(self) -> None:
        while True:
            with suppress(SourceError):
                await self._ledger.open()
                return
            await asyncio.sleep(AGAIN)

    async def _claim(self, asker: str | None) -> tuple[Tick, Ours | Refused] | None:
        tick = self._claimer.tick(self._world.every)
        try:
            decision = await self._claimer.claim(JOB, tick, asker)
        except SourceError:
            return None
        if isinstance(decision, Ours):
            self._record.grants.append(Grant(self._loop.time(), tick.start, self._id, asker, decision.claim.token))
        return tick, decision

    async def _finish(self, token: int) -> bool | None:
        try:
            return await self._claimer.finish(JOB, token, Outcome(0, 1.0))
        except SourceError:
            return None


class ClaimingInstance(Instance):
    """One instance through its life, with its cron and whom that starts."""

    _life: ClaimingLife
    _record: ClaimsRecord

    def __init__(self, world: ClaimsWorld, truth: Truth, life: ClaimingLife, safe: Safe, record: ClaimsRecord) -> None:
        super().__init__(world, truth, life, record)
        self._world = world
        self._safe = safe
        self._chance = Random(f"{world.seed}/{life.id}/claims")
        self._daemon: Daemon | None = None
        self._jobs: set[asyncio.Task[None]] = set()

    async def live(self) -> None:
        """Live as any instance does, and let cron run until it dies."""
        self._start(self._cron())
        try:
            await super().live()
        finally:
            for job in self._jobs:
                job.cancel()

    def wall(self) -> float:
        """This instance's wall clock."""
        return self._world.unix(self._loop.time() + self._life.wall)

    async def _witness(self, watcher: Watcher) -> None:
        """Answer claims for as long as the watcher lives, and write down its yeses."""
        serving = asyncio.create_task(self._serve(watcher))
        try:
            await super()._witness(watcher)
        finally:
            serving.cancel()
            if self._daemon is not None:
                self._daemon.stop()
                self._daemon = None

    async def _serve(self, watcher: Watcher) -> None:
        async def make_store() -> Store:
            return WorldStore(self._world, self._life, self._clock, self._safe, self._record)

        await self._clock.sleep(self._life.listens_after)
        notes = Notes(self._life.id, self._record)
        limit = self._world.longest_request
        ledger = Ledger(make_store, limit=limit, clock=self._clock, journal=notes)
        claimer = Claimer(ledger, watcher, clock=self._clock, wall=self.wall, chance=self._chance.random, journal=notes)
        self._daemon = Daemon(ledger, claimer, self._world, self._life.id, self._record)

    def _start(self, work) -> None:
        task = asyncio.create_task(work)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def _cron(self) -> None:
        """Start the job in each minute; one that was slept through is left out, as by cron."""
        await asyncio.sleep(self._life.starts)
        while True:
            due = tick_at(self.wall(), self._world.every).ends
            late = self._chance.uniform(0.01, LATE_CRON)
            await asyncio.sleep(due + late - self.wall())
            await self._clock.settle()
            if tick_at(self.wall(), self._world.every).start == due:
                for number in range(self._life.askers):
                    self._start(self._ask_once() if self._life.curl else self._ask_on(f"{due}/{number}"))

    async def _ask_once(self) -> None:
        """Ask as curl does: without a name, and whatever comes is the end of it."""
        await self._ask(None)

    async def _ask_on(self, asker: str) -> None:
        """Ask as `leaderd run` does: until there is an answer, or the tick is over."""
        ends = tick_at(self.wall(), self._world.every).ends
        most = max(0.1, (ends - self.wall()) / 10)
        while True:
            told, pause = await self._ask(asker)
            if told is not None:
                break
            pause = min(pause, most)
            if self.wall() + pause >= ends:
                self._say(f"{asker} gives up")
                return
            await self._clock.sleep(pause)
        if isinstance(told, Ours):
            await self._work(asker, told)

    async def _ask(self, asker: str | None) -> tuple[Ours | Refused | None, float]:
        """One question: the answer, if it is a definite one, and how long to wait otherwise."""
        if self._daemon is None:
            return None, 1.0
        asking = self._daemon.claim(asker)
        await self._wait(asking)
        if not asking.done() or asking.cancelled():
            return None, 1.0
        answer = asking.result()
        if answer is None:
            return None, float(RETRY_AFTER)
        tick, decision = answer
        ours = isinstance(decision, Ours)
        self._record.heard.append(Heard(self._loop.time(), tick.start, self._life.id, asker, ours))
        self._say(f"{asker or 'curl'} hears {'YES' if ours else f'no, {decision.reason}'} for {rfc3339(tick.start)}")
        return decision, 0.0

    async def _wait(self, task: asyncio.Task) -> None:
        with suppress(TimeoutError):
            async with self._clock.timeout(ANSWER_TIMEOUT):
                await asyncio.wait({task})
        await self._clock.settle()

    async def _work(self, asker: str, granted: Ours) -> None:
        """Take some time, and offer the outcome for as long as `leaderd run` does."""
        longest = 0.5 if self._world.calm else self._chance.choice((0.1, 0.5, 1.5))
        await self._clock.sleep(longest * self._world.every * self._chance.random())
        given_up = self._clock.now() + RECORD_PATIENCE
        while self._clock.now() < given_up:
            if self._daemon is not None:
                finishing = self._daemon.finish(granted.claim.token)
                await self._wait(finishing)
                if finishing.done() and not finishing.cancelled() and finishing.result() is not None:
                    if not finishing.result():
                        self._disown(asker, granted)
                    return
            await self._clock.sleep(1.0)

    def _disown(self, asker: str, granted: Ours) -> None:
        claim = granted.claim
        assert isinstance(claim.act, Tick)
        self._record.disowned.append(Grant(self._loop.time(), claim.act.start, self._life.id, asker, claim.token))

    def _say(self, what: str) -> None:
        self._record.events.append(Event(self._loop.time(), self._life.id, what))


def run_claims(world: ClaimsWorld) -> ClaimsRecord:
    """Run a world from its start to its end."""
    record, safe = ClaimsRecord(world), Safe()

    async def main() -> None:
        truth = Truth(world)
        await live_together([ClaimingInstance(world, truth, life, safe, record) for life in world.claiming], world.ends)

    _tell_troubles(record)
    run_loop(main())
    for at, claim in safe.claims:
        start = round(datetime.fromisoformat(claim["key"]).timestamp())
        record.stored.append(Grant(at, start, claim["holder"], claim["asker"], claim["token"]))
        record.events.append(Event(at, "store", f"{claim['key']} is {claim['holder']}'s, token {claim['token']}"))
    return record


def _tell_troubles(record: ClaimsRecord) -> None:
    """Let the timeline show what befalls the store, and the clocks."""
    for storm in record.world.storms:
        what = f"-- {storm.trouble}, {storm.share:.0%} of all, until {storm.end:.1f}"
        record.events.append(Event(storm.start, "store", what))
    for life in record.world.claiming:
        asks = "with curl" if life.curl else f"{life.askers} times with leaderd run"
        record.events.append(Event(life.starts, life.id, f"-- wall clock {life.wall:+.3f} s; cron asks {asks}"))
        for start, end in life.store_cuts:
            record.events.append(Event(start, life.id, f"-- cannot reach the store until {end:.1f}"))
