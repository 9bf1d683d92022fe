"""The simulator of claims, and two hundred worlds in it."""

from dataclasses import replace
from random import Random

import pytest

from leaderd.errors import SourceError
from tests.simulation.claims_check import assured, check_claims
from tests.simulation.claims_run import run_claims
from tests.simulation.claims_shrink import smaller_claims_worlds
from tests.simulation.claims_store import Safe, WorldStore
from tests.simulation.claims_world import Storm, Trouble, make_calm, make_claims_world
from tests.simulation.shrink import shrink
from tests.simulation.timeline import timeline

SEEDS = 200
PARTS = 4


def fails(world):
    return bool(check_claims(run_claims(world)))


@pytest.mark.parametrize("part", range(PARTS))
def test_in_every_world_each_tick_is_claimed_once(part):
    """Never by two; and by one, where one is able to."""
    had_to, stored = 0, 0
    for seed in range(part, SEEDS, PARTS):
        record = run_claims(make_claims_world(seed))
        if check_claims(record):
            smallest = shrink(make_claims_world(seed), fails, smaller_claims_worlds)
            pytest.fail(timeline(run_claims(smallest), check_claims))
        had_to += len(assured(record.world))
        stored += len(record.stored)
    assert had_to > 2 * SEEDS / PARTS, "hardly a tick has to be claimed: these worlds show nothing"
    assert stored > had_to, "no tick is in trouble: these worlds show nothing"


def test_these_worlds_are_of_every_kind():
    """No trouble of the store is left out, and nothing else that befalls those who claim."""
    worlds = [make_claims_world(seed) for seed in range(SEEDS)]
    lives = [life for world in worlds for life in world.claiming]
    assert {storm.trouble for world in worlds for storm in world.storms} == set(Trouble)
    assert {len(world.lives) for world in worlds} >= set(range(1, 11))
    assert {life.curl for life in lives} == {True, False}
    assert {life.askers for life in lives} == {1, 2}
    assert {world.calm for world in worlds} == {True, False}
    assert any(keeps for life in lives for _, keeps in life.restarts)
    assert not all(keeps for life in lives for _, keeps in life.restarts)
    assert any(life.store_cuts for life in lives)
    assert any(life.cuts for life in lives)
    assert {2.0, -2.0} <= {life.wall for life in lives}


def test_a_seed_replays_exactly():
    """One integer is all it takes to see a run again."""
    for seed in (1, 2, 3):
        first, again = (timeline(run_claims(make_claims_world(seed)), check_claims) for _ in range(2))
        assert first == again


def storm(trouble, seed=1):
    """A calm world, but for what befalls all requests from its second minute on."""
    world = make_calm(seed, Random(seed))
    return replace(world, calm=False, storms=(Storm(60.0, 1e9, trouble, 1.0),))


@pytest.mark.parametrize("trouble", [Trouble.SLOW, Trouble.TWICE])
def test_what_the_store_does_late_or_twice_is_claimed_and_told(trouble):
    """The trouble befalls the requests, and claims go on in it."""
    record = run_claims(storm(trouble))
    assert {request.result for request in record.requests} > {"ok"}
    assert sum(heard.ours for heard in record.heard) > 5


@pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.UNANSWERED, Trouble.LATE, Trouble.THROTTLED])
def test_nobody_is_told_anything_where_no_answer_comes_back(trouble):
    """Neither yes nor no, from the first minute of the trouble on."""
    record = run_claims(storm(trouble))
    assert any(request.result not in {"ok", "lost"} for request in record.requests)
    assert all(heard.at < 65 for heard in record.heard)


def test_late_writes_take_ticks_that_are_over():
    """A claim comes into the store long after whoever wrote it was told that nobody could say."""
    world = storm(Trouble.LATE)
    world = replace(world, lives=world.lives[:1], until=3600.0, storms=(replace(world.storms[0], share=0.7),))
    late = [claim for claim in run_claims(world).stored if claim.at > world.moment(claim.start + world.every)]
    assert late


class Forgetful(Safe):
    """Ignores the conditions of writes, but for those of the trial."""

    def swap(self, job, text, version, now):
        return super().swap(job, text, version if job.startswith(".") else self.texts.get(job), now)


def test_a_store_without_conditions_is_found_out_and_told(monkeypatch):
    """Two are granted one tick: what does not matter for it is left out, and the timeline names the two."""
    monkeypatch.setattr("tests.simulation.claims_run.Safe", Forgetful)

    def doubled(world):
        return any("is granted to" in fault.what for fault in check_claims(run_claims(world)))

    world = next(world for world in map(make_claims_world, range(100)) if doubled(world))
    smallest = shrink(world, doubled, smaller_claims_worlds)
    told = timeline(run_claims(smallest), check_claims)
    assert sum(life.askers for life in smallest.claiming) == 2
    assert "is granted to" in told
    assert "hears YES" in told


def test_a_tick_that_nobody_takes_is_a_fault(monkeypatch):
    """A store that never answers in a world that knows of no storm is told from one that does."""

    async def silent(self, job):
        raise SourceError("broken", "lost")

    world = make_calm(1, Random(1))
    assert not fails(world)
    monkeypatch.setattr(WorldStore, "read", silent)
    assert any("is nobody's" in fault.what for fault in check_claims(run_claims(world)))


def test_a_calm_tick_costs_two_requests_and_one_of_each_that_comes_late():
    """As many as the rule promises: counted in worlds of every size."""
    for seed in range(12):
        record = run_claims(make_calm(seed, Random(seed)))
        assert not check_claims(record)
        assert len(record.stored) >= 9
