"""leaderd.core.claim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from leaderd.core.claim import (
    JOB,
    KEY,
    KEYS_KEPT,
    LAST_SLOT,
    SLOT,
    TICKS_KEPT,
    Claim,
    Claimant,
    Free,
    FullError,
    JobRecord,
    Key,
    Ours,
    Outcome,
    Refused,
    Tick,
    decide,
    delay,
    finish,
    is_over,
    tick_at,
)

ME, OTHER = Claimant("i-0a"), Claimant("i-0b")
NOW = 1_764_000_030.25
TICK = Tick(1_764_000_000, 60)


def taken(record, act, claimant=ME, now=NOW):
    """The record once the act is taken, which must be free."""
    decision = decide(record, act, claimant, now)
    assert isinstance(decision, Free)
    return decision.record


@given(st.floats(0, 4e9), st.integers(1, 604_800))
def test_a_tick_is_the_last_multiple_of_its_length(wall, every):
    """⌊wall / every⌋ · every: it has begun, and the next one has not."""
    tick = tick_at(wall, every)
    assert tick.start % every == 0
    assert tick.start <= wall < tick.ends
    assert tick.every == every


def test_the_first_claim_of_a_job():
    """A job without a record is free, and its first token is 1."""
    assert decide(JobRecord(), TICK, ME, NOW) == Free(
        JobRecord(TICK.start, 1, (Claim(TICK, ME, NOW, 1),)), Claim(TICK, ME, NOW, 1)
    )


def test_a_tick_that_another_has_is_refused_by_name():
    """Whoever comes second is told who has it."""
    record = taken(JobRecord(), TICK, OTHER)
    refused = decide(record, TICK, ME, NOW)
    assert refused == Refused(record.claims[0], "i-0b has it")


def test_asking_again_is_answered_alike():
    """The same asker, whose first answer may have been lost, has what it has."""
    record = taken(JobRecord(), TICK)
    assert decide(record, TICK, ME, NOW + 20) == Ours(record.claims[0])


@pytest.mark.parametrize("first", [None, "one"])
def test_another_asker_on_the_same_instance_is_refused(first):
    """Two askers that tell themselves apart are two, on one instance as well."""
    record = taken(JobRecord(), TICK, Claimant("i-0a", first))
    refused = decide(record, TICK, Claimant("i-0a", "two"), NOW)
    assert refused == Refused(record.claims[0], "another asker on this instance has it")


def test_a_tick_before_the_newest_is_never_free():
    """An older tick, whether it was taken or not, and one of another length that begins with the newest, are over."""
    record = taken(JobRecord(), TICK)
    for late in (Tick(TICK.start - 60, 60), Tick(TICK.start, 300), Tick(TICK.start - 1, 1)):
        assert decide(record, late, ME, NOW) == Refused(None, "this tick is over: it, or one after it, has been taken")
    assert isinstance(decide(record, Tick(TICK.start + 1, 1), OTHER, NOW), Free)


def test_a_tick_is_over_once_a_later_one_is_taken():
    """Not while it is the newest, and never for a key."""
    record = taken(taken(JobRecord(), TICK), Key("v7"))
    assert not is_over(JobRecord(), TICK)
    assert not is_over(record, TICK)
    assert not is_over(record, Key("v7"))
    assert is_over(taken(record, Tick(TICK.ends, 60)), TICK)


def test_keys_and_ticks_do_not_touch_each_other():
    """A key leaves the newest tick as it is, and the token counts both."""
    record = taken(taken(JobRecord(), TICK), Key("v7"), OTHER)
    assert (record.newest_tick, record.token) == (TICK.start, 2)
    assert decide(record, Key("v7"), ME, NOW) == Refused(record.claims[0], "i-0b has it")
    assert isinstance(decide(record, Key("v8"), ME, NOW), Free)
    assert decide(record, TICK, ME, NOW) == Ours(record.claims[1])


def test_a_key_before_any_tick():
    """A record of keys alone has no newest tick, and every tick is free."""
    record = taken(JobRecord(), Key("v7"))
    assert record.newest_tick is None
    assert isinstance(decide(record, Tick(0, 60), ME, NOW), Free)


def test_old_ticks_are_forgotten_and_stay_taken():
    """A record does not grow with its ticks; one that it has forgotten is before the newest."""
    record = JobRecord()
    for number in range(TICKS_KEPT + 3):
        record = taken(record, Tick(number * 60, 60))
    assert [claim.act.start for claim in record.claims] == [60 * n for n in range(TICKS_KEPT + 2, 2, -1)]
    assert record.token == TICKS_KEPT + 3
    assert isinstance(decide(record, Tick(0, 60), OTHER, NOW), Refused)


def test_no_key_is_ever_forgotten():
    """However many ticks come after it, a key stays taken; and one key too many is refused, not put in its place."""
    record = JobRecord()
    for number in range(KEYS_KEPT):
        record = taken(record, Key(f"v{number}"))
    for number in range(TICKS_KEPT + 1):
        record = taken(record, Tick(number, 1))
    assert len(record.claims) == KEYS_KEPT + TICKS_KEPT
    assert isinstance(decide(record, Key("v0"), OTHER, NOW), Refused)
    with pytest.raises(FullError, match="500 keys"):
        decide(record, Key("new"), ME, NOW)


def test_an_outcome_is_written_to_its_claim_alone():
    """The token names the claim; the rest of the record stays as it is."""
    record = taken(taken(JobRecord(), TICK), Tick(TICK.ends, 60))
    finished = finish(record, 1, "i-0a", Outcome(3, 1.5))
    assert [claim.outcome for claim in finished.claims] == [None, Outcome(3, 1.5)]
    assert (finished.newest_tick, finished.token) == (record.newest_tick, record.token)


def test_the_first_outcome_stays():
    """What was recorded is not written over."""
    record = finish(taken(JobRecord(), TICK), 1, "i-0a", Outcome(0, 1.0))
    assert finish(record, 1, "i-0a", Outcome(1, 9.0)) == record


@pytest.mark.parametrize(("token", "instance"), [(2, "i-0a"), (1, "i-0b"), (0, "i-0a")])
def test_nobody_finishes_what_is_not_theirs(token, instance):
    """An outcome needs the token of a claim, and to come from its holder."""
    assert finish(taken(JobRecord(), TICK), token, instance, Outcome(0, 1.0)) is None


@given(st.floats(0, 1, exclude_max=True))
def test_the_first_tries_at_once_and_each_place_a_slot_later(chance):
    """Chance plays no part for places that have a slot of their own."""
    assert [delay(place, TICK, chance) for place in range(LAST_SLOT + 1)] == [0, 2, 4, 6, 8, 10]
    assert delay(1, Key("v7"), chance) == SLOT


@given(st.integers(LAST_SLOT + 1, 5000), st.floats(0, 1, exclude_max=True))
def test_the_last_places_share_a_slot(place, chance):
    """However many there are, they come after those with a slot of their own, and within one more."""
    assert LAST_SLOT * SLOT <= delay(place, TICK, chance) <= (LAST_SLOT + 1) * SLOT


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 604_800), st.integers(0, 100) | st.none())
def test_everybody_tries_within_the_tick(chance, every, place):
    """Where a tick is short, slots are: the last ones still have time left."""
    assert 0 <= delay(place, Tick(0, every), chance) <= min(12, every * 0.6)


def test_without_a_place_the_slots_are_shared_at_random():
    """From the first slot to the last, as chance has it."""
    assert delay(None, TICK, 0) == 0
    assert delay(None, TICK, 0.5) == 6
    assert delay(None, Tick(0, 10), 0.5) == 3


@pytest.mark.parametrize("name", ["a", "send-invoices", "0.x_Y", "a" * 64])
def test_names_of_jobs(name):
    """Letters, digits, dots, dashes, underscores: what is safe in a path, a file name and a label."""
    assert JOB.fullmatch(name)


@pytest.mark.parametrize("name", ["", ".trial", "-a", "a/b", "a b", "ä", "a" * 65, "a\n"])
def test_no_names_of_jobs(name):
    """Nothing that could be another path, or the name of the stores' trial."""
    assert not JOB.fullmatch(name)


