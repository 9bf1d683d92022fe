"""A demo in small, and what is needed to look at one."""

import asyncio
import socket
from contextlib import asynccontextmanager

from leaderd.core.timing import Timing
from leaderd.demo.stage import set_up

FAST = Timing.derive(poll_interval=0.3, request_timeout=0.5, max_staleness=1.2, api_lag=0.2, guard=0.1)
PATIENCE = 25  # seconds, after which a test gives up; nothing is measured by it


@asynccontextmanager
async def small_stage(instances, *, started=True):
    """A stage whose daemons poll and whose cron ticks faster than one could follow; and the list of its news."""
    news = []
    async with set_up(instances, 0, news.append, timing=FAST, every=0.25) as stage:
        if started:
            await stage.fleet.start()
        yield stage, news


async def until(holds):
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  processes do not call back
            await asyncio.sleep(0.02)


async def until_answers(fleet, hold):
    """Wait until the answers of a fleet are as wanted, and return them."""
    async with asyncio.timeout(PATIENCE):
        while not hold(answers := await fleet.ask()):  # noqa: ASYNC110  daemons do not call back
            await asyncio.sleep(0.02)
    return answers


def listens(port):
    """Whether anybody listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
