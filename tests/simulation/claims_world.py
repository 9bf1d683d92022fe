"""Worlds in which instances claim ticks: those of the leader simulation, with clocks, a store and its troubles."""

from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import count
from math import inf
from random import Random

from leaderd.core.claim import LAST_SLOT, SLOT, SLOTS_IN_A_TICK
from leaderd.daemon.claims import ATTEMPTS
from leaderd.daemon.claims_api import RETRY_AFTER
from tests.simulation.world import Life, Span, Teller, World
from tests.simulation.worlds import TIMINGS, Maker, make_world

BASE = 1_764_000_000
"""The Unix time at which a world begins, a full minute: the phase is added to it."""
MOST_LIVES = 12
MOST_TICKS = 30
"""A run ends after so many ticks at the latest: records are really encoded and decoded, which is what takes time."""
LATE_CRON = 0.9
"""Seconds after the beginning of a minute, at the most, at which cron has started its job."""
SLOWEST = 0.99
"""The slowest clock of a process: seconds of it in a second of true time."""
TRIAL_REQUESTS = 3


class Trouble(StrEnum):
    """What befalls requests to the store."""

    LOST = "loses requests"
    UNANSWERED = "does, and does not answer"
    LATE = "does it much later, and does not answer"
    SLOW = "is slow, often too slow"
    THROTTLED = "throttles"
    TWICE = "is sent requests twice by the SDK, and answers the second"
    MIXED = "does all kinds of harm"


TROUBLES = (*Trouble, Trouble.MIXED)


@dataclass(frozen=True)
class Storm:
    """A time during which a share of all requests is in trouble."""

    start: float
    end: float
    trouble: Trouble
    share: float


@dataclass(frozen=True)
class ClaimingLife(Life):
    """An instance whose cron claims ticks."""

    wall: float = 0.0
    """Seconds that its wall clock is ahead; it keeps to that, as something like chrony disciplines it."""
    store_cuts: tuple[Span, ...] = ()
    """When it cannot reach the store."""
    askers: int = 1
    """How many ask at each tick: the crontab may be there twice."""
    curl: bool = False
    """Whether cron asks once with curl, and gives no name, or as often as `leaderd run` does."""
    listens_after: float = 0.0
    """Seconds after its start from which a daemon answers."""


@dataclass(frozen=True)
class ClaimsWorld(World):
    """A world with a store."""

    phase: int = 0
    """Seconds of a tick that are over when the world begins."""
    every: int = 60
    until: float = 600.0
    """The end of the run. Fixed, so that it stays when the world is shrunk."""
    store_latency: Span = (0.01, 0.1)
    """The shortest and the longest that a request to the store takes when there is no storm."""
    store_says_time: bool = True
    storms: tuple[Storm, ...] = ()
    calm: bool = False
    """Whether nothing at all happens, so that requests can be counted."""

    @property
    def ends(self) -> float:
        """The end of the run."""
        return self.until

    @property
    def skew(self) -> float:
        """How far any wall clock is off at the most."""
        return max(abs(life.wall) for life in self.claiming)

    @property
    def claiming(self) -> tuple[ClaimingLife, ...]:
        """The instances, with what they are for claims."""
        return tuple(life for life in self.lives if isinstance(life, ClaimingLife))

    @property
    def certain_after(self) -> float:
        """How long after its cron's minute begins an asker on an undisturbed instance knows who has the tick.

        A question waits for its place in the roster, at most for the last slot. Undisturbed, it can fail for one reason
        only: the store was not open yet, and an attempt to open it hangs since before (R), whose failure is remembered
        for as long as an asker pauses. So there may be a second question, which fails too where it comes a moment too
        early, as it waited for nothing; the third opens the store, and takes all the attempts that a claim has.
        """
        turn = min(SLOT, self.every / SLOTS_IN_A_TICK) * (LAST_SLOT + 1)
        slowed = (2 * turn + self.longest_request + 2 * RETRY_AFTER) / SLOWEST
        return LATE_CRON + slowed + (TRIAL_REQUESTS + 2 * ATTEMPTS) * self.store_latency[1]

    @property
    def longest_request(self) -> float:
        """Seconds after which a request is given up, by the daemon's clock."""
        return self.timing.request_timeout

    def ticks(self) -> range:
        """The beginnings of the ticks that lie in the run, as Unix times."""
        return range(BASE, BASE + self.phase + int(self.until), self.every)

    def moment(self, unix: float) -> float:
        """The time of the run at a Unix time."""
        return unix - BASE - self.phase

    def unix(self, moment: float) -> float:
        """The Unix time at a time of the run."""
        return BASE + self.phase + moment


