"""Faults of the leader: it dies, is dropped, cut off, stopped, or told to go."""

import asyncio

from leaderd.demo.faults import Fault as Answer
from tests.chaos.fault import Fault, failover, newcomer
from tests.chaos.fleet import SIZE, TIMING

NOTICING = 0.5
"""Seconds after which EB drops an instance that is dead, cut off, or has been told that it is terminated."""
FREEZE = TIMING.max_staleness + 0.5
"""Seconds that a process stands still: longer than an answer is believed."""


async def start(fleet):
    with fleet.fault():
        await asyncio.gather(*(fleet.launch() for _ in range(SIZE)))


async def kill(fleet):
    leader = fleet.first
    with fleet.fault():
        await leader.die()
        await asyncio.sleep(NOTICING)
        fleet.cloud.drop(leader.id)


async def drop(fleet):
    with fleet.fault():
        fleet.cloud.drop(fleet.first.id)


async def cut_off(fleet):
    leader = fleet.first
    with fleet.fault():
        fleet.cloud.faults.of[leader.id] = Answer.HANG
        await asyncio.sleep(NOTICING)
        fleet.cloud.drop(leader.id)
    await fleet.settled()
    fleet.cloud.faults.clear()
    await fleet.polled(leader)


async def cut_off_after_its_poll(fleet):
    """The worst moment: the leader has just been told that it is first, and believes that for as long as it may."""
    leader = fleet.first
    await fleet.polled(leader)
    with fleet.fault():
        fleet.cloud.faults.of[leader.id] = Answer.DROP
        fleet.cloud.drop(leader.id)
    await fleet.settled()
    fleet.cloud.faults.clear()
    await fleet.polled(leader)


async def freeze(fleet):
    leader = fleet.first
    with fleet.fault():
        leader.freeze()
        await asyncio.sleep(FREEZE)
        leader.thaw()


async def freeze_and_drop(fleet):
    leader = fleet.first
    with fleet.fault():
        leader.freeze()
        fleet.cloud.drop(leader.id)
    await fleet.settled()
    leader.thaw()
    await fleet.kept(leader)


async def drop_with_stale_answers(fleet):
    fleet.cloud.longest_lag = TIMING.api_lag
    with fleet.fault():
        fleet.cloud.drop(fleet.first.id)
    await fleet.settled()
    fleet.cloud.longest_lag = 0.0


async def terminate(fleet):
    leader = fleet.first
    with fleet.fault():
        fleet.cloud.instances[leader.id].lifecycle = "Terminated"
        await fleet.sampler.says(leader.id, 409)
        await asyncio.sleep(NOTICING)
        fleet.cloud.drop(leader.id)
    await leader.die()


START = Fault("a new environment starts", start, newcomer)
FAULTS = (
    START,
    Fault("leader killed (`kill -9`), dropped by EB later", kill, failover),
    Fault("leader dropped by EB, but alive", drop, failover),
    Fault("leader cut off from EB (its calls hang), then dropped", cut_off, failover),
    Fault("leader cut off and dropped right after a poll of its own", cut_off_after_its_poll, failover),
    Fault("leader stopped (SIGSTOP) for longer than T, then continued", freeze, failover),
    Fault("leader stopped, dropped, and continued when another leads", freeze_and_drop, failover),
    Fault("leader dropped while answers are stale by up to D", drop_with_stale_answers, failover),
    Fault("leader told by IMDS that it is terminated, then dropped", terminate, failover),
)
