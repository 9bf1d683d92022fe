"""What a fault is, and what it may cost."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from leaderd.core.timing import Timing
from tests.chaos.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        title: what happens, for the table.
        act: lets it happen. What is done within `fleet.fault()` is the fault, and counts as the time that it lasts.
        bound: how long there may be no leader, by the settings and by how long the fault lasted, all in seconds, on a
            machine that has nothing else to do; None where nothing is promised.
        outside: which assumption of docs/safety.md the fault breaks; "" when none.
        leaders: how many instances must say yes at once before the check may be believed; more than one only where
            an assumption is broken on purpose.
    """

    title: str
    act: Callable[[Fleet], Awaitable[None]]
    bound: Callable[[Timing, float], float] | None
    outside: str = ""
    leaders: int = 0


def failover(timing, lasted):
    """Another one that has long been listed takes over, or the same one starts anew."""
    return lasted + timing.failover_bound


def newcomer(timing, lasted):
    """One takes over that has just been listed, or listed again."""
    return lasted + timing.failover_bound - timing.hold_down + timing.probation


def slowed(timing, lasted):
    """Polls that were throttled are repeated ever more slowly, but at least once in T."""
    return failover(timing, lasted) + timing.max_staleness


def nothing(_timing, _lasted):
    """The leader goes on as if nothing had happened."""
    return 0.0


def restart(_timing, _lasted):
    """The leader is back, with its state file, in less than two seconds."""
    return 2.0
