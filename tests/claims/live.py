"""Leads real daemons through the faults, a tick a second."""

import asyncio

from tests.chaos.fleet import SIZE, TIMING, Fleet
from tests.chaos.story import story
from tests.claims.cron import Cron, opened

BREATH = 0.05
"""Seconds between two questions of the sampler to one process: here it only tells when the next fault can come."""


async def run(faults, ticks, tell):
    """Lead a fleet through faults, each for an equal share of so many ticks. Returns the tally.

    A fault that needs more ticks leaves less for those after it, but the last one has some in any case.
    """
    async with Fleet("listed", TIMING, BREATH) as fleet:
        await opened(await asyncio.gather(*(fleet.launch() for _ in range(SIZE))))
        async with Cron(fleet, faults[0].title) as cron:
            try:
                for left, fault in zip(range(len(faults), 0, -1), faults, strict=True):
                    await _face(fleet, fault, cron, (ticks - len(cron.tally.ticks)) // left)
            except (AssertionError, TimeoutError):
                tell(story(fleet, fleet.members))
                raise
        if cron.tally.problems:
            tell(story(fleet, ()))
    return cron.tally


async def _face(fleet, fault, cron, ticks):
    begun = len(cron.tally.ticks)
    cron.fault = fault.title
    await fault.act(fleet)
    await fleet.settled()
    await cron.reach(begun + ticks)
    await fleet.tidy()
