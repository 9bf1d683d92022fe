"""What happens in a world, as plain data: a run depends on this and on nothing else."""

from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf

from leaderd.core.cadence import SLOWEST, Cadence, Pace
from leaderd.core.timing import JITTER, Timing

AMPLE = 1e6
"""Calls per second that hold nobody back."""
Span = tuple[float, float]
"""From one true time to another, in seconds; the end is not in it."""


class Teller(StrEnum):
    """How Elastic Beanstalk chooses among the moments that an answer may show: A1 leaves it some."""

    RANDOM = "random"
    FRESH = "fresh"
    STALE = "stale"
    FLATTERER = "flatterer"
    """Shows the asker a moment at which it was first, if there is one, and loses the poll of one who was first before
    and is not any more. The worst there is: nobody who leads ever hears that it should not."""


@dataclass(frozen=True)
class Life:
    """One instance. Being a member and being alive are two things: a zombie is the one, the newly dead the other."""

    id: str
    place: float
    """Who has the smaller place comes first."""
    starts: float
    joins: float
    leaves: float = inf
    dies: float = inf
    warned: float = inf
    """When its metadata begin to say that it is being terminated."""
    away: tuple[Span, ...] = ()
    """When it is no member although it joined and will be again, which A3 forbids."""
    rate: float = 1.0
    """Seconds of its clock in a second of true time."""
    restarts: tuple[tuple[float, bool], ...] = ()
    """When its daemon starts anew, and whether the state file is still there."""
    pauses: tuple[Span, ...] = ()
    """When its process stands still: suspended, or starved."""
    cuts: tuple[Span, ...] = ()
    """When it cannot reach Elastic Beanstalk."""

    def is_member(self, moment: float) -> bool:
        """Whether it is a member at a true time."""
        away = any(start <= moment < end for start, end in self.away)
        return self.joins <= moment < self.leaves and not away

    def turns(self) -> tuple[float, ...]:
        """When its membership begins and ends."""
        return (self.joins, self.leaves, *(moment for span in self.away for moment in span))


@dataclass(frozen=True)
class World:
    """Instances, what Elastic Beanstalk does to them, and the settings that they run with."""

    seed: int
    kind: str
    timing: Timing
    lives: tuple[Life, ...]
    lag: float
    """How far behind the truth answers really are: D, inside the assumptions."""
    teller: Teller
    latency: Span
    """The shortest and the longest that a poll takes."""
    losses: float
    """The share of polls that fail in one way or another, before the world is quiet."""
    outages: tuple[Span, ...] = ()
    throttles: tuple[Span, ...] = ()
    settings_of: tuple[tuple[str, Timing], ...] = ()
    """Instances with settings of their own, which A5 forbids."""
    orders_of: tuple[tuple[str, int], ...] = ()
    """Instances that order the members in a way of their own, by a seed, which A2 forbids."""
    api_budget: float = AMPLE
    """Calls per second that the instances keep to, together."""

    @property
    def quiet_at(self) -> float:
        """The moment after which nothing happens any more."""
        moments = [0.0]
        for life in self.lives:
            moments += [life.starts, life.joins, life.leaves, life.dies, life.warned]
            moments += [at for at, _ in life.restarts]
            moments += [end for _, end in (*life.pauses, *life.cuts, *life.away)]
        moments += [end for _, end in (*self.outages, *self.throttles)]
        return max(moment for moment in moments if moment < inf)

    @property
    def patience(self) -> float:
        """How long after that somebody leads at the latest: all may be newcomers, and the first poll slowed down."""
        timing, slowest = self.timing, 0.99
        return timing.api_lag + (self.longest_pause + timing.request_timeout + timing.probation) / slowest + 0.1

    @property
    def longest_pause(self) -> float:
        """How long the one that leads in the end may wait for its next poll, by its own clock."""
        cadence = Cadence(self.timing, self.api_budget)
        size = self.most_members
        paces = [Pace(cadence.interval(size - 1, size), placed=True, settled=True)]
        if self.lost_ones:
            paces.append(cadence.after_poll(replace(cadence.start(), without_place=99), None, ""))
        pauses = [pace.interval * (1 + JITTER) for pace in paces]
        if self.throttles:
            pauses += [cadence.follower_for(pace) if pace.placed else SLOWEST for pace in paces]
        return max(*pauses, self.timing.request_timeout)  # the next poll waits for the end of a slow one

    @property
    def most_members(self) -> int:
        """How many there ever are at once."""
        moments = (life.joins for life in self.lives)
        return max(sum(life.is_member(moment) for life in self.lives) for moment in moments)

    @property
    def lost_ones(self) -> bool:
        """Whether somebody can poll several times without learning its place."""
        early = any(life.joins + self.lag > life.starts or life.cuts or life.pauses for life in self.lives)
        return bool(early or self.losses or self.outages or self.throttles)

    @property
    def ends(self) -> float:
        """The end of the run: long enough after that to see that the leader stays."""
        return self.quiet_at + self.patience + 4 * self.timing.max_staleness
