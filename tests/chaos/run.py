"""Runs one fleet through its faults."""

import time

from tests.chaos import leaders, newcomers, services
from tests.chaos.fleet import PATIENT, TIMING, Fleet
from tests.chaos.story import story
from tests.chaos.table import Row

STARTS = 2
"""How often the slowest start of a daemon, as seen so far, may come on top of the bound: once for a process that has to
start, once for a machine that has other work."""
FLEETS = {
    "leaders": ("listed", TIMING, leaders.FAULTS),
    "newcomers": ("listed", TIMING, newcomers.LISTED),
    "services": ("listed", TIMING, services.FAULTS),
    "ids": ("id", TIMING, newcomers.ID),
    "restarts": ("listed", PATIENT, services.RESTARTS),
}
"""The order and the settings of each fleet, and its faults."""


async def run(name, tell):
    """Lead a fleet through its faults. Returns the rows; the story of a fault that went wrong is told."""
    order, timing, faults = FLEETS[name]
    rows = []
    async with Fleet(order, timing) as fleet:
        for fault in faults:
            try:
                rows.append(row := await _face(fleet, fault))
            except (AssertionError, TimeoutError):
                tell(story(fleet, fleet.members))
                raise
            if row.problems:
                whose = {run.instance for run in row.closest.runs} if row.closest else set()
                tell("\n".join([*row.problems, story(fleet, whose)]))
            fleet.sampler.record.begin(time.monotonic())
            await fleet.tidy()
    return rows


async def _face(fleet, fault):
    record = fleet.sampler.record
    await fault.act(fleet)
    await fleet.settled()
    return Row(
        fault=fault,
        longest=record.longest,
        bound=fault.bound and fault.bound(fleet.timing, fleet.lasted),
        allowance=STARTS * fleet.slowest_start,
        guard=fleet.timing.guard,
        closest=record.closest(),
        at_once=record.at_once(),
        statuses=dict(record.statuses),
    )
