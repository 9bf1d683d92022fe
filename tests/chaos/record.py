"""What was answered, and what follows from it. No input or output, no clock.

All times are seconds of CLOCK_MONOTONIC of the one machine on which everything runs.

An answer is known by two moments: when its question was sent and when it was received. What it says was true at some
moment between the two, and nothing more is concluded from it than that:

- A *run* is an unbroken row of equal answers of one process. A process that said yes, and yes again to the very next
  question, is taken to have meant yes in between: a run of yeses lasts at least from when its first answer was
  received until the question of its last one was sent.
- Two runs of yeses of different instances *overlap* when what they last at least has a moment in common: one said yes
  between two successive yeses of the other. That is a violation, however short it is.
- Two runs that do not overlap are apart by *at least* the time from the last answer of the one to the first question
  of the other, and by *at most* the time from the last question of the one to the first answer of the other. It is a
  violation when even the most is less than the guard g. What lies between the two is the uncertainty of sampling,
  a millisecond or so; no other allowance is made.
- There was no leader for *at most* the time from the question of one yes, of whichever instance, to the answer of
  the next.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

YES = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """One question and its answer; the status is None when the connection broke instead."""

    instance: str
    status: int | None
    sent: float
    received: float


@dataclass(slots=True)
class Run:
    """Successive answers of one process that are all the same."""

    instance: str
    status: int | None
    first: Sample
    last: Sample

    @property
    def begins(self):
        """When it had begun, at the latest."""
        return self.first.received

    @property
    def ends(self):
        """Until when it lasted, at the least."""
        return self.last.sent


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs of yeses of different instances, and how far apart they were."""

    runs: tuple[Run, Run]
    least: float
    most: float


def apart(one, other):
    """How far apart two runs were: at least, and at most; nothing at all when they overlap."""
    if one.begins < other.ends and other.begins < one.ends:
        return Pair((one, other), 0.0, 0.0)
    edges = ((one.last, other.first), (other.last, one.first))
    least, most = min((_distance(*edge) for edge in edges), key=lambda distance: distance[1])
    return Pair((one, other), least, most)


def _distance(one, other):
    """How far apart the truths of two answers were: at least, and at most."""
    least = max(0.0, other.sent - one.received, one.sent - other.received)
    return least, max(other.received - one.sent, one.received - other.sent)


class Record:
    """Takes in answers, and keeps the runs that they make. A part of it, from one `begin` to the next, is a fault's.

    Attributes:
        runs: all runs, in the order in which they began.
        statuses: how often each status was answered since the part began.
        longest: the longest time without a leader that ended in this part.
        began: when the part began.
        latest: the newest answer of each instance.
    """

    def __init__(self, now):
        self.runs = []
        self.latest = {}
        self._open = {}
        self._last_yes = now
        self.begin(now)

    def begin(self, now):
        """Begin a new part."""
        self.began = now
        self.longest = 0.0
        self.statuses = Counter()

    def add(self, process, sample):
        """Take in an answer of a process, which is known by any key of its own."""
        self.latest[sample.instance] = sample
        self.statuses[sample.status] += 1
        run = self._open.get(process)
        if run is not None and run.status == sample.status:
            run.last = sample
        else:
            run = self._open[process] = Run(sample.instance, sample.status, sample, sample)
            self.runs.append(run)
        if sample.status == YES:
            self.longest = max(self.longest, sample.received - self._last_yes)
            self._last_yes = max(self._last_yes, sample.sent)

    def pairs(self):
        """All pairs of yeses of different instances of which at least one began in this part."""
        yeses = [run for run in self.runs if run.status == YES]
        return [
            apart(one, other)
            for one, other in combinations(yeses, 2)
            if one.instance != other.instance and max(one.begins, other.begins) >= self.began
        ]

    def closest(self):
        """The closest of these pairs; None without one."""
        return min(self.pairs(), key=lambda pair: pair.most, default=None)

    def at_once(self):
        """How many instances said yes at one moment of this part, at the least."""
        yeses = [run for run in self.runs if run.status == YES and run.ends >= self.began]
        return max((sum(_meant(run, each) for run in yeses) for each in yeses), default=0)


def _meant(run, other):
    """Whether a run of yeses lasted, at the least, at the moment when another had begun."""
    return run is other or run.begins <= other.begins <= run.ends
