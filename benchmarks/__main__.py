"""Measures what leaderd costs; prints a table, and writes docs/performance.json and docs/performance.svg.

python -m benchmarks                 five minutes
python -m benchmarks --long          with ten idle minutes and a million requests: a quarter of an hour
python -m benchmarks --only claims   one section, printed and not written
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks import claims, fleet, process, question, server
from benchmarks.lab import Lab, lab
from benchmarks.plot import chart
from benchmarks.row import Row, table

DOCS = Path(__file__).parents[1] / "docs"


def sections(*, long: bool) -> Mapping[str, Callable[[Lab], list[Row]]]:
    """What there is to measure."""
    life = {"requests": process.MILLION, "idle": process.TEN_MINUTES} if long else {}
    return {
        "question": question.measure,
        "server": server.measure,
        "process": partial(process.measure, **life),
        "claims": lambda _: claims.measure(),
        "fleet": lambda _: fleet.measure(),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what leaderd costs.")
    parser.add_argument("--python", default=sys.executable, help="runs leaderd: one without the tools of development")
    parser.add_argument("--long", action="store_true", help="let it idle for ten minutes, and ask a million times")
    parser.add_argument("--only", choices=sections(long=False), action="append", help="measure this section alone")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with lab(arguments.python) as place:
        for name, measure in sections(long=arguments.long).items():
            if not arguments.only or name in arguments.only:
                print(f"measuring: {name}", file=sys.stderr)
                rows += measure(place)
    print(table(rows))
    if not arguments.only:
        data = [asdict(row) | {"met": row.met} for row in rows]
        (DOCS / "performance.json").write_text(json.dumps(data, indent=1) + "\n")
        (DOCS / "performance.svg").write_text(chart(rows))


if __name__ == "__main__":
    main()
