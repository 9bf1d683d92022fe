"""Faults of what the daemons ask, EB and IMDS; and restarts of the daemons themselves."""

import asyncio
from dataclasses import replace

from leaderd.demo.cloud import ImdsFault
from leaderd.demo.faults import Fault as Answer
from tests.chaos.fault import Fault, failover, newcomer, nothing, restart, slowed
from tests.chaos.fleet import PATIENT, TIMING
from tests.chaos.leaders import START

OUTAGE = TIMING.max_staleness + 0.5
"""Seconds that EB does not help: longer than an answer is believed."""
HICCUP = TIMING.max_staleness / 4
"""Seconds that EB does not help: shorter than an answer is believed, with room for a poll that takes long."""


async def throttle(fleet):
    with fleet.fault():
        fleet.cloud.faults.everyone = Answer.THROTTLE
        await asyncio.sleep(OUTAGE)
        fleet.cloud.faults.clear()


async def refuse(fleet):
    with fleet.fault():
        await fleet.aws.beanstalk_listener.close()
        await asyncio.sleep(OUTAGE)
        await fleet.aws.beanstalk_listener.open()


async def refuse_for_a_moment(fleet):
    with fleet.fault():
        await fleet.aws.beanstalk_listener.close()
        await asyncio.sleep(HICCUP)
        await fleet.aws.beanstalk_listener.open()


async def empty(fleet):
    with fleet.fault():
        fleet.cloud.faults.everyone = Answer.EMPTY
        await asyncio.sleep(OUTAGE)
        fleet.cloud.faults.clear()


async def lie(fleet):
    with fleet.fault():
        for answer in (Answer.HTML, Answer.HALF, Answer.DUPLICATES):
            fleet.cloud.faults.everyone = answer
            await fleet.polled(fleet.first)
        fleet.cloud.faults.clear()


async def leave_out(fleet):
    """Each caller is told a list of the others, which is as definite a no as there is."""
    with fleet.fault():
        fleet.cloud.faults.everyone = Answer.WITHOUT_CALLER
        await fleet.sampler.says(fleet.first.id, 409)
        fleet.cloud.faults.clear()


async def lose_imds(fleet):
    leader = fleet.first
    metadata = fleet.aws.imds_listeners[leader.id]
    with fleet.fault():
        await metadata.close()
        await fleet.polled(leader, fleet.calls(leader) + 3)
        await metadata.open()
        fleet.cloud.instances[leader.id].imds = ImdsFault.UNAVAILABLE
        await fleet.polled(leader, fleet.calls(leader) + 3)
        fleet.cloud.instances[leader.id].imds = ImdsFault.OK


async def stop_and_start(fleet):
    leader = fleet.first
    await fleet.kept(leader)
    with fleet.fault():
        await leader.stop()
        await leader.start()


async def kill_and_start(fleet):
    leader = fleet.first
    await fleet.kept(leader)
    with fleet.fault():
        await leader.kill()
        await leader.start()


async def restart_all(fleet):
    members = list(fleet.members.values())
    await fleet.kept(fleet.first)
    with fleet.fault():
        await asyncio.gather(*(member.stop() for member in members))
        await asyncio.gather(*(member.start() for member in members))


FAULTS = (
    START,
    Fault("everybody throttled for longer than T", throttle, slowed),
    Fault("EB down (connections refused) for longer than T", refuse, failover),
    Fault("EB down for a moment", refuse_for_a_moment, nothing),
    Fault("EB lists nobody for longer than T", empty, failover),
    Fault("EB answers web pages, half documents, ids twice", lie, nothing),
    Fault("EB leaves each caller out of its list", leave_out, newcomer),
    Fault("IMDS of the leader gone (refused, then 503) and back", lose_imds, nothing),
)
RESTARTS = (
    replace(START, title=f"a new environment starts, T = {PATIENT.max_staleness:g} s"),
    Fault("leader restarted, with its state file", stop_and_start, restart),
    Fault("leader killed and started again, with its state file", kill_and_start, restart),
    Fault("all daemons restarted at once, with their state files", restart_all, failover),
)
