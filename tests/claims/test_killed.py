"""Real daemons whose store fails them in the worst way: they die between write and answer, or it heeds no condition."""

import asyncio

import aiohttp
import pytest

from leaderd.demo.faults import StoreFault
from tests.daemons import PATIENCE

PATIENT = {"request_timeout": "10", "max_staleness": "30"}
"""Waits for the store for longer than it lives, and for as long as a busy machine needs to load the SDK."""
ACTS = ("key=v7", "every=604800")
FIRST, SECOND = (f"i-0{number:016x}" for number in (1, 2))
MINE, OTHERS = {"Idempotency-Key": "mine"}, {"Idempotency-Key": "of-others"}


@pytest.fixture
def claim(aws):
    """Claim an act from a daemon; the status and who holds it."""

    async def claim(running, act, headers):
        answer = await running.get(f"/claims/migrate?{act}", method="POST", headers=headers)
        return answer.status, answer.body.get("holder")

    return claim


@pytest.fixture
def killed(aws, daemon, claim):
    """Let a daemon of the first instance be killed when its claim, as `mine`, has met this fault of its write."""

    async def killed(act, fault):
        running = await daemon(**PATIENT)
        await running.event("claims.opened")
        writes = aws.s3.count(caller=FIRST, action="PutObject")
        aws.cloud.store_faults.once.extend([StoreFault.NONE, fault])
        asking = asyncio.create_task(claim(running, act, MINE))
        async with asyncio.timeout(PATIENCE):
            await aws.s3.reached(writes + 1, caller=FIRST, action="PutObject")
        running.process.kill()
        await running.ended()
        with pytest.raises(aiohttp.ClientError):
            await asking

    return killed


@pytest.mark.parametrize("act", ACTS)
async def test_killed_between_write_and_answer(killed, daemon, claim, act):
    """What it had taken is its asker's, who asks again; not another asker's there, nor another instance's."""
    await killed(act, StoreFault.LATE)
    again, other = await daemon(**PATIENT), await daemon(number=1, **PATIENT)
    assert await claim(other, act, MINE) == (409, FIRST)
    assert await claim(again, act, OTHERS) == (409, FIRST)
    assert await claim(again, act, MINE) == (200, FIRST)


async def test_killed_before_the_write(killed, daemon, claim):
    """What was never written is another's to take, and not that asker's any more."""
    act, _ = ACTS
    await killed(act, StoreFault.HANG)
    again, other = await daemon(**PATIENT), await daemon(number=1, **PATIENT)
    assert await claim(other, act, MINE) == (200, SECOND)
    assert await claim(again, act, MINE) == (409, SECOND)


async def test_a_store_that_ignores_conditions(aws, daemon):
    """It is refused with the reason, by everybody and each time; who leads does not hang on it."""
    aws.cloud.store_faults.everyone = StoreFault.UNCONDITIONAL
    leader, follower = await daemon(**PATIENT), await daemon(number=1, **PATIENT)
    for running in (leader, leader, follower):
        answer = await running.get("/claims/migrate?key=v7", method="POST")
        assert (answer.status, answer.body["claimed"]) == (503, False)
        assert "ignores the conditions of writes" in answer.body["reason"]
        assert answer.headers["Retry-After"]
    await leader.event("role.changed", new="leader")
    await follower.event("role.changed", new="follower")
    assert [(await each.get()).status for each in (leader, follower)] == [200, 409]
    assert [key for key in aws.s3.buckets.popitem()[1].objects if not key.endswith("/.trial.json")] == []
