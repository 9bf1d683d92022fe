"""The demo as a whole: the live view on a terminal, else the told story."""

import sys

import click

from leaderd.demo import story, terminal
from leaderd.demo.live import Live, News
from leaderd.demo.stage import perform, set_up
from leaderd.demo.ticks import table


async def show(instances: int, first_port: int, seconds: float | None) -> int:
    """Show the demo until it is over, or somebody ends it. Returns the exit code.

    Args:
        instances: how many instances to begin with.
        first_port: where the first daemon listens; 0: any free ports.
        seconds: tell the story, for so long; None: the live view where there is a terminal.

    Raises:
        CannotStartError: a port is taken, or a daemon does not start.
    """
    if seconds is None and terminal.usable(sys.stdin, sys.stdout):
        return await perform(_watch(instances, first_port))
    return await perform(_tell(instances, first_port, seconds))


async def _tell(instances: int, first_port: int, seconds: float | None) -> int:
    async with set_up(instances, first_port, lambda news: click.echo(f"           {news}")) as stage:
        return await story.tell(stage, seconds, click.echo)


async def _watch(instances: int, first_port: int) -> int:
    news = News()
    async with set_up(instances, first_port, news.tell) as stage:
        click.echo(f"Starting a pretend AWS and {instances} daemons …")
        await stage.fleet.start()
        news.tell(f"started; logs in {stage.directory}")
        try:
            with terminal.opened(sys.stdin, sys.stdout) as opened:
                await Live(stage, opened, news).run()
        finally:
            click.echo("\n".join(table(stage.cron.tally)))
        return stage.cron.tally.exit_code()
