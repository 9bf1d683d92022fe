import asyncio

import pytest

from leaderd.aws.document import encode
from leaderd.aws.store import LostError
from leaderd.core.claim import Claim, Claimant, FullError, JobRecord, Key, Ours, Outcome, Refused, Tick
from leaderd.daemon.claims import ATTEMPTS, PATIENCE, Claimer
from leaderd.daemon.ledger import Ledger
from leaderd.errors import SourceError
from tests.claims.claimers import SilentJournal, make_claimer
from tests.fakes import IDENTITY, ME, OTHER, THIRD, LoopClock, MemoryStore, Shelf, make_view, make_watcher

BROKEN = SourceError("broken", "the connection broke")
START = 1_764_000_000
TICK = Tick(START, 60)


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def wall():
    return [START + 0.5]


@pytest.fixture
def store(shelf):
    return MemoryStore(shelf)


@pytest.fixture
def claimer_on(store, shelf, wall):
    """Make a claimer of an instance; the one called ME has the store of the fixture."""

    async def make(instance_id=ME, **how):
        async def make_store():
            return store if instance_id == ME else MemoryStore(shelf)

        return await make_claimer(make_store, instance_id, wall, **how)

    return make


@pytest.fixture
async def claimer(claimer_on):
    """A claimer whose store is open."""
    claimer = await claimer_on()
    await claimer.record("invoices")
    return claimer


async def test_one_has_the_tick(claimer, claimer_on):
    """The first that asks has it, asked again has it still, and another is told who has it."""
    first = await claimer.claim("invoices", claimer.tick(60))
    assert first == Ours(Claim(TICK, Claimant(ME), START + 0.5, 1))
    assert await claimer.claim("invoices", TICK) == Ours(Claim(TICK, Claimant(ME), START + 0.5, 1))
    other = await claimer_on(OTHER)
    assert await other.claim("invoices", TICK) == Refused((await claimer.record("invoices")).claims[0], f"{ME} has it")


async def test_askers_are_told_apart(claimer):
    """Two on one instance that give themselves names are two."""
    assert isinstance(await claimer.claim("invoices", TICK, "one"), Ours)
    assert isinstance(await claimer.claim("invoices", TICK, "one"), Ours)
    assert isinstance(await claimer.claim("invoices", TICK, "two"), Refused)
    assert isinstance(await claimer.claim("invoices", TICK), Refused)


async def test_the_winner_asks_twice_and_a_loser_once(claimer, store, claimer_on):
    """A read and a write take a tick; who comes later only reads."""
    store.operations.clear()
    await claimer.claim("invoices", TICK)
    assert [operation for operation, _ in store.operations] == ["read", "swap"]
    other = await claimer_on(OTHER)
    await other.record("other")
    requests = other._journal.requests
    requests.clear()
    await other.claim("invoices", TICK)
    assert requests == [("read", "ok")]


async def test_an_instance_that_is_being_terminated_claims_nothing(claimer, store):
    """It says no, which is definite, and does not ask the store."""
    claimer._watcher.leaving = True
    store.operations.clear()
    assert await claimer.claim("invoices", TICK) == Refused(None, "this instance is being terminated")
    assert store.operations == []


async def test_a_lost_race_is_read_again(claimer, store, shelf):
    """Whoever loses looks who has won, and says so."""
    record = JobRecord(START, 1, (Claim(TICK, Claimant(OTHER), START + 0.1, 1),))

    swap = store.swap

    async def overtaken(job, text, version):
        """Another writes after our read, and before our write."""
        if job not in shelf.texts:
            shelf.texts[job], shelf.versions[job] = encode(job, record), 1
        return await swap(job, text, version)

    store.swap = overtaken
    assert await claimer.claim("invoices", TICK) == Refused(record.claims[0], f"{OTHER} has it")
    assert [operation for operation, _ in store.operations[-3:]] == ["read", "swap", "read"]


async def test_a_write_that_was_done_and_not_answered_is_found(claimer, store):
    """Our own write is there: the tick is ours."""
    store.after = [None, BROKEN]
    answer = await claimer.claim("invoices", TICK)
    assert isinstance(answer, Ours)
    assert [operation for operation, _ in store.operations[-3:]] == ["read", "swap", "read"]


