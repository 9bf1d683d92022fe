import json

import pytest

from leaderd.aws.store import TRIAL, LostError, try_out
from leaderd.core.claim import JOB
from leaderd.errors import SourceError
from tests.fakes import MemoryStore


@pytest.fixture
def store():
    return MemoryStore()


async def test_a_store_that_refuses_passes(store):
    """The first trial makes an object and has two writes refused; later ones change nothing."""
    await try_out(store)
    stored = await store.read(TRIAL)
    assert "note" in json.loads(stored.text)
    await try_out(store)
    assert await store.read(TRIAL) == stored


async def test_a_store_that_ignores_conditions_is_refused(store):
    """Whoever lets everybody write is refused, also where the object is there already."""
    store.unconditional = True
    for _ in range(2):
        with pytest.raises(SourceError, match="ignores the conditions of writes") as caught:
            await try_out(store)
        assert caught.value.kind == "unconditional"
        assert "DynamoDB" in caught.value.hint


async def test_a_store_that_heeds_only_absence_is_refused(store):
    """If-None-Match alone is not enough: the record of a job is written again and again."""

    class Half(MemoryStore):
        async def swap(self, job, text, version):
            self.unconditional = version is not None
            return await super().swap(job, text, version)

    with pytest.raises(SourceError, match="wrote over a version that is not there"):
        await try_out(Half())


async def test_failures_are_no_refusal(store):
    """A store that does not answer has not passed."""
    store.before = [SourceError("throttled", "Rate exceeded")]
    with pytest.raises(SourceError, match="Rate exceeded"):
        await try_out(store)
    store.before = [LostError("there"), SourceError("denied", "not allowed")]
    with pytest.raises(SourceError, match="not allowed"):
        await try_out(store)


def test_no_job_has_the_name_of_the_trial():
    """What the trial writes is nobody's record."""
    assert not JOB.fullmatch(TRIAL)
