"""The pretend cron of every instance, which asks in three ways at each tick whether the job is to run there."""

import asyncio
import secrets
import time
from contextlib import suppress
from datetime import datetime

import aiohttp

from leaderd.demo.cloud import ImdsFault
from leaderd.demo.faults import Fault
from leaderd.demo.wire import ApiError
from tests.chaos.sampler import PATIENCE
from tests.claims.ticks import Tally

JOB = "invoices"
EVERY = 1
"""Seconds between two ticks: whole ones, as everywhere."""
ANSWER_TIMEOUT = aiohttp.ClientTimeout(total=30)
"""What `leaderd run` has."""
PAUSES = 10
"""In how many pauses `leaderd run` divides a tick that is too short for what it is told to wait."""
NO_LIST = {Fault.HANG, Fault.DROP, Fault.HTML, Fault.HALF}
"""What is no answer to a script that asks EB."""


async def moment(wall):
    """Wait for a moment (Unix time, seconds), and never less, as cron does."""
    while (left := wall - time.time()) > 0:  # noqa: ASYNC110  timers go by another clock, and nothing sets an event
        await asyncio.sleep(left)


def next_tick():
    """When the next tick begins."""
    return (int(time.time()) // EVERY + 1) * EVERY


async def between_ticks():
    """Wait for the middle of a tick: who is to run it is known by then, and nobody asks until the next one."""
    await moment(next_tick() + EVERY / 2)


async def opened(members):
    """Wait until these can claim: a store that was too slow for them when they were started is opened by asking."""
    async with asyncio.timeout(PATIENCE):
        for member in members:
            while (await member.get(f"/claims/{JOB}")).status == 503:
                await between_ticks()


class Cron:
    """Ticks on all instances of a fleet that live. Use it as a context manager.

    Args:
        fleet: the fleet.

    Attributes:
        fault: what the coming ticks are counted under.
        tally: what ran.
    """

    def __init__(self, fleet, fault):
        self.fault = fault
        self.tally = Tally()
        self._fleet = fleet
        self._asking = set()

    async def __aenter__(self):
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=ANSWER_TIMEOUT)
        self._ticking = asyncio.create_task(self._tick(), name="cron")
        return self

    async def __aexit__(self, *_):
        self._ticking.cancel()
        ended = await asyncio.gather(self._ticking, *self._asking, return_exceptions=True)
        await self._session.close()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def reach(self, ticks):
        """Wait until there have been so many ticks, and for the middle of one in any case."""
        await between_ticks()
        while len(self.tally.ticks) < ticks:
            await between_ticks()

    async def _tick(self):
        while True:
            start = next_tick()
            await moment(start)
            self.tally.begin(start, self.fault)
            for member in list(self._fleet.members.values()):
                if not member.dead:
                    for ask in (self._claim, self._lead, self._look):
                        self._asking.add(asyncio.create_task(ask(member, start)))

    async def _claim(self, member, start):
        """Ask for the tick as `leaderd run` does: again, as the same asker, while it is not known and not over."""
        asker = {"Idempotency-Key": secrets.token_hex(8)}
        ends = start + EVERY
        while True:
            status, body = await self._ask(member, "POST", f"/claims/{JOB}?every={EVERY}", headers=asker)
            if status == 200:
                assert body["holder"] == member.id, body
                self.tally.add(datetime.fromisoformat(body["key"]).timestamp(), "claims", member.id)
            if status in {200, 409}:
                return
            assert status in {503, None}, body
            again = time.time() + EVERY / PAUSES
            if again >= ends:
                return
            await moment(again)

    async def _lead(self, member, start):
        """Ask who leads, once, as curl does."""
        status, body = await self._ask(member, "GET", "/leader")
        if status == 200:
            assert body["instance_id"] == member.id, body
            self.tally.add(start, "leader", member.id)

    async def _look(self, member, start):
        """Ask IMDS and EB, as a script does that knows nothing of leaderd."""
        if _me(self._fleet.aws, member.id) in _listed(self._fleet.aws, member.id)[:1]:
            self.tally.add(start, "bare", member.id)

    async def _ask(self, member, method, path, **how):
        """One request to the daemon there: its status and its body; none where the connection breaks."""
        with suppress(aiohttp.ClientError, TimeoutError):
            if member.url is not None:
                async with self._session.request(method, member.url + path, **how) as response:
                    return response.status, await response.json()
        return None, None


def _me(aws, instance_id):
    """Who IMDS tells an instance that it is; None where it does not say."""
    listener = aws.imds_listeners.get(instance_id)
    says = listener is not None and listener._runner and aws.cloud.instances[instance_id].imds is ImdsFault.OK
    return instance_id if says else None


def _listed(aws, instance_id):
    """Whom EB lists when this instance asks now; nobody where it gives no list.

    Not asked over the wire: the faults wait until a daemon has asked, and must not take this for it.
    """
    fault = aws.cloud.faults.pick(instance_id)
    if aws.beanstalk_listener._runner is None or fault in NO_LIST:
        return []
    parameters = {"EnvironmentName": aws.cloud.environment, "Version": "2010-12-01"}
    with suppress(ApiError):
        caller = aws.cloud.credentials(instance_id)
        answer = aws.beanstalk._perform("DescribeEnvironmentResources", parameters, caller, fault)
        return [each["Id"] for each in answer["EnvironmentResources"]["Instances"]]
    return []
