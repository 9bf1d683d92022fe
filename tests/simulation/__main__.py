"""The command line of the simulator."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.simulation.check import Fault, check
from tests.simulation.claims_check import check_claims, count_claims
from tests.simulation.claims_run import run_claims
from tests.simulation.claims_shrink import smaller_claims_worlds
from tests.simulation.claims_world import make_claims_world
from tests.simulation.run import Record, run
from tests.simulation.shrink import shrink, smaller_worlds
from tests.simulation.timeline import timeline
from tests.simulation.worlds import make_world


@dataclass(frozen=True, slots=True)
class Subject:
    """What is simulated: how its worlds are made, run, judged and made smaller, and what is counted in them."""

    make: Callable[[int], Any]
    run: Callable[[Any], Any]
    check: Callable[[Any], list[Fault]]
    smaller: Callable[[Any], Iterator[Any]]
    count: Callable[[Any], dict[str, int]]

    def fails(self, world: Any) -> bool:
        """Whether anything goes wrong in a world."""
        return bool(self.check(self.run(world)))


@dataclass(frozen=True, slots=True)
class Summary:
    """What one seed gave."""

    seed: int
    faulty: bool
    seconds: float
    counts: dict[str, int]


def count_leaders(record: Record) -> dict[str, int]:
    """What is worth a number in a run of leaders."""
    changed = len({yes.id for yes in record.yeses}) > 1
    return {"polls": record.polls, "worlds in which leadership changed hands": int(changed)}


LEADERS = Subject(make_world, run, check, smaller_worlds, count_leaders)
CLAIMS = Subject(make_claims_world, run_claims, check_claims, smaller_claims_worlds, count_claims)


def summarize(subject: Subject, seed: int) -> Summary:
    """Run the world of a seed."""
    record = subject.run(subject.make(seed))
    return Summary(seed, bool(subject.check(record)), record.world.ends, subject.count(record))


def explain(subject: Subject, seed: int) -> None:
    """Shrink the failing world of a seed, and print what happens in it."""
    smallest = shrink(subject.make(seed), subject.fails, subject.smaller)
    print(timeline(subject.run(smallest), subject.check))


def many(subject: Subject, first: int, count: int, workers: int) -> int:
    """Run many worlds, side by side."""
    began = time.monotonic()
    with ProcessPoolExecutor(workers) as pool:
        summaries = list(pool.map(partial(summarize, subject), range(first, first + count), chunksize=25))
    took = time.monotonic() - began
    simulated = sum(summary.seconds for summary in summaries)
    counts: Counter[str] = Counter()
    for summary in summaries:
        counts.update(summary.counts)
    print(
        f"{count} worlds, {simulated / 3600:.0f} h simulated in {took:.0f} s: {simulated / took:.0f} times real time; "
        + ", ".join(f"{number} {what}" for what, number in counts.items())
    )
    faulty = [summary.seed for summary in summaries if summary.faulty]
    print(f"{count - len(faulty)} passed, {len(faulty)} failed")
    if faulty:
        print(f"failing seeds: {faulty[:20]}; the first of them, shrunk:")
        explain(subject, faulty[0])
    return len(faulty)


def main() -> None:
    """Parse, and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Run simulated worlds.")
    parser.add_argument("--claims", action="store_true", help="worlds in which ticks are claimed, not led")
    parser.add_argument("--seeds", type=int, default=1000, help="how many worlds [1000]")
    parser.add_argument("--first", type=int, default=0, help="the first seed [0]")
    parser.add_argument("--seed", type=int, help="one world only, with its timeline")
    parser.add_argument("--workers", type=int, help="processes [one for each core]")
    arguments = parser.parse_args()
    subject = CLAIMS if arguments.claims else LEADERS
    if arguments.seed is not None:
        record = subject.run(subject.make(arguments.seed))
        print(timeline(record, subject.check))
        sys.exit(bool(subject.check(record)))
    sys.exit(bool(many(subject, arguments.first, arguments.seeds, arguments.workers)))


if __name__ == "__main__":
    main()
