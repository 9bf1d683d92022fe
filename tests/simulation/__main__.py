"""The command line of the simulator."""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.simulation.check import check
from tests.simulation.run import run
from tests.simulation.shrink import shrink
from tests.simulation.timeline import timeline
from tests.simulation.worlds import make_world


@dataclass(frozen=True, slots=True)
class Summary:
    """What one seed gave."""

    seed: int
    faulty: bool
    polls: int
    seconds: float
    leaders: int


def summarize(seed: int) -> Summary:
    """Run the world of a seed."""
    record = run(make_world(seed))
    leaders = len({yes.id for yes in record.yeses})
    return Summary(seed, bool(check(record)), record.polls, record.world.ends, leaders)


def explain(seed: int) -> None:
    """Shrink the failing world of a seed, and print what happens in it."""
    smallest = shrink(make_world(seed), lambda world: bool(check(run(world))))
    print(timeline(run(smallest)))


def many(first: int, count: int, workers: int) -> int:
    """Run many worlds, side by side."""
    began = time.monotonic()
    with ProcessPoolExecutor(workers) as pool:
        summaries = list(pool.map(summarize, range(first, first + count), chunksize=25))
    took = time.monotonic() - began
    simulated = sum(summary.seconds for summary in summaries)
    print(
        f"{count} worlds, {simulated / 3600:.0f} h simulated in {took:.0f} s: {simulated / took:.0f} times real time; "
        f"{sum(summary.polls for summary in summaries)} polls, "
        f"{sum(summary.leaders > 1 for summary in summaries)} worlds in which leadership changed hands"
    )
    faulty = [summary.seed for summary in summaries if summary.faulty]
    print(f"{count - len(faulty)} passed, {len(faulty)} failed")
    if faulty:
        print(f"failing seeds: {faulty[:20]}; the first of them, shrunk:")
        explain(faulty[0])
    return len(faulty)


def main() -> None:
    """Parse, and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Run simulated worlds.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many worlds [1000]")
    parser.add_argument("--first", type=int, default=0, help="the first seed [0]")
    parser.add_argument("--seed", type=int, help="one world only, with its timeline")
    parser.add_argument("--workers", type=int, help="processes [one for each core]")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        record = run(make_world(arguments.seed))
        print(timeline(record))
        sys.exit(bool(check(record)))
    sys.exit(bool(many(arguments.first, arguments.seeds, arguments.workers)))


if __name__ == "__main__":
    main()
