"""What must be true of every run, at every instant of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from tests.simulation.run import Record, Yes

ROUNDING = 1e-6
"""Seconds that floating point may be off."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, and when."""

    at: float
    what: str


def check(record: Record) -> list[Fault]:
    """All that went wrong in a run."""
    return [*_too_close(record), *_nobody(record)]


def merged(yeses: list[Yes]) -> list[Yes]:
    """The same yeses, with those of one instance that follow each other without a gap made into one."""
    found: list[Yes] = []
    for yes in sorted(yeses, key=lambda yes: (yes.id, yes.start)):
        if found and found[-1].id == yes.id and yes.start <= found[-1].end + ROUNDING:
            found[-1] = Yes(yes.id, found[-1].start, max(found[-1].end, yes.end))
        else:
            found.append(yes)
    return found


def longest_overlap(yeses: list[Yes]) -> float:
    """The longest time for which two instances said yes at once; 0 when they never did."""
    pairs = combinations(merged(yeses), 2)
    return max((min(a.end, b.end) - max(a.start, b.start) for a, b in pairs if a.id != b.id), default=0.0)


def closest(yeses: list[Yes]) -> float | None:
    """The least time between the yeses of two instances; less than 0 when they overlap; None without two."""
    return min((gap for gap, _, _ in _gaps(yeses)), default=None)


def _gaps(yeses: list[Yes]) -> Iterator[tuple[float, Yes, Yes]]:
    """For each yes, the time since the last yes before it of another instance ended."""
    last: dict[str, Yes] = {}
    for yes in sorted(yeses, key=lambda yes: (yes.start, yes.end)):
        others = [before for name, before in last.items() if name != yes.id]
        if others:
            before = max(others, key=lambda before: before.end)
            yield yes.start - before.end, before, yes
        if yes.id not in last or yes.end > last[yes.id].end:
            last[yes.id] = yes


def _too_close(record: Record) -> Iterator[Fault]:
    guard = record.world.timing.guard
    for gap, before, yes in _gaps(record.yeses):
        if gap < guard - ROUNDING:
            yield Fault(yes.start, f"{yes.id} says yes {gap:+.3f} s after {before.id} said it last, not {guard:g} s")


def _nobody(record: Record) -> Iterator[Fault]:
    """After the world is quiet, one leads within the bound, and stays."""
    world = record.world
    deadline = world.quiet_at + world.patience
    members = [life for life in world.lives if life.leaves > world.ends]
    heir = min(members, key=lambda life: life.place)
    led_until = deadline
    for yes in sorted(record.yeses, key=lambda yes: yes.start):
        if yes.id == heir.id and yes.start <= led_until + ROUNDING:
            led_until = max(led_until, yes.end)
    if led_until < world.ends - ROUNDING:
        yield Fault(led_until, f"{heir.id} should lead from {deadline:.1f} s on, and does not at {led_until:.1f} s")