async def test_a_write_that_was_not_done_is_an_error(claimer, store):
    """Our own write is not there, and may yet come: nobody can say."""
    store.before = [None, BROKEN]
    with pytest.raises(SourceError, match="the connection broke"):
        await claimer.claim("invoices", TICK)
    assert "invoices" not in store.shelf.texts
    assert isinstance(await claimer.claim("invoices", TICK), Ours)


async def test_a_write_that_comes_late_is_still_ours(claimer, store):
    """An answer of 'cannot say' is followed by yes, when the write turns out to have been done."""
    store.before, store.after = [None, BROKEN], []
    with pytest.raises(SourceError):
        await claimer.claim("invoices", TICK)
    record = JobRecord(START, 1, (Claim(TICK, Claimant(ME), START + 0.5, 1),))
    await store.swap("invoices", encode("invoices", record), None)
    assert isinstance(await claimer.claim("invoices", TICK), Ours)


async def test_a_read_that_fails_is_an_error(claimer, store):
    """No record, no yes."""
    store.before = [BROKEN]
    with pytest.raises(SourceError, match="the connection broke"):
        await claimer.claim("invoices", TICK)


async def test_endless_change_is_an_error(claimer, store):
    """Where others write all the time, it gives up, and says so."""
    store.before = [None, LostError("there")] * ATTEMPTS
    with pytest.raises(SourceError, match=f"changed {ATTEMPTS} times in a row") as caught:
        await claimer.claim("invoices", TICK)
    assert caught.value.kind == "contended"
    store.before = []
    claim = (await claimer.claim("invoices", TICK)).claim
    store.before = [LostError("there"), *[None, LostError("there")] * ATTEMPTS]
    with pytest.raises(SourceError, match="in a row"):
        await claimer.finish("invoices", claim.token, Outcome(0, 1.0))


async def test_a_clock_that_is_ahead_takes_nothing(claimer, store):
    """A tick that has not begun by the store's clock is no tick: it would bar all ticks before it."""
    store.now = START - 6.0
    with pytest.raises(SourceError, match="6 s or more ahead of the store's") as caught:
        await claimer.claim("invoices", TICK)
    assert caught.value.kind == "clock"
    store.now = START - 5.0
    assert isinstance(await claimer.claim("invoices", TICK), Ours)
    store.now = 0.0
    assert isinstance(await claimer.claim("invoices", Key("v7")), Ours)


async def test_a_full_record(claimer, store):
    """A job with as many keys as can be kept takes no other."""
    claims = tuple(Claim(Key(f"v{n}"), Claimant(OTHER), 1.0, n) for n in range(500, 0, -1))
    await store.swap("migrate", encode("migrate", JobRecord(None, 500, claims)), None)
    with pytest.raises(FullError):
        await claimer.claim("migrate", Key("new"))


async def test_an_outcome_is_written_with_one_request(claimer, store):
    """What was just written is known: no read is needed."""
    claim = (await claimer.claim("invoices", TICK)).claim
    store.operations.clear()
    assert await claimer.finish("invoices", claim.token, Outcome(3, 1.5))
    assert [operation for operation, _ in store.operations] == ["swap"]
    assert (await claimer.record("invoices")).claims[0].outcome == Outcome(3, 1.5)


async def test_an_outcome_after_others_have_claimed(claimer, claimer_on):
    """It is read again where the record has changed."""
    claim = (await claimer.claim("invoices", TICK)).claim
    other = await claimer_on(OTHER)
    await other.claim("invoices", Tick(TICK.ends, 60))
    assert await claimer.finish("invoices", claim.token, Outcome(0, 61.0))
    assert [each.outcome for each in (await other.record("invoices")).claims] == [None, Outcome(0, 61.0)]


async def test_an_outcome_of_a_claim_whose_write_was_not_answered(claimer, store):
    """What was written before it does not have the claim: it is looked for in the store."""
    first = (await claimer.claim("invoices", TICK)).claim
    assert await claimer.finish("invoices", first.token, Outcome(0, 1.0))
    store.after = [None, BROKEN]
    second = (await claimer.claim("invoices", Tick(TICK.ends, 60))).claim
    assert await claimer.finish("invoices", second.token, Outcome(3, 1.5))
    assert [each.outcome for each in (await claimer.record("invoices")).claims] == [Outcome(3, 1.5), Outcome(0, 1.0)]


