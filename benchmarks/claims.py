"""What a claim costs: requests to the store for one tick, with the real claimers, in virtual time."""

import asyncio
from itertools import starmap
from random import Random

from benchmarks.row import Row
from leaderd.core.claim import Ours
from leaderd.core.identity import Identity
from leaderd.daemon.claims import Claimer
from leaderd.daemon.ledger import Ledger
from tests.claims.claimers import SilentJournal
from tests.fakes import LoopClock, MemoryStore, Shelf, make_view, make_watcher
from tests.simulation.loop import run

SECTION = "a claim"
SIZES = (2, 10, 100)
TICKS = 60
EVERY = 60
START = 1_764_000_000
LATENCY = (0.01, 0.1)
"""Seconds that a request takes."""
BY_WINNER, BY_LOSER = 2, 1
"""Requests to the store, at the most."""


class DistantStore(MemoryStore):
    """A store that takes its time."""

    def __init__(self, shelf: Shelf, random: Random) -> None:
        super().__init__(shelf)
        self._random = random

    async def read(self, job: str) -> object:
        """Read after half the way, answer after the other."""
        await self._half_way()
        answer = await super().read(job)
        await self._half_way()
        return answer

    async def swap(self, job: str, text: str, version: str | None) -> str:
        """Write in the same way."""
        await self._half_way()
        answer = await super().swap(job, text, version)
        await self._half_way()
        return str(answer)

    async def _half_way(self) -> None:
        await asyncio.sleep(self._random.uniform(*LATENCY) / 2)


class Instance:
    """A claimer at its place in the roster, and the number of its requests."""

    def __init__(self, ids: list[str], me: str, shelf: Shelf, random: Random) -> None:
        clock = LoopClock()
        watcher = make_watcher(clock)
        watcher.identity = Identity(me, "shop-prod", "eu-west-1")
        watcher.introduced.set()
        watcher.view = make_view(ids, sent=clock.now())
        self.journal = SilentJournal()

        async def make_store() -> DistantStore:
            return DistantStore(shelf, random)

        self.ledger = Ledger(make_store, limit=5.0, clock=clock, journal=self.journal)
        self._claimer = Claimer(
            self.ledger,
            watcher,
            clock=clock,
            wall=lambda: START + clock.now(),
            chance=random.random,
            journal=self.journal,
        )

    async def claim(self) -> tuple[bool, int]:
        """Claim this tick: whether it is ours, and the requests that it took."""
        before = len(self.journal.requests)
        decision = await self._claimer.claim("bench", self._claimer.tick(EVERY))
        return isinstance(decision, Ours), len(self.journal.requests) - before


async def ticks(size: int, number: int) -> list[list[tuple[bool, int]]]:
    """Let all instances claim so many ticks, each of them as cron does: at its first moment."""
    random, shelf = Random(size), Shelf()
    ids = [f"i-{rank:05d}" for rank in range(size)]
    instances = [Instance(ids, me, shelf, random) for me in ids]
    for instance in instances:
        await instance.ledger.open()
    found = []
    for turn in range(number):
        await asyncio.sleep((turn + 1) * EVERY - asyncio.get_running_loop().time())
        found.append(await asyncio.gather(*(instance.claim() for instance in instances)))
    return found


def measure(sizes: tuple[int, ...] = SIZES, number: int = TICKS) -> list[Row]:
    """Count the requests of each tick; the worst of all ticks is what the goals are for."""
    rows: list[Row] = []
    for size in sizes:
        found = run(ticks(size, number))
        winners = [requests for tick in found for ours, requests in tick if ours]
        losers = [requests for tick in found for ours, requests in tick if not ours]
        if len(winners) != number:
            raise RuntimeError(f"{number} ticks ran {len(winners)} times")
        rows += starmap(
            Row,
            (
                (SECTION, f"{size} instances: by the winner, at the most", max(winners), "requests", BY_WINNER),
                (SECTION, f"{size} instances: by a loser, at the most", max(losers), "requests", BY_LOSER),
                (SECTION, f"{size} instances: by all", (sum(winners) + sum(losers)) / number, "requests/tick"),
            ),
        )
    return rows