def test_forms_of_keys():
    """A version, a date, a URL's path; no blanks, no control characters, not endless."""
    assert all(KEY.fullmatch(key) for key in ("v7", "2026-11-25T03:00:00Z", "app/migrations@0042+a", "k" * 128))
    assert not any(KEY.fullmatch(key) for key in ("", "a b", "k" * 129, "a\n", "é", "a?b"))


class Fleet(RuleBasedStateMachine):
    """Instances that claim with records as old as can be, through a store that compares and sets."""

    def __init__(self):
        super().__init__()
        self.record = JobRecord()
        self.seen = {}
        self.granted = []

    @rule(instance=st.integers(0, 4))
    def read(self, instance):
        """An instance reads; what it does with it may come much later."""
        self.seen[instance] = self.record

    @rule(
        instance=st.integers(0, 4), act=st.builds(Tick, st.integers(0, 80), st.just(1)) | st.builds(Key, st.just("k"))
    )
    def claim(self, instance, act):
        """An instance acts on what it read last: its write succeeds only if that is still what is stored."""
        read = self.seen.get(instance, self.record)
        decision = decide(read, act, Claimant(f"i-{instance}"), NOW)
        if isinstance(decision, Free) and read is self.record:
            self.record = decision.record
            self.granted.append((act, instance, decision.claim.token))

    @invariant()
    def nothing_is_taken_twice(self):
        """Each act has one claim at the most, tokens grow by one, and ticks are taken in their order."""
        acts = [act for act, _, _ in self.granted]
        assert len(set(acts)) == len(acts)
        assert [token for _, _, token in self.granted] == list(range(1, len(acts) + 1))
        ticks = [act.start for act in acts if isinstance(act, Tick)]
        assert ticks == sorted(ticks)


TestFleet = Fleet.TestCase
