"""`leaderd demo`: a pretend AWS and a small fleet of real daemons, on loopback."""

import io
import logging
import sys

import click

from leaderd.cli.options import fail
from leaderd.config import DEFAULT_PORT
from leaderd.errors import CannotStartError

MOST = 20
"""Instances in one demo: more than a laptop runs with ease."""


@click.command()
@click.option(
    "--instances", type=click.IntRange(1, MOST), default=3, show_default=True, help="Instances to begin with."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port of the first daemon; the others have the ports after it. 0: any free ones.",
)
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Tell a story without a terminal's keys, and tick until the seconds are over.",
)
def demo(instances: int, port: int, seconds: float | None) -> None:
    """Watch a small fleet elect a leader, lose it and elect the next. No AWS account is needed.

    On a terminal: a live view, with keys. Elsewhere, or with --for: a story of half a minute. Either ends with a
    table of the cron job's ticks: how many ran on no instance, on one, on two. Exit code 0: none ran on two.
    """
    import asyncio  # noqa: PLC0415  other commands start faster without it

    from leaderd.demo.show import show  # noqa: PLC0415  the same

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # what a terminal's character set lacks is no reason to end
    logging.getLogger().addHandler(logging.NullHandler())  # clients of the pretend AWS are killed, and that is no news
    try:
        sys.exit(asyncio.run(show(instances, port, seconds)))
    except CannotStartError as error:
        fail(error)
