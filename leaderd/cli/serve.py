"""`leaderd serve`: the daemon, in the foreground."""

import os
import sys

import click

from leaderd.cli.options import fail, options, settings_or_exit
from leaderd.errors import CannotStartError, LeaderdError


@click.command()
@options()
def serve(**flags: str | None) -> None:
    """Run the daemon, in the foreground.

    Every option can also be set as LEADERD_… in the environment, such as LEADERD_POLL_INTERVAL=10. A flag wins.
    """
    import asyncio  # noqa: PLC0415  other commands start faster without it

    settings = settings_or_exit(flags)
    from leaderd import log  # noqa: PLC0415  the same
    from leaderd.daemon.app import serve as run  # noqa: PLC0415  the same

    log.configure(settings.log_format, settings.log_level)
    try:
        asyncio.run(run(settings, os.environ))
    except CannotStartError as error:
        fail(error)
    except LeaderdError:
        sys.exit(1)
