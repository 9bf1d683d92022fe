import asyncio

import pytest

from leaderd.aws.store import LostError
from leaderd.daemon.limit import limited
from leaderd.errors import SourceError
from tests.fakes import LoopClock

LATE = "no answer in time"


async def answer(outcome):
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def ask(outcome):
    return await limited(LoopClock(), 5, lambda: answer(outcome), LATE)


async def test_an_answer_passes():
    """What comes in time is what was asked for."""
    assert await ask("yes") == "yes"


@pytest.mark.parametrize("error", [SourceError("denied", "no"), LostError("another version")], ids=["source", "lost"])
async def test_our_own_errors_pass_as_they_are(error):
    """Neither wrapped nor chained to themselves."""
    with pytest.raises(type(error)) as caught:
        await ask(error)
    assert caught.value is error
    assert error.__cause__ is None


async def test_all_else_is_a_defect():
    """Whatever a library raises is told as one, with its cause."""
    with pytest.raises(SourceError, match="RuntimeError: boom") as caught:
        await ask(RuntimeError("boom"))
    assert caught.value.kind == "defect"
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.looptime
async def test_what_takes_too_long_is_cut():
    """After the limit, in the caller's words."""
    start = asyncio.get_running_loop().time()
    with pytest.raises(SourceError, match=LATE) as caught:
        await limited(LoopClock(), 5, asyncio.Event().wait, LATE)
    assert (caught.value.kind, asyncio.get_running_loop().time() - start) == ("timeout", 5)
