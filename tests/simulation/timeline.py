"""A run as a person reads it: one line for each thing that happened, in order."""

from collections.abc import Callable, Iterator
from math import inf

from tests.simulation.check import Fault, check
from tests.simulation.run import Event, Record
from tests.simulation.world import Life

LETTERS = {
    "T": "max_staleness",
    "P": "poll_interval",
    "R": "request_timeout",
    "D": "api_lag",
    "g": "guard",
    "H": "hold_down",
    "N": "probation",
}


def timeline(record: Record, check: Callable[[Record], list[Fault]] = check) -> str:
    """The world, what happened in it, and what was wrong with it."""
    world, timing = record.world, record.world.timing
    faults = check(record)
    events = [*record.events, *(Event(fault.at, "!!!", fault.what) for fault in faults)]
    events += [event for life in world.lives for event in _life(life)]
    events += [Event(at, "world", f"{name} until {end:.1f}") for name, at, end in _spans(record)]
    lines = [
        f"seed {world.seed}: {world.kind}, {len(world.lives)} instances, answers {world.teller}, {len(faults)} faults",
        " ".join(f"{letter}={getattr(timing, name):g}" for letter, name in LETTERS.items()),
        f"quiet at {world.quiet_at:.1f}",
        *(f"{event.at:10.3f}  {event.id:6} {event.what}" for event in sorted(events, key=lambda event: event.at)),
    ]
    return "\n".join(lines)


def _life(life: Life) -> Iterator[Event]:
    moments = {"starts": life.starts, "joins": life.joins, "leaves": life.leaves, "dies": life.dies}
    for what, at in moments.items():
        if at < inf:
            rate = f" (place {life.place:g}, clock {life.rate:.4f})" if what == "starts" else ""
            yield Event(at, life.id, f"-- {what}{rate}")
    for at, keeps in life.restarts:
        yield Event(at, life.id, f"-- restarts {'with' if keeps else 'without'} its state file")
    for start, end in life.pauses:
        yield Event(start, life.id, f"-- stands still until {end:.1f}")
    for start, end in life.cuts:
        yield Event(start, life.id, f"-- is cut off until {end:.1f}")


def _spans(record: Record) -> Iterator[tuple[str, float, float]]:
    for start, end in record.world.outages:
        yield "-- API out", start, end
    for start, end in record.world.throttles:
        yield "-- API throttles", start, end
