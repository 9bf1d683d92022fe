"""The command line: `python -m tests.claims --ticks 300 --write docs/claims-ticks.md`."""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.claims.document import document
from tests.claims.faults import FAULTS
from tests.claims.live import run
from tests.claims.ticks import text


def main():
    """Parse, run, print."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.claims", description="Count what runs at ticks, and how often."
    )
    parser.add_argument("--ticks", type=int, default=300, help="how many there are  [300]")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table as Markdown as well")
    arguments = parser.parse_args()
    tally = asyncio.run(run(FAULTS, arguments.ticks, print))
    print(text(tally))
    if arguments.write:
        arguments.write.write_text(document(tally))
    print("\n".join(tally.problems) or "Nothing is wrong.")
    sys.exit(bool(tally.problems))


if __name__ == "__main__":
    main()
