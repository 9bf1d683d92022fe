"""A fleet in virtual time, with the real rules of cadence and election: what it asks of AWS, and how it fails over.

Instances never hear of each other, only of Elastic Beanstalk. So each is simulated by itself, without a loop or a wire.
`tests/simulation` runs whole daemons, and looks for two leaders; here nothing goes wrong but what is measured.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import takewhile
from math import ceil
from random import Random

from benchmarks.claims import BY_LOSER, BY_WINNER
from benchmarks.row import Row
from leaderd.core.cadence import DEFAULT_BUDGET, FRONT, Cadence, Pace
from leaderd.core.election import Observation, Role, View, judge, observe
from leaderd.core.roster import Roster
from leaderd.core.timing import Timing

SECTION = "the fleet"
SIZES = (1, 3, 10, 50, 300, 1000)
SMALL = 50
"""Instances up to which the budget is kept; up to a thousand it is twice that."""
TRIALS = 1000
"""Failovers of each kind for each size."""
LATENCY = (0.05, 0.5)
"""Seconds that a poll takes."""
HOUR = 3600.0
MINUTE = 60.0
TOGETHER = 5.0
"""Seconds after the start in which nobody polls a second time."""
LIMIT = 5.0
"""Calls per second that are answered while a fleet starts; the others are throttled. AWS documents no number."""
DEPLOYED_BEFORE = 300.0
"""Seconds for which old and new instances are members together in an immutable deployment."""
BOOTS = 30.0
"""Seconds over which the daemons of a deployment start."""
LONG_AGO = -1e6
CADENCE = Cadence(Timing.derive(), DEFAULT_BUDGET)
"""The defaults."""


@dataclass
class Truth:
    """Who is a member when: one roster, and another one from some moment on."""

    before: Roster
    after: Roster
    at: float

    def told(self, sent: float, random: Random) -> Roster:
        """What a poll shows, which may be behind the truth by D."""
        return self.before if sent - random.uniform(0, CADENCE.timing.api_lag) < self.at else self.after


@dataclass
class Member:
    """One instance: its view and its pace, by the real rules."""

    id: str
    random: Random
    next_poll: float = 0.0
    view: View | None = None
    pace: Pace = field(default_factory=CADENCE.start)

    def settle(self, roster: Roster) -> None:
        """Let it have been a member for long, and be anywhere between two polls at the moment 0."""
        self.pace = CADENCE.after_restart(roster, self.id)
        pause = CADENCE.pause(self.pace, believed_for=0.0, chance=self.random.random())
        self.next_poll = pause * self.random.random()
        sent = self.next_poll - pause
        first = LONG_AGO if roster.first == self.id else None
        self.view = View(Observation(roster, sent, sent + LATENCY[0]), first, LONG_AGO)

    def poll(self, told: Roster | None) -> float:
        """Poll, and say when the answer is there; None is a poll that is throttled."""
        sent = self.next_poll
        received = sent + self.random.uniform(*LATENCY)
        if told is not None:
            self.view = observe(self.view, Observation(told, sent, received), self.id, CADENCE.timing)
        newest = self.view.newest.roster if self.view else None
        self.pace = CADENCE.after_poll(self.pace, newest, self.id, throttled=told is None)
        expires = self.view.newest.sent + CADENCE.follower_for(self.pace) if self.view else 0.0
        self.next_poll = sent + CADENCE.pause(
            self.pace, believed_for=max(0.0, expires - sent), chance=self.random.random()
        )
        return received

    def leads_at(self, truth: Truth) -> float:
        """Poll until it leads, and say when that is."""
        while True:
            now = self.poll(truth.told(self.next_poll, self.random))
            verdict = judge(self.view, self.id, CADENCE.timing, now)
            if verdict.role is Role.LEADER:
                return now
            if verdict.role is Role.CANDIDATE and verdict.leads_at is not None and verdict.leads_at <= self.next_poll:
                return verdict.leads_at


def ids(size: int, first: int = 0) -> tuple[str, ...]:
    """So many instance ids, from a number on."""
    return tuple(f"i-{number:05d}" for number in range(first, first + size))


def polls(size: int, random: Random, limit: float = 1e9) -> Iterator[tuple[float, str, bool]]:
    """The polls of a fleet that starts at the moment 0: when, whose, and whether it was answered. It never ends."""
    roster = Roster(ids(size))
    queue = [(0.0, number, Member(member, random)) for number, member in enumerate(roster.ids)]
    allowance, before = limit, 0.0
    while True:
        moment, number, member = heappop(queue)
        allowance, before = min(limit, allowance + limit * (moment - before)), moment
        answered = allowance >= 1
        allowance -= answered
        yield moment, member.id, answered
        member.poll(roster if answered else None)
        heappush(queue, (member.next_poll, number, member))


def busiest(moments: list[float]) -> float:
    """Calls per second in the minute that has most of them."""
    most, begin = 0, 0
    for end, moment in enumerate(moments):
        while moments[begin] <= moment - MINUTE:
            begin += 1
        most = max(most, end - begin + 1)
    return most / MINUTE


def known_after(size: int, random: Random) -> float:
    """When the last of a fleet that starts at once had its first answer, if few calls are answered."""
    missing = set(ids(size))
    for moment, member, answered in polls(size, random, LIMIT):
        missing -= {member} if answered else set()
        if not missing:
            return moment
    raise AssertionError("polls never end")


def heirs(size: int, lost: int, random: Random) -> Iterator[float]:
    """How long nobody led, in each trial, after the first `lost` of a settled fleet were dropped."""
    for _ in range(TRIALS):
        everybody = ids(size)
        newcomers = ids(lost, size) if size <= lost else ()
        truth = Truth(Roster(everybody), Roster((*everybody[lost:], *newcomers)), 0.0)
        heir = Member(truth.after.first, random)
        if not newcomers:
            heir.settle(truth.before)
        yield heir.leads_at(truth)


def deployments(size: int, random: Random) -> Iterator[float]:
    """How long nobody led, in each trial, after all old members were dropped, and new ones were behind them."""
    old, new = ids(size), ids(size, size)
    for _ in range(TRIALS):
        truth = Truth(Roster((*old, *new)), Roster(new), 0.0)
        heir = Member(new[0], random, next_poll=random.uniform(0, BOOTS) - DEPLOYED_BEFORE)
        yield heir.leads_at(truth)


def percentile(values: list[float], share: float) -> float:
    """The least value that so large a share of them does not exceed."""
    return sorted(values)[ceil(len(values) * share) - 1]


def measure(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """Measure fleets. The same numbers come out each time."""
    return [
        Row(SECTION, f"fleet of {size}: {name}", value, unit, most=most)
        for size in sizes
        for name, value, unit, most in (*_calls(size), *_failovers(size))
    ]


def _calls(size: int) -> Iterator[tuple[str, float, str, float | None]]:
    """What is asked of AWS: hours after the start, and while all start at one moment."""
    random = Random(size)
    moments = [moment for moment, _, _ in takewhile(lambda poll: poll[0] < 3 * HOUR, polls(size, random))]
    steady = sum(moment >= HOUR for moment in moments) / (2 * HOUR)
    starting = [moment for moment in moments if TOGETHER < moment < HOUR]
    budget = DEFAULT_BUDGET * (1 if size <= SMALL else 2)
    yield "calls to EB", round(steady, 2), "/s", budget  # the rest is chance, in two hours
    yield "in the busiest minute after each has made its first", busiest(starting), "/s", None
    yield "all know their place after a start at once", known_after(size, random), "s", None
    yield "requests to S3", HOUR / MINUTE * (BY_WINNER + BY_LOSER * (size - 1)), "/h", None


def _failovers(size: int) -> Iterator[tuple[str, float, str, float | None]]:
    """How long nobody leads."""
    random = Random(size)
    for name, waits, most in (
        ("the first is lost", heirs(size, 1, random), _bound(size, 1)),
        ("the first three are lost", heirs(size, FRONT, random), _bound(size, FRONT)),
        ("an immutable deployment", deployments(size, random), None),
    ):
        times = list(waits)
        yield f"{name}, p50", percentile(times, 0.5), "s", None
        yield f"{name}, p99", percentile(times, 0.99), "s", most


def _bound(size: int, lost: int) -> float | None:
    """What is promised; nothing where newcomers replace all."""
    return round(CADENCE.failover_bound(lost, size), 1) if lost < size else None
