import asyncio

import pytest

from leaderd.aws.document import encode
from leaderd.aws.store import LostError
from leaderd.core.claim import Claimant, JobRecord, Tick, decide
from leaderd.daemon.ledger import AGAIN, Ledger
from leaderd.errors import SourceError
from tests.fakes import LoopClock, MemoryStore, SettableClock

RECORD = decide(JobRecord(), Tick(60, 60), Claimant("i-0a"), 61.0).record
THROTTLED = SourceError("throttled", "Rate exceeded")


class Journal:
    def __init__(self):
        self.told = []

    def opened(self, where):
        self.told.append(("opened", where))

    def failed(self, error):
        self.told.append(("failed", error.kind))

    def asked(self, operation, result, seconds):
        self.told.append((operation, result))

    def seen(self, job, record):
        self.told.append(("seen", job))


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def store():
    return MemoryStore()


@pytest.fixture
def journal():
    return Journal()


@pytest.fixture
def ledger(store, clock, journal):
    async def make():
        return store

    return Ledger(make, limit=5, clock=clock, journal=journal)


async def test_the_store_is_tried_before_it_is_used(ledger, store, journal):
    """The first request opens the store, which passes its trial; later ones find it open."""
    assert ledger.where is None
    assert (await ledger.read("invoices")).record == JobRecord()
    await ledger.read("invoices")
    assert ledger.where == store.where
    assert [job for _, job in store.operations] == [".trial"] * 3 + ["invoices"] * 2
    assert journal.told == [
        ("trial", "ok"),
        ("opened", store.where),
        *[("read", "ok"), ("seen", "invoices")] * 2,
    ]


async def test_many_open_it_once(ledger, store):
    """Claims that come at once wait for one trial."""
    await asyncio.gather(*(ledger.read("invoices") for _ in range(5)))
    assert [job for _, job in store.operations] == [".trial"] * 3 + ["invoices"] * 5


async def test_what_is_written_is_read(ledger, store, journal):
    """A record goes to the store as text, and comes back with its version and the store's time."""
    store.now = 99.0
    written = await ledger.write("invoices", RECORD, None)
    assert store.shelf.texts["invoices"] == encode("invoices", RECORD)
    entry = await ledger.read("invoices")
    assert (entry.record, entry.version, entry.read_at) == (RECORD, written.version, 99.0)
    with pytest.raises(LostError):
        await ledger.write("invoices", RECORD, None)
    assert ledger.trouble is None
    assert ("write", "lost") in journal.told


async def test_a_store_that_does_not_pass_is_closed_and_tried_again_later(ledger, store, clock, journal):
    """Its failure is remembered for a moment, so that many claims do not make many trials."""
    store.before = [THROTTLED]
    for _ in range(3):
        with pytest.raises(SourceError, match="Rate exceeded"):
            await ledger.read("invoices")
    assert store.operations == [("swap", ".trial")]
    assert store.closed
    assert ledger.trouble is THROTTLED
    clock.at += AGAIN
    await ledger.read("invoices")
    assert ledger.trouble is None
    assert journal.told[:2] == [("failed", "throttled"), ("trial", "throttled")]


async def test_a_store_that_cannot_be_made(clock, journal):
    """An account that is not known is an error as well, and nothing is there to be closed."""

    async def make():
        raise SourceError("imds_garbage", "IMDS does not say the account")

    ledger = Ledger(make, limit=5, clock=clock, journal=journal)
    with pytest.raises(SourceError, match="account"):
        await ledger.open()
    await ledger.close()
    assert journal.told == [("failed", "imds_garbage")]


async def test_it_is_closed(ledger, store):
    """The daemon's end closes what was opened."""
    await ledger.open()
    await ledger.close()
    assert store.closed


async def test_a_record_of_somebody_else_is_an_error(ledger, store, journal):
    """What another program has written is never a free tick."""
    store.shelf.texts["invoices"], store.shelf.versions["invoices"] = "hello", 1
    with pytest.raises(SourceError, match="no record"):
        await ledger.read("invoices")
    assert ledger.trouble.kind == "unusable"
    assert journal.told[-1] == ("failed", "unusable")


async def test_a_defect_is_an_error_of_ours(ledger, store):
    """Whatever a library raises, a claim is answered, and not with yes."""
    await ledger.open()
    store.before = [RuntimeError("boom")]
    with pytest.raises(SourceError, match="RuntimeError: boom") as caught:
        await ledger.read("invoices")
    assert caught.value.kind == "defect"
    assert "report" in caught.value.hint


@pytest.mark.looptime
async def test_a_store_that_hangs_is_cut(journal):
    """Each request has a limit."""

    class Hanging(MemoryStore):
        async def read(self, job):
            await asyncio.Event().wait()

    async def make():
        return Hanging()

    ledger = Ledger(make, limit=5, clock=LoopClock(), journal=journal)
    start = asyncio.get_running_loop().time()
    with pytest.raises(SourceError, match="did not answer within 5 s") as caught:
        await ledger.read("invoices")
    assert caught.value.kind == "timeout"
    assert asyncio.get_running_loop().time() - start == 5


@pytest.mark.looptime
async def test_a_store_that_cannot_be_found_in_time(journal):
    """Where the account or credentials hang, a claim is answered all the same."""

    async def make():
        await asyncio.Event().wait()

    ledger = Ledger(make, limit=5, clock=LoopClock(), journal=journal)
    with pytest.raises(SourceError, match="was not found within 15 s") as caught:
        await ledger.open()
    assert caught.value.kind == "timeout"


async def test_who_opens_it_goes_away(clock, journal):
    """A store whose trial was given up is closed, and the next claim makes another."""
    made, asked = [], asyncio.Event()

    class Hanging(MemoryStore):
        async def swap(self, job, text, version):
            asked.set()
            await asyncio.Event().wait()

    async def make():
        made.append(MemoryStore() if made else Hanging())
        return made[-1]

    ledger = Ledger(make, limit=5, clock=clock, journal=journal)
    opening = asyncio.create_task(ledger.open())
    await asked.wait()
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert made[0].closed
    assert await ledger.open() is made[1]


async def test_a_defect_in_making_the_store(clock, journal):
    """It is an error like any other: neither a claim nor what opens the store at the start ends by it."""

    async def make():
        raise RuntimeError("boom")

    ledger = Ledger(make, limit=5, clock=clock, journal=journal)
    with pytest.raises(SourceError, match="RuntimeError: boom") as caught:
        await ledger.open()
    assert caught.value.kind == "defect"
    assert journal.told == [("failed", "defect")]


async def test_a_trial_that_fails_is_told_once(ledger, store, journal):
    """Once as a request, and once as a failure."""
    store.before = [THROTTLED]
    with pytest.raises(SourceError):
        await ledger.open()
    assert journal.told == [("failed", "throttled"), ("trial", "throttled")]
