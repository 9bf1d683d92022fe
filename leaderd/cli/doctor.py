"""`leaderd doctor`: checks this instance, a line for each check."""

import io
import json
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from leaderd.aws.finding import Finding
from leaderd.cli.options import options, settings_or_exit
from leaderd.config import Settings

SICK = 1
"""Exit code where something is to be mended."""
MARKS = {True: "✓", False: "✗", None: "?"}
PLAIN_MARKS = {True: "+", False: "x", None: "?"}
"""For character sets that lack the others."""
COLOURS = {True: "green", False: "red", None: "yellow"}
NAME_WIDTH = 13
LEAST_WIDTH = 60
"""Columns below which lines are not wrapped: it would help nobody."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a list of {check, ok, finding, mend}, as JSON.")
@click.option("--root", default="/", hidden=True, help="Root of the file system to look at.")
@options()
def doctor(*, as_json: bool, root: str, **flags: str | None) -> None:
    """Check this instance, from its metadata to the permission to ask Elastic Beanstalk.

    A line for each check, and under each ✗ what mends it; ? was not checked, for want of what failed before. It takes
    the settings of `leaderd serve`, asks Elastic Beanstalk four times at most, and changes nothing.

    Exit code 0: all is well. 1: something is to be mended.
    """
    import asyncio  # noqa: PLC0415  other commands start faster without it

    settings = settings_or_exit(flags)
    logging.getLogger().addHandler(logging.NullHandler())  # what libraries warn of, the findings say
    printer = Printer()
    findings = asyncio.run(_examine(settings, Path(root), None if as_json else printer))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        printer.sum_up(findings)
    sys.exit(SICK if any(finding.ok is False for finding in findings) else 0)


async def _examine(settings: Settings, root: Path, printer: "Printer | None") -> list[Finding]:
    from leaderd.aws.doctor import AwsDoctor  # noqa: PLC0415  other commands start faster without it
    from leaderd.daemon.doctor import examine  # noqa: PLC0415  the same

    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        findings.append(finding)
        if printer:
            printer.show(finding)

    aws = AwsDoctor(settings, os.environ, root=root)
    await aws.examine(tell)
    await examine(settings, aws.place, tell, root=root)
    return findings


class Printer:
    """Prints findings as lines: whole ones into a pipe or a file, wrapped ones on a terminal."""

    def __init__(self) -> None:
        plain = not _can_show("✓✗→…")
        self._marks, self._arrow = (PLAIN_MARKS, "->") if plain else (MARKS, "→")
        if plain and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        self._width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0

    def show(self, finding: Finding) -> None:
        """Print one."""
        mark = click.style(self._marks[finding.ok], fg=COLOURS[finding.ok])
        first, *more = self._wrapped(finding.finding)
        click.echo(f"{mark} {finding.check:{NAME_WIDTH}}{first}")
        for number, mend in enumerate(finding.mend.splitlines()):
            more += self._wrapped(f"{self._arrow} {mend}" if number == 0 else mend)
        for line in more:
            click.echo(f"{'':{NAME_WIDTH + 2}}{line}")

    def sum_up(self, findings: Sequence[Finding]) -> None:
        """Print how many there were of each kind."""
        failed = sum(finding.ok is False for finding in findings)
        unchecked = sum(finding.ok is None for finding in findings)
        skipped = f", {unchecked} not checked" if unchecked else ""
        click.echo(f"\n{failed or 'nothing'} to mend in {len(findings)} checks{skipped}")

    def _wrapped(self, text: str) -> list[str]:
        room = self._width - NAME_WIDTH - 3
        if self._width < LEAST_WIDTH:
            return [text]
        return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeError:
        return False
    return True
