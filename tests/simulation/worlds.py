"""Makes worlds: one integer gives one world, always the same.

Times are drawn close to the edges of every bound, where a rule that is a little wrong goes wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from random import Random

from leaderd.core.cadence import DEFAULT_BUDGET, FRONT
from leaderd.core.timing import Timing
from tests.simulation.world import AMPLE, Life, Span, Teller, World

TIMINGS = (
    Timing.derive(),
    Timing.derive(),
    Timing.derive(poll_interval=2, request_timeout=5, max_staleness=30),
    Timing.derive(poll_interval=1, request_timeout=10, max_staleness=20, api_lag=0, guard=1),
    Timing.derive(poll_interval=5, request_timeout=2, max_staleness=13, api_lag=10, guard=2),
    Timing.derive(poll_interval=10, request_timeout=5, max_staleness=27, api_lag=0, guard=0),
    Timing.derive(poll_interval=20, request_timeout=5, max_staleness=60, api_lag=15, guard=5),
)
DENSE = Timing.derive(poll_interval=0.5, request_timeout=1, max_staleness=20, api_lag=3, guard=2)
"""Polls so often that one of them hits any moment."""
BUDGETS = (DEFAULT_BUDGET, DEFAULT_BUDGET, DEFAULT_BUDGET / 4, AMPLE)
LARGE_SHARE = 0.04
RATES = (0.99, 1.0, 1.01)


@dataclass
class Maker:
    """Makes the lives of one world."""

    random: Random
    timing: Timing
    calm: bool = False
    """Whether instances have no troubles of their own."""

    def edge(self) -> float:
        """A duration at, just below or just above one that matters."""
        t, r, d = self.timing.max_staleness, self.timing.request_timeout, self.timing.api_lag
        h, n, p = self.timing.hold_down, self.timing.probation, self.timing.poll_interval
        base = self.random.choice((p, t, t + d, t + r + d, h, n, n - t - d, h - t, 2 * t + r + 2 * d))
        return max(0.1, base * self.random.choice((0.97, 0.99, 1, 1, 1.01, 1.03)) + self.random.uniform(-0.5, 0.5))

    def duration(self) -> float:
        """A duration at an edge, or just any."""
        return self.edge() if self.random.random() < 0.7 else self.random.uniform(0.1, 3 * self.timing.probation)

    def settled(self) -> float:
        """A moment at which the first leader leads."""
        return self.timing.probation * 1.02 + 2 * self.timing.max_staleness + self.random.uniform(0, 30)

    def life(self, number: int, place: float, joins: float, leaves: float = inf) -> Life:
        """An instance, which may live on after it was dropped, and have its troubles."""
        random = self.random
        starts = max(0.0, joins + random.choice((0.0, random.uniform(-30, 30))))
        dies = inf
        if leaves < inf and random.random() < 0.4:
            dies = max(starts + 1, leaves + random.choice((-1, 1)) * self.duration())
        warned = leaves - random.uniform(0, 60) if leaves < inf and random.random() < 0.15 else inf
        end = min(dies, leaves + 2 * self.timing.probation) if leaves < inf else joins + 4 * self.timing.probation
        return Life(
            id=f"i-{number:02d}",
            place=place,
            starts=starts,
            joins=joins,
            leaves=leaves,
            dies=dies,
            warned=warned,
            rate=random.choice((*RATES, random.uniform(0.99, 1.01))),
            restarts=self.restarts(starts, end),
            pauses=self.spans(starts, end, 0.15),
            cuts=self.spans(starts, end, 0.15),
        )

    def spans(self, start: float, end: float, share: float) -> tuple[Span, ...]:
        """Spans of trouble, mostly none."""
        found: list[Span] = []
        if self.calm:
            return ()
        at = max(0.0, start)
        while self.random.random() < share and at < end:
            begins = self.random.uniform(at, end)
            at = begins + self.duration()
            found.append((begins, at))
        return tuple(found)

    def restarts(self, start: float, end: float) -> tuple[tuple[float, bool], ...]:
        """Restarts of the daemon, mostly none."""
        count = 0 if self.calm else self.random.choice((0, 0, 0, 0, 1, 1, 3))
        moments = sorted(self.random.uniform(start, max(start, end)) for _ in range(count))
        return tuple((at, self.random.random() < 0.7) for at in moments)

    def fleet(self, size: int) -> list[Life]:
        """Instances that were there before the world began."""
        return [self.life(number, float(number), -1000.0) for number in range(size)]

    def until(self, life: Life, leaves: float) -> Life:
        """The same instance, but dropped at some moment."""
        later = self.life(0, life.place, life.joins, leaves)
        return replace(later, id=life.id)


def replacement(make: Maker, size: int) -> list[Life]:
    """The leader goes, and a new instance comes in its stead."""
    fleet, at = make.fleet(size), make.settled()
    first = make.until(fleet[0], at)
    return [first, *fleet[1:], make.life(size, make.random.choice((-1.0, size)), at + make.random.uniform(-60, 60))]


def scale_out(make: Maker, size: int) -> list[Life]:
    """A newcomer comes first."""
    at = make.settled()
    return [*make.fleet(size), make.life(size, -1.0, at)]


def brief_newcomers(make: Maker, size: int) -> list[Life]:
    """Newcomers come first, and vanish before everybody has seen them."""
    lives, at = make.fleet(size), make.settled() - make.random.uniform(0, make.timing.probation)
    for number in range(size, size + make.random.randrange(1, 5)):
        stays = make.duration()
        lives.append(make.life(number, -float(number), at, at + stays))
        at += stays + make.random.choice((0.0, make.duration(), -stays / 2))
    return lives


def rolling(make: Maker, size: int) -> list[Life]:
    """A deployment replaces one instance after the other."""
    lives, at = [], make.settled()
    for number, old in enumerate(make.fleet(size)):
        lives.append(make.until(old, at))
        new = size + number
        place = make.random.choice((float(new), -float(new)))
        lives.append(make.life(new, place, at + make.random.uniform(-20, 60)))
        at += make.duration()
    return lives


def immutable(make: Maker, size: int) -> list[Life]:
    """A deployment adds as many new instances, then drops all old ones at once."""
    at = make.settled()
    gone = at + make.duration()
    old = [make.until(life, gone) for life in make.fleet(size)]
    return [*old, *(make.life(size + number, make.random.uniform(-size, size), at) for number in range(size))]


def handed_down(make: Maker, size: int) -> list[Life]:
    """Two newcomers come before all; the first of them vanishes, and the other is its heir."""
    lives, at = make.fleet(size), make.settled()
    stays = make.duration()
    lives.append(make.life(size, -2.0, at, at + stays))
    heir = at + make.random.choice((0.0, make.random.uniform(0, stays)))
    return [*lives, make.life(size + 1, -1.0, heir, heir + stays + make.duration())]


def hidden_newcomer(make: Maker, size: int) -> list[Life]:
    """A newcomer comes first for about as long as the leader can fail to see it, and believes in itself to the last."""
    timing, at = make.timing, make.settled()
    fleet = [replace(life, rate=0.99) for life in make.fleet(min(size, 2))]
    stays = (timing.max_staleness + timing.request_timeout + timing.api_lag) * make.random.uniform(0.85, 1.02)
    newcomer = Life(f"i-{size:02d}", -1.0, starts=at - 15, joins=at, leaves=at + stays, rate=0.99)
    return [*fleet, newcomer]


def handover(make: Maker, size: int) -> list[Life]:
    """The leader is dropped and lives on; the next was there all along."""
    fleet, at = make.fleet(max(2, size)), make.settled()
    return [replace(fleet[0], leaves=at, rate=0.99), *(replace(life, rate=1.01) for life in fleet[1:])]


def quiet_fleet(make: Maker, size: int) -> list[Life]:
    """Nobody comes or goes; the trouble is elsewhere."""
    return make.fleet(size)


def front_lost(make: Maker, size: int) -> list[Life]:
    """All that poll often are dropped at once, or one shortly after the other, and so is a newcomer before them."""
    lives, at = make.fleet(size), make.settled()
    apart = make.random.choice((0.0, make.random.uniform(0, 2 * make.timing.poll_interval)))
    lost = [replace(life, leaves=at + rank * apart) for rank, life in enumerate(lives[:FRONT])]
    newcomer = make.life(size, -1.0, at - make.duration(), at)
    return [*lost, *lives[FRONT:], *make.random.choice(([], [newcomer]))]


def deep_heir(make: Maker, size: int) -> list[Life]:
    """A member far behind comes to be the first, as all before it are dropped, and some of those behind it."""
    lives, at = make.fleet(size), make.settled()
    heir = make.random.randrange(FRONT, size)
    return [
        life if rank == heir or (rank > heir and make.random.random() < 0.5) else make.until(life, at)
        for rank, life in enumerate(lives)
    ]


def great_deployment(make: Maker, size: int) -> list[Life]:
    """As many new ones behind all old ones, which are then dropped at once, and live on for a while."""
    at = make.settled()
    gone = at + make.random.uniform(0, 3 * make.timing.probation)
    old = [replace(life, leaves=gone, dies=gone + make.duration()) for life in make.fleet(size)]
    return [*old, *(make.life(size + number, float(size + number), at) for number in range(size))]


def everything(make: Maker, size: int) -> list[Life]:
    """Comings and goings of all kinds at once."""
    lives = make.fleet(size)
    lives = [make.until(life, make.duration() * 2) if make.random.random() < 0.5 else life for life in lives]
    for number in range(size, 2 * size + 2):
        joins = make.random.uniform(0, 4 * make.timing.probation)
        leaves = joins + make.duration() if make.random.random() < 0.7 else inf
        lives.append(make.life(number, make.random.uniform(-size, size), joins, leaves))
    return lives


KINDS: dict[str, Callable[[Maker, int], list[Life]]] = {
    maker.__name__: maker
    for maker in (
        replacement,
        scale_out,
        brief_newcomers,
        handed_down,
        rolling,
        immutable,
        quiet_fleet,
        everything,
        hidden_newcomer,
        handover,
    )
}
LARGE: dict[str, Callable[[Maker, int], list[Life]]] = {
    maker.__name__: maker for maker in (front_lost, deep_heir, great_deployment)
}
"""Kinds with many members, most of which poll seldom."""
CRAFTED = frozenset({"hidden_newcomer", "handover"})
"""Kinds in which nothing but the worst answers happens, aimed at one bound each."""


def make_world(seed: int, timing: Timing | None = None) -> World:
    """The world of a seed, with settings of its own choice or with given ones."""
    if Random(f"{seed}/large").random() < LARGE_SHARE:
        return make_large(seed, timing)
    random = Random(seed)
    kind = random.choice([*KINDS, *sorted(CRAFTED)])
    size = random.choice((1, 2, 2, 3, 3, 4, 6)) if random.random() < 0.97 else random.randrange(7, 26)
    drawn = random.choice(TIMINGS)
    if kind in CRAFTED:
        return make_crafted(seed, kind, random, timing or random.choice((drawn, DENSE)))
    make = Maker(random, timing or drawn)
    lives = with_survivor(KINDS[kind](make, size))
    end = max(life.leaves if life.leaves < inf else life.joins for life in lives)
    end = max(end, make.settled()) + make.timing.probation
    longest = make.timing.request_timeout * 0.999
    troubled = random.random() < 0.3
    return World(
        seed=seed,
        kind=kind,
        timing=make.timing,
        lives=tuple(lives),
        lag=make.timing.api_lag,
        teller=random.choice((*Teller, Teller.FLATTERER, Teller.FLATTERER)),
        latency=random.choice(((0.0, 0.2), (0.0, longest), (longest, longest))),
        losses=random.choice((0.0, 0.0, 0.1, 0.5)),
        outages=make.spans(0, end, 0.6) if troubled else (),
        throttles=make.spans(0, end, 0.6) if troubled and random.random() < 0.5 else (),
        api_budget=Random(f"{seed}/budget").choice(BUDGETS),
    )


def make_large(seed: int, timing: Timing | None = None) -> World:
    """A world with many members. Most of them poll seldom, and nothing else goes wrong but what its kind says."""
    random = Random(f"{seed}/large/world")
    kind = random.choice(sorted(LARGE))
    make = Maker(random, timing or random.choice(TIMINGS), calm=True)
    return World(
        seed=seed,
        kind=kind,
        timing=make.timing,
        lives=tuple(LARGE[kind](make, random.choice((4, 5, 8, 12, 30)))),
        lag=make.timing.api_lag,
        teller=random.choice((*Teller, Teller.FLATTERER)),
        latency=(0.0, make.timing.request_timeout * 0.999),
        losses=random.choice((0.0, 0.0, 0.1)),
        api_budget=random.choice(BUDGETS),
    )


def make_crafted(seed: int, kind: str, random: Random, timing: Timing) -> World:
    """A world that is aimed at one bound: no trouble, but everybody is flattered for as long as A1 allows it."""
    make = Maker(random, timing, calm=True)
    return World(
        seed=seed,
        kind=kind,
        timing=timing,
        lives=tuple(KINDS[kind](make, random.choice((1, 2, 3)))),
        lag=timing.api_lag,
        teller=Teller.FLATTERER,
        latency=(0.0, timing.request_timeout * 0.999),
        losses=0.0,
    )


def with_survivor(lives: list[Life]) -> list[Life]:
    """A world in which at least one member stays, so that there is somebody to lead in the end."""
    if any(life.leaves == inf for life in lives):
        return lives
    number = len(lives)
    return [*lives, Life(id=f"i-{number:02d}", place=float(number), starts=0.0, joins=-1000.0)]
