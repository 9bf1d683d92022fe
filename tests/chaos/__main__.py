"""The command line."""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.chaos.document import document
from tests.chaos.run import FLEETS, run
from tests.chaos.table import LEGEND, text


async def collect(names):
    """Run fleets, one after the other: the rows of each."""
    return [row for name in names for row in await run(name, print)]


def main():
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Run daemons through all faults.")
    parser.add_argument("--fleet", action="append", choices=FLEETS, help="only this one; may be given more than once")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table as Markdown as well")
    arguments = parser.parse_args()
    rows = asyncio.run(collect(arguments.fleet or FLEETS))
    print(f"{text(rows)}\n\n{LEGEND}")
    if arguments.write:
        arguments.write.write_text(document(rows))
    problems = [problem for row in rows for problem in row.problems]
    print("\n".join(problems) or "Nothing is wrong.")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
