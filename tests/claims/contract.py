"""What every store of claims must do, whoever made it. A subclass for each store provides the fixtures.

Fixtures: `make_store` makes a further client of the same store; `address` is where the store listens; `through` leads
new clients of it to another port, such as that of a `Cutter` between.
"""

import asyncio
import time
from collections import Counter
from contextlib import suppress

import pytest

from leaderd.aws.store import LostError, try_out
from leaderd.core.claim import Key, Ours, Outcome, Tick
from leaderd.errors import SourceError
from tests.claims.claimers import make_claimer
from tests.claims.cutter import Cutter

CLAIMERS = 20
TICKS = 200
START = 1_764_000_000


class StoreContract:
    """The tests."""

    @pytest.fixture
    async def store(self, make_store):
        """One client."""
        return await make_store()

    async def test_nothing_is_there_at_first(self, store):
        """A job that was never claimed has no record, and no version."""
        stored = await store.read("invoices")
        assert (stored.text, stored.version) == (None, None)

    async def test_what_was_written_is_read(self, store, make_store):
        """What one client has written another reads at once, with the version that the write returned."""
        version = await store.swap("invoices", "one ä", None)
        stored = await (await make_store()).read("invoices")
        assert (stored.text, stored.version) == ("one ä", version)

    async def test_the_store_says_its_time(self, store):
        """An answer carries the store's own clock, which is this machine's here."""
        before = time.time()
        assert before - 1 <= (await store.read("invoices")).read_at <= time.time() + 1

    async def test_only_the_first_makes_a_record(self, store):
        """A second write where there was nothing is lost, and changes nothing."""
        await store.swap("invoices", "one", None)
        with pytest.raises(LostError):
            await store.swap("invoices", "two", None)
        assert (await store.read("invoices")).text == "one"

    async def test_a_version_can_be_replaced_once(self, store):
        """Whoever has not seen the newest version writes nothing."""
        first = await store.swap("invoices", "one", None)
        second = await store.swap("invoices", "two", first)
        assert second != first
        with pytest.raises(LostError):
            await store.swap("invoices", "three", first)
        assert (await store.read("invoices")).text == "two"

    async def test_a_version_that_never_was(self, store):
        """It is lost where there is a record, and where there is none."""
        for _ in range(2):
            with pytest.raises(LostError):
                await store.swap("invoices", "two", store.impossible_version)
            await store.swap("invoices", "one", (await store.read("invoices")).version)

    async def test_jobs_do_not_touch_each_other(self, store):
        """Each job has a record of its own."""
        await store.swap("a", "of a", None)
        await store.swap("b", "of b", None)
        assert [(await store.read(job)).text for job in "ab"] == ["of a", "of b"]

    async def test_it_passes_the_trial(self, store):
        """It refuses what it must, the first time and every time after."""
        await try_out(store)
        await try_out(store)

    async def test_many_at_once(self, make_store):
        """Twenty claim each of two hundred ticks at the same moment: each tick goes to exactly one."""
        wall = [0.0]
        claimers = [await make_claimer(make_store, f"i-{number:02x}", wall) for number in range(CLAIMERS)]
        tokens = []
        for tick in range(TICKS):
            wall[0] = START + tick * 60 + 0.5
            answers = await asyncio.gather(*(one.claim("invoices", one.tick(60)) for one in claimers))
            won = [answer.claim for answer in answers if isinstance(answer, Ours)]
            assert len(won) == 1, f"tick {tick}: {won}"
            assert {answer.claim for answer in answers} == set(won), "the others know who has it"
            tokens.append(won[0].token)
        assert tokens == list(range(1, TICKS + 1))

    async def test_a_key_at_once(self, make_store):
        """Twenty claim a migration at the same moment, and again much later: it is one's, and stays so."""
        wall = [START + 0.5]
        claimers = [await make_claimer(make_store, f"i-{number:02x}", wall) for number in range(CLAIMERS)]
        first = await asyncio.gather(*(one.claim("migrate", Key("v7")) for one in claimers))
        wall[0] += 1_000_000
        again = await asyncio.gather(*(one.claim("migrate", Key("v7")) for one in claimers))
        assert [isinstance(answer, Ours) for answer in first].count(True) == 1
        assert [answer.claim for answer in again] == [answer.claim for answer in first]

    async def test_an_outcome_meets_other_claims(self, make_store):
        """Outcomes are written while others claim: neither is lost."""
        wall = [START + 0.5]
        claimers = [await make_claimer(make_store, f"i-{number:02x}", wall) for number in range(4)]
        taken = [(await one.claim("jobs", Key(f"k{number}"))).claim for number, one in enumerate(claimers)]
        finishing = [
            one.finish("jobs", claim.token, Outcome(number, 1.5))
            for number, (one, claim) in enumerate(zip(claimers, taken, strict=True))
        ]
        assert await asyncio.gather(*finishing, claimers[0].claim("jobs", Key("k9"))) == [*[True] * 4, _OURS]
        record = await claimers[1].record("jobs")
        assert {claim.act.text: claim.outcome and claim.outcome.exit_code for claim in record.claims} == {
            **{f"k{number}": number for number in range(4)},
            "k9": None,
        }

    async def test_lost_answers(self, make_store, address, through):
        """A third of all requests are done and never answered, a sixth never arrive: still nothing runs twice.

        A claim that nobody could be sure of is asked for again, as `leaderd run` does it. Then each tick has one run.
        """
        wall = [0.0]
        async with Cutter(*address, seed=7) as cutter:
            through(cutter.port)
            claimers = [await make_claimer(make_store, f"i-{number:02x}", wall) for number in range(4)]
            for each in claimers:
                await each.record("invoices")  # which opens the store
            cutter.lose_answers, cutter.lose_requests = 1 / 3, 1 / 6
            runs = Counter()
            for tick in range(30):
                wall[0] = START + tick * 60 + 0.5
                answers = await asyncio.gather(*(_until_sure(one, one.tick(60)) for one in claimers))
                runs[tick] = sum(isinstance(answer, Ours) for answer in answers)
            assert set(runs.values()) == {1}
            assert cutter.lost_answers > 10
            assert cutter.lost_requests > 5


class _Ours:
    """Equal to any claim that is this instance's."""

    def __eq__(self, other):
        return isinstance(other, Ours)

    __hash__ = None


_OURS = _Ours()


async def _until_sure(claimer, tick: Tick):
    for _ in range(50):
        with suppress(SourceError):
            return await claimer.claim("invoices", tick)
    raise AssertionError("never sure")
