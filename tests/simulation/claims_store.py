"""The store of a world: it compares and sets at one instant, and everything around that may go wrong."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from leaderd.aws.store import LostError, Stored
from leaderd.errors import SourceError
from tests.simulation.claims_world import ClaimingLife, ClaimsWorld, Trouble
from tests.simulation.run import Record, WorldClock, within

KINDS_OF_HARM = tuple(trouble for trouble in Trouble if trouble is not Trouble.MIXED)
MUCH_LATER = 90.0
"""Seconds by which a write may come late."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody was told that a tick is theirs, or a record says so.

    Attributes:
        at: when, by the time of the run.
        start: the beginning of the tick, a Unix time.
        id: the instance.
        asker: who on it.
        token: the token.
    """

    at: float
    start: float
    id: str
    asker: str | None
    token: int


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a request.

    Attributes:
        arrives: the seconds after which the store does it; none for a request that is lost.
        answered: the seconds after which the answer is back; None for one that never is.
        error: the answer, where it is no other.
    """

    arrives: tuple[float, ...]
    answered: float | None
    error: SourceError | None = None


@dataclass
class Safe:
    """What is in the store, and who was in it: all instances have this one.

    The text itself is the version, as S3 makes it from the content: a record that comes back would be taken for the
    old one.
    """

    texts: dict[str, str] = field(default_factory=dict)
    claims: list[tuple[float, dict[str, Any]]] = field(default_factory=list)

    def swap(self, job: str, text: str, version: str | None, now: float) -> str:
        """Compare and set."""
        if self.texts.get(job) != version:
            raise LostError("another version")
        self.texts[job] = text
        self._note(json.loads(text).get("claims", ()), now)
        return text

    def _note(self, claims: Sequence[dict[str, Any]], now: float) -> None:
        """Note the newest claim of a record, if it was not there before."""
        if claims:
            newest = {name: claims[0][name] for name in ("key", "holder", "asker", "token")}
            if not self.claims or newest != self.claims[-1][1]:
                self.claims.append((now, newest))


class WorldStore:
    """The store, as a daemon of one instance reaches it."""

    where = "simulated://claims"
    impossible_version = "nothing"

    def __init__(self, world: ClaimsWorld, life: ClaimingLife, clock: WorldClock, safe: Safe, record: Record) -> None:
        self._world = world
        self._life = life
        self._clock = clock
        self._safe = safe
        self._record = record
        self._loop = asyncio.get_running_loop()
        self._random = Random(f"{world.seed}/{life.id}/store/{self._loop.time()}")

    async def read(self, job: str) -> Stored:
        text, moment = await self._ask(lambda: (self._safe.texts.get(job), self._loop.time()))
        return Stored(text, text, float(int(self._world.unix(moment))) if self._world.store_says_time else None)

    async def swap(self, job: str, text: str, version: str | None) -> str:
        return await self._ask(lambda: self._safe.swap(job, text, version, self._loop.time()))

    async def close(self) -> None: ...

    async def _ask(self, operation: Callable[[], Any]) -> Any:
        """Send it; the store does it whether or not anybody waits for the answer."""
        fate, results = self._fate(self._loop.time()), []
        for seconds in fate.arrives:
            self._loop.call_later(seconds, lambda: results.append(_tried(operation)))
        if fate.answered is None:
            await asyncio.Event().wait()
        await asyncio.sleep(fate.answered)
        if within(self._loop.time(), self._life.store_cuts):
            await asyncio.Event().wait()
        await self._clock.settle()
        result = fate.error or results[-1]
        if isinstance(result, Exception):
            raise result
        return result

    def _fate(self, now: float) -> Fate:
        """Decide what becomes of a request that is sent now."""
        usual = self._usual()
        if within(now, self._life.store_cuts):
            return self._troubled(self._random.choice((Trouble.LOST, Trouble.UNANSWERED, Trouble.LATE)), usual)
        for storm in self._world.storms:
            if storm.start <= now < storm.end and self._random.random() < storm.share:
                return self._troubled(storm.trouble, usual)
        return usual

    def _usual(self) -> Fate:
        seconds = self._random.uniform(*self._world.store_latency)
        return Fate((seconds * self._random.uniform(0.1, 0.9),), seconds)

    def _troubled(self, trouble: Trouble, usual: Fate) -> Fate:
        if trouble is Trouble.MIXED:
            trouble = self._random.choice(KINDS_OF_HARM)
        limit = self._world.longest_request
        broken = SourceError("broken", "the connection broke")
        error = self._random.choice((None, broken))
        match trouble:
            case Trouble.LOST:
                return Fate((), usual.answered if error else None, error)
            case Trouble.UNANSWERED:
                return Fate(usual.arrives, usual.answered if error else None, error)
            case Trouble.LATE:
                late = self._random.choice((limit, MUCH_LATER)) * self._random.random()
                return Fate((late,), usual.answered if error else None, error)
            case Trouble.SLOW:
                seconds = limit * self._random.uniform(0, 1.3)
                return Fate((seconds * self._random.uniform(0.01, 0.99),), seconds)
            case Trouble.THROTTLED:
                return Fate((), usual.answered, SourceError("throttled", "SlowDown"))
            case Trouble.TWICE:
                again = limit * self._random.uniform(0, 0.5)
                return Fate((*usual.arrives, usual.arrives[0] + again), usual.answered + again)


def _tried(operation: Callable[[], Any]) -> Any:
    try:
        return operation()
    except LostError as error:
        return error
