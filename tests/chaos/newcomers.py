"""Faults of the list: newcomers that overtake, and lists in no order; with each way of saying who is first."""

import asyncio
from dataclasses import replace
from itertools import count

from leaderd.demo.faults import Fault as Answer
from tests.chaos.fault import Fault, failover, newcomer, nothing
from tests.chaos.fleet import TIMING
from tests.chaos.leaders import NOTICING, START, drop

BLINK = 0.6 * TIMING.poll_interval
"""Seconds that a brief newcomer is listed: less than the leader waits between two polls, 0.9 P at the least."""
BLINKS = 3
HIDDEN = TIMING.max_staleness - TIMING.longest_pause - 0.3
"""Seconds that the leader hears nothing: as long as may be, with room for a poll in time to go on believing."""
DISORDER = TIMING.max_staleness + 0.5
"""Seconds that lists come in no order."""
SMALL = count(999, -1)
"""Numbers of instances whose ids are smaller than all others."""


async def overtake(fleet):
    with fleet.fault():
        await fleet.launch(next(SMALL), first=True)


async def blink(fleet):
    """Newcomers that the leader cannot see: each is listed first right after a poll of the leader."""
    leader = fleet.first
    newcomers = await asyncio.gather(*(fleet.launch(next(SMALL), listed=False) for _ in range(BLINKS)))
    with fleet.fault():
        for each in newcomers:
            await fleet.polled(leader)
            fleet.cloud.arrange([each.id, *fleet.cloud.members])
            await asyncio.sleep(BLINK)
            fleet.cloud.drop(each.id)


async def hide(fleet):
    """A newcomer that only the probation holds back.

    It is first while the leader hears nothing. When the leader hears again, the newcomer is gone, but hears nothing in
    its turn, and goes on believing that it is first.
    """
    leader = fleet.first
    newcomer = await fleet.launch(next(SMALL), listed=False)
    await fleet.polled(leader)
    with fleet.fault():
        fleet.cloud.faults.of[leader.id] = Answer.ERROR_500
        fleet.cloud.arrange([newcomer.id, *fleet.cloud.members])
        await asyncio.sleep(HIDDEN)
        fleet.cloud.drop(newcomer.id)
        fleet.cloud.faults.of[newcomer.id] = Answer.ERROR_500
        del fleet.cloud.faults.of[leader.id]
    await newcomer.event("role.changed", new="unknown")
    fleet.cloud.faults.clear()


async def roll(fleet):
    with fleet.fault():
        for old in [fleet.members[each] for each in fleet.cloud.members]:
            await fleet.launch()
            fleet.cloud.instances[old.id].lifecycle = "Terminated"
            await asyncio.sleep(NOTICING)
            fleet.cloud.drop(old.id)
            await old.die()


async def shuffle(fleet):
    with fleet.fault():
        fleet.cloud.faults.everyone = Answer.SHUFFLE
        await asyncio.sleep(DISORDER)
        fleet.cloud.faults.clear()


async def shuffle_and_drop(fleet):
    fleet.cloud.faults.everyone = Answer.SHUFFLE
    await drop(fleet)
    await fleet.settled()
    fleet.cloud.faults.clear()


async def flatter(fleet):
    """Each caller is told that it is first, until all of them believe it."""
    with fleet.fault():
        fleet.cloud.faults.everyone = Answer.CALLER_FIRST
        await asyncio.gather(*(fleet.sampler.says(each, 200) for each in fleet.cloud.members))
        fleet.cloud.faults.clear()


LISTED = (
    START,
    Fault("a newcomer that EB lists first", overtake, newcomer),
    Fault(f"{BLINKS} newcomers listed first between two polls of the leader", blink, failover),
    Fault("newcomer listed first while the leader hears nothing, gone after", hide, nothing),
    Fault("rolling replacement of all instances", roll, newcomer),
    Fault("the list in another order at each call", shuffle, None, outside="A2"),
    Fault("each caller told that it is first", flatter, None, outside="A1, A2", leaders=2),
)
ID = (
    replace(START, title="a new environment starts, `--order id`"),
    Fault("the list in another order at each call, `--order id`", shuffle, nothing),
    Fault("leader dropped while the list comes in no order, `--order id`", shuffle_and_drop, failover),
    Fault("a newcomer with the smallest id, `--order id`", overtake, newcomer),
    Fault(f"{BLINKS} newcomers between two polls of the leader, `--order id`", blink, failover),
)