async def test_an_outcome_is_written_once(claimer, store):
    """The second is answered as the first, and changes nothing."""
    claim = (await claimer.claim("invoices", TICK)).claim
    for code in (0, 1):
        assert await claimer.finish("invoices", claim.token, Outcome(code, 1.0))
    assert (await claimer.record("invoices")).claims[0].outcome == Outcome(0, 1.0)


async def test_an_outcome_of_no_claim(claimer, claimer_on):
    """Nobody finishes what is not theirs."""
    await claimer.claim("invoices", TICK)
    other = await claimer_on(OTHER)
    assert not await other.finish("invoices", 1, Outcome(0, 1.0))
    assert not await claimer.finish("invoices", 2, Outcome(0, 1.0))


class Waits(LoopClock):
    """Notes for how long a claimer waits for its turn."""

    def __init__(self):
        self.waited = []

    async def sleep(self, seconds):
        self.waited.append(seconds)


@pytest.mark.parametrize(
    ("roster", "seconds"),
    [([ME, OTHER], 0), ([OTHER, ME], 2), ([OTHER, THIRD, ME], 4), ([OTHER, THIRD], 11), ([], 6)],
    ids=["first", "second", "third", "not listed", "no roster"],
)
async def test_places_take_turns(claimer_on, roster, seconds):
    """By rank; who is not in the list with the last; without a list at random."""
    clock = Waits()
    claimer = await claimer_on(clock=clock, roster=roster)
    await claimer.claim("invoices", TICK)
    assert clock.waited == [seconds]


async def test_an_old_roster_is_good_enough(claimer_on):
    """The place only says when to try: while EB is out of reach, the job stays where it was."""
    clock = Waits()
    claimer = await claimer_on(clock=clock, roster=[OTHER, ME])
    claimer._watcher.view = make_view([OTHER, ME], sent=clock.now() - 10_000)
    await claimer.claim("invoices", TICK)
    assert clock.waited == [2]


@pytest.mark.looptime
async def test_a_daemon_that_has_just_been_started(wall):
    """A claim waits until the instance knows who it is; after some seconds it says that it does not."""

    async def make():
        return MemoryStore()

    clock = LoopClock()
    watcher = make_watcher(clock)
    ledger = Ledger(make, limit=5, clock=clock, journal=SilentJournal())
    claimer = Claimer(ledger, watcher, clock=clock, wall=lambda: wall[0], chance=lambda: 0.0, journal=SilentJournal())
    start = asyncio.get_running_loop().time()
    with pytest.raises(SourceError, match="does not know yet who it is \\(ask again"):
        await claimer.claim("invoices", TICK)
    assert asyncio.get_running_loop().time() - start == PATIENCE
    watcher.trouble = SourceError("imds_timeout", "IMDS did not answer", hint="hop limit")
    with pytest.raises(SourceError, match="who it is: IMDS did not answer") as caught:
        await claimer.claim("invoices", TICK)
    assert (caught.value.kind, caught.value.hint) == ("undiscovered", "hop limit")
    claiming = asyncio.create_task(claimer.claim("invoices", TICK))
    await asyncio.sleep(PATIENCE / 2)
    watcher.identity = IDENTITY
    watcher.introduced.set()
    assert isinstance(await claiming, Ours)


async def test_a_clock_that_was_set_back(claimer, wall):
    """Cron runs its line again for minutes that are over: none of them is granted again but the newest."""
    for _ in range(5):
        wall[0] += 60
        assert isinstance(await claimer.claim("invoices", claimer.tick(60)), Ours)
    again = []
    for number in range(5):
        wall[0] = START + 60.5 + 60 * number
        again.append(await claimer.claim("invoices", claimer.tick(60)))
    assert [isinstance(answer, Ours) for answer in again] == [False, False, False, False, True]
    assert again[0].claim.holder.instance_id == ME
    assert again[0].reason == "this tick is over: one after it has been taken"


async def test_the_end_that_comes_while_it_waits(claimer_on):
    """An instance that is to be terminated before its turn comes takes nothing."""

    class Ending(LoopClock):
        async def sleep(self, seconds):
            claimer._watcher.leaving = True

    claimer = await claimer_on(clock=Ending(), roster=[OTHER, ME])
    assert await claimer.claim("invoices", TICK) == Refused(None, "this instance is being terminated")
