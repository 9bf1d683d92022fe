"""The faults that the ticks go through: those of the leaders' chaos, and those of the store.

At each moment some instance can reach the store for a part of every tick: what nobody can claim, nobody runs.
"""

import asyncio
import time
from random import Random

from leaderd.demo.faults import Fault as Answer
from leaderd.demo.faults import StoreFault
from tests.chaos import leaders, newcomers, services
from tests.chaos.fault import Fault, failover, newcomer, nothing, slowed
from tests.chaos.fleet import TIMING
from tests.chaos.sampler import PATIENCE
from tests.claims.cron import EVERY, between_ticks, moment, next_tick, opened

SPELL = 3
"""Ticks in a row at whose beginning the store fails."""
BEFORE, AFTER = 0.1 * EVERY, 0.35 * EVERY
"""Seconds around the beginning of a tick for which the store fails: well within the tick."""
FLATTERED = 0.6 * TIMING.hold_down
"""Seconds that each caller is told that it is first: too short for any of them to lead by it."""
MISHAPS = (StoreFault.DROP, StoreFault.CONFLICT, StoreFault.THROTTLE, StoreFault.ERROR_500)


class Mishaps(dict):
    """Every other request, by chance, meets a mishap, but none of one instance: it can reach the store."""

    def __init__(self, spared):
        super().__init__()
        self._spared = spared
        self._random = Random(1)

    def get(self, caller, default):
        """The fault of one request by `caller`."""
        meets = caller != self._spared and self._random.random() < 0.5
        return self._random.choice(MISHAPS) if meets else default


async def settle(_fleet):
    """Nothing happens: the environment has just started."""


async def kill_and_start(fleet):
    """Its claims are not under way: tests.claims.test_killed is about those."""
    leader = fleet.first
    await fleet.kept(leader)
    await between_ticks()
    await leader.kill()
    await leader.start()


async def restart_all(fleet):
    """All but the last one at once, and the last one when another answers."""
    *others, last = list(fleet.members.values())
    await asyncio.gather(*(each.stop() for each in others))
    await asyncio.gather(*(each.start() for each in others))
    await opened(others)
    await between_ticks()
    await last.kill()
    await last.start()


async def flatter(fleet):
    fleet.cloud.faults.everyone = Answer.CALLER_FIRST
    await moment(time.time() + FLATTERED)
    fleet.cloud.faults.clear()


def around_ticks(fault):
    """The store fails so at the beginning of some ticks, for all."""

    async def act(fleet):
        for _ in range(SPELL):
            start = next_tick()
            await moment(start - BEFORE)
            fleet.cloud.store_faults.everyone = fault
            await moment(start + AFTER)
            fleet.cloud.store_faults.clear()

    return act


async def lose_answers(fleet):
    """The leader's write is done, but it is not told so, and has to find out."""
    s3, leader = fleet.aws.s3, fleet.first.id
    for _ in range(SPELL):
        reads = s3.count(caller=leader, action="GetObject")
        async with asyncio.timeout(PATIENCE):
            await s3.reached(reads + 1, caller=leader, action="GetObject")
        fleet.cloud.store_faults.once.append(StoreFault.LOST)
        await between_ticks()


async def refuse(fleet):
    """The store's port is closed at the beginning of some ticks."""
    for _ in range(SPELL):
        start = next_tick()
        await moment(start - BEFORE)
        await fleet.aws.s3_listener.close()
        await moment(start + AFTER)
        await fleet.aws.s3_listener.open()


async def mishaps(fleet):
    """Not of the last one, which comes to claim when it was in vain for all others."""
    faults = fleet.cloud.store_faults
    faults.of, healthy = Mishaps(fleet.cloud.members[-1]), faults.of
    for _ in range(2 * SPELL):
        await between_ticks()
    faults.of = healthy


async def cut_off(fleet):
    """Only the leader cannot reach the store."""
    fleet.cloud.store_faults.of[fleet.first.id] = StoreFault.HANG
    for _ in range(SPELL):
        await between_ticks()
    fleet.cloud.store_faults.clear()


START = Fault("a new environment has started, nobody leads yet", settle, newcomer)
KILLED = Fault("leader's instance killed (`kill -9`), dropped by EB later", leaders.kill, failover)
RESTARTED = Fault("leader killed (`kill -9`) and started again", kill_and_start, failover)
DROPPED = Fault("leader dropped by EB, but alive", leaders.drop, failover)
FROZEN = Fault("leader stopped (SIGSTOP) for longer than T, then continued", leaders.freeze, failover)
OVERTAKEN = Fault("a newcomer that EB lists first", newcomers.overtake, newcomer)
EVERYBODY = Fault("every daemon restarted, the last one when another answers", restart_all, failover)
LOST = Fault("S3 writes the leader's claim, and the answer is lost", lose_answers, nothing)
DOWN = Fault("S3 down (connections refused) for a part of each tick", refuse, nothing)
FLATTERED_ALL = Fault("EB tells each caller that it is first", flatter, None, outside="A1, A2")
ESSENTIAL = (START, RESTARTED, FROZEN, DROPPED, LOST, DOWN, FLATTERED_ALL, EVERYBODY)
"""The most important ones."""
FAULTS = (
    START,
    KILLED,
    RESTARTED,
    DROPPED,
    Fault("leader cut off from EB (its calls hang), then dropped", leaders.cut_off, failover),
    FROZEN,
    Fault("leader stopped, dropped, and continued when another leads", leaders.freeze_and_drop, failover),
    Fault("leader told by IMDS that it is terminated, then dropped", leaders.terminate, failover),
    OVERTAKEN,
    Fault("rolling replacement of all instances", newcomers.roll, newcomer),
    Fault("the list in another order at each call", newcomers.shuffle, None, outside="A2"),
    FLATTERED_ALL,
    Fault("EB throttles everybody for longer than T", services.throttle, slowed),
    Fault("EB down (connections refused) for longer than T", services.refuse, failover),
    Fault("EB lists nobody for longer than T", services.empty, failover),
    Fault("EB answers web pages, half documents, ids twice", services.lie, nothing),
    Fault("EB leaves each caller out of its list", services.leave_out, newcomer),
    Fault("IMDS of the leader gone (refused, then 503) and back", services.lose_imds, nothing),
    EVERYBODY,
    Fault("S3 throttles for a part of each tick", around_ticks(StoreFault.THROTTLE), nothing),
    DOWN,
    LOST,
    Fault("S3 answers conditional writes with conflicts", around_ticks(StoreFault.CONFLICT), nothing),
    Fault("every other request to S3 fails, for all but the last instance", mishaps, nothing),
    Fault("S3 hangs for the leader alone", cut_off, nothing),
)
"""All of them."""