@dataclass
class Harm:
    """Adds to a world what troubles claims, mostly while claims are made: shortly after the beginning of a tick."""

    random: Random
    every: int
    phase: int
    until: float

    def moment(self) -> float:
        """A moment, mostly one at which somebody claims."""
        if self.random.random() < 0.3:
            return self.random.uniform(0, self.until)
        tick = self.random.randrange(int(self.until) // self.every + 1) * self.every
        return max(0.0, tick - self.phase + self.random.choice((0.5, 2.5, 13)) * self.random.uniform(-0.5, 1))

    def spans(self, share: float) -> tuple[Span, ...]:
        """Spans of trouble, mostly none; short ones as well as such that last for some ticks."""
        found = []
        while self.random.random() < share:
            start = self.moment()
            found.append((start, start + self.random.choice((1, 8, self.every, 3 * self.every)) * self.random.random()))
        return tuple(sorted(found))

    def life(self, life: Life, skew: float, *, curl: bool, mortal: bool) -> ClaimingLife:
        """The instance, with its clock and its cron."""
        random = self.random
        moments = [self.moment() for _ in range(random.choice((0, 0, 0, 1, 3)))]
        restarts = [(at, random.random() < 0.7) for at in moments if life.starts < at]
        dies = self.moment() if mortal and random.random() < 0.15 else inf
        return ClaimingLife(
            **vars(life)
            | {
                "restarts": tuple(sorted((*life.restarts, *restarts))),
                "dies": max(life.starts + 1, dies) if dies < life.dies else life.dies,
            },
            wall=random.choice((0.0, skew, -skew, random.uniform(-skew, skew))),
            store_cuts=self.spans(0.3),
            askers=random.choice((1, 1, 1, 2)) if not curl else 1,
            curl=curl,
            listens_after=random.choice((0.0, 0.3, 5.0)),
        )

    def storms(self) -> tuple[Storm, ...]:
        """Times in which the store, or the way there, is in trouble for all."""
        spans = self.spans(self.random.choice((0.0, 0.5, 0.8)))
        return tuple(Storm(*span, self.random.choice(TROUBLES), self.random.choice((0.3, 0.7, 1.0))) for span in spans)


def make_claims_world(seed: int) -> ClaimsWorld:
    """The world of a seed: one integer gives one world, always the same."""
    random = Random(f"claims {seed}")
    if random.random() < 0.1:
        return make_calm(seed, random)
    numbers = (seed * 1000 + number for number in count())
    world = next(world for world in map(make_world, numbers) if len(world.lives) <= MOST_LIVES)
    every = random.choice((60, 60, 60, 60, 60, 120, 30, 10))
    phase = random.randrange(every)
    until = min(world.ends, MOST_TICKS * every)
    harm = Harm(random, every, phase, until)
    skew = random.choice((2.0, 2.0, 2.0, 0.0, 0.5, 100.0))
    curls = random.choice((0.0, 0.0, 0.3, 1.0))
    lives = [
        harm.life(life, skew, curl=random.random() < curls, mortal=number > 0)
        for number, life in enumerate(world.lives)
    ]
    longest = min(0.3, world.timing.request_timeout / 5)
    return ClaimsWorld(
        **vars(world) | {"seed": seed, "lives": tuple(lives)},
        phase=phase,
        every=every,
        until=until,
        store_latency=random.choice(((0.005, 0.05), (0.02, longest), (longest, longest))),
        store_says_time=random.random() < 0.7,
        storms=harm.storms(),
    )


def make_calm(seed: int, random: Random) -> ClaimsWorld:
    """A fleet that nothing happens to, with clocks that agree."""
    timing = random.choice(TIMINGS)
    fleet = Maker(random, timing, calm=True).fleet(random.randrange(1, MOST_LIVES + 1))
    return ClaimsWorld(
        seed=seed,
        kind="calm",
        timing=timing,
        lives=tuple(ClaimingLife(**vars(replace(life, starts=0.0))) for life in fleet),
        lag=0.0,
        teller=Teller.FRESH,
        latency=(0.0, 0.2),
        losses=0.0,
        phase=random.randrange(60),
        store_latency=(0.005, random.choice((0.05, 0.3))),
        calm=True,
    )
