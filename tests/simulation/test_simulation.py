"""The simulator, and three hundred worlds in it."""

from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from leaderd.core.cadence import DEFAULT_BUDGET, FRONT, Cadence
from leaderd.core.timing import Timing
from tests.simulation.check import check, closest
from tests.simulation.run import Yes, run
from tests.simulation.shrink import shrink
from tests.simulation.timeline import timeline
from tests.simulation.world import Life, Teller, World
from tests.simulation.worlds import BUDGETS, DENSE, KINDS, LARGE, make_crafted, make_large, make_world

SEEDS = 300
PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
def test_in_every_world_yeses_keep_apart_and_one_leads_in_the_end(part):
    """At every instant the guard is kept, and after the world is quiet one leads within the bound and stays."""
    led = 0
    for seed in range(part, SEEDS, PARTS):
        record = run(make_world(seed))
        if check(record):
            pytest.fail(timeline(run(shrink(make_world(seed), lambda world: bool(check(run(world)))))))
        led += len({yes.id for yes in record.yeses}) > 1
    assert led > SEEDS / PARTS / 4, "leadership hardly changes hands: these worlds show nothing"


def test_three_hundred_worlds_are_of_every_kind():
    """No kind of world is left out, and none of the ways to answer."""
    worlds = [make_world(seed) for seed in range(SEEDS)]
    assert {world.kind for world in worlds} == KINDS.keys() | LARGE.keys()
    assert {world.api_budget for world in worlds} == set(BUDGETS)
    assert {world.teller for world in worlds} == set(Teller)


def test_a_seed_replays_exactly():
    """One integer is all it takes to see a run again."""
    for seed in (1, 2, 3):
        assert timeline(run(make_world(seed))) == timeline(run(make_world(seed)))


def least_gap(kind, **changes):
    """The closest two yeses in twenty-five worlds that are aimed at one bound, with changed settings."""
    gaps = []
    for seed in range(25):
        world = make_crafted(seed, kind, Random(seed), DENSE)
        world = replace(world, timing=replace(DENSE, **changes))
        gap = closest(run(world).yeses)
        gaps += [] if gap is None else [gap]
    return min(gaps, default=None)


def test_the_hold_down_is_needed_nearly_to_the_second():
    """The guard is kept by the bound, and broken without the half second in it that is there for the clocks' drift."""
    assert least_gap("handover") >= DENSE.guard
    without_drift = DENSE.max_staleness + DENSE.api_lag + DENSE.guard
    assert DENSE.hold_down - 0.6 < without_drift < DENSE.hold_down
    assert least_gap("handover", hold_down=without_drift) < DENSE.guard


def test_the_probation_is_needed_nearly_to_the_second():
    """A newcomer that the leader never saw stays silent by the bound, and overlaps with four seconds in 48 less."""
    assert least_gap("hidden_newcomer") is None
    assert least_gap("hidden_newcomer", probation=DENSE.probation - 4) < 0


def large(size, seed, dropped):
    """A calm environment in which the first members are dropped at once, at any moment, and live on."""
    random = Random(seed)
    at = 400 + random.uniform(0, 600)
    lives = [
        Life(id=f"i-{rank:02d}", place=float(rank), starts=random.uniform(0, 30), joins=-1000.0, rate=0.99)
        for rank in range(size)
    ]
    return World(
        seed=seed,
        kind="large",
        timing=Timing.derive(),
        lives=tuple(replace(life, leaves=at) if rank < dropped else life for rank, life in enumerate(lives)),
        lag=5.0,
        teller=random.choice((Teller.STALE, Teller.RANDOM)),
        latency=(0.0, 4.999),
        losses=0.0,
        api_budget=DEFAULT_BUDGET,
    )


@pytest.mark.parametrize(("size", "dropped"), [(8, 1), (30, 1), (8, FRONT), (30, FRONT), (30, 20)])
def test_the_next_one_leads_within_the_bound_that_the_cadence_names(size, dropped):
    """For a leader as soon as ever, for the whole front, and for all that come before one far behind."""
    bound = Cadence(Timing.derive(), DEFAULT_BUDGET).failover_bound(dropped, size)
    waits = []
    for seed in range(12):
        world = large(size, seed, dropped)
        record = run(world)
        assert check(record) == []
        waits.append(min(yes.start for yes in record.yeses if yes.id == f"i-{dropped:02d}") - world.lives[0].leaves)
    assert max(waits) <= bound / 0.99
    assert max(waits) > bound * 0.7, "these worlds do not come close to the bound"


@pytest.mark.parametrize("size", [8, 30])
def test_a_large_environment_keeps_its_budget(size):
    """But for the first poll of each, which are all made at the start."""
    world = large(size, 1, 0)
    long = replace(world, lives=(replace(world.lives[0], pauses=((3000.0, 3000.1),)), *world.lives[1:]))
    record = run(long)
    assert record.polls <= size + DEFAULT_BUDGET * record.world.ends
    assert record.polls > 0.8 * DEFAULT_BUDGET * record.world.ends


@pytest.mark.parametrize("seed", range(30))
def test_worlds_with_many_members(seed):
    """Those that poll seldom endanger nobody, and come to lead when it is their turn."""
    record = run(make_large(seed))
    assert check(record) == [], timeline(record)
    assert record.yeses


def two_leaders():
    """A world in which two lead: one orders the members the other way round, which A2 forbids."""
    lives = tuple(Life(id=f"i-{number:02d}", place=float(number), starts=0.0, joins=-1000.0) for number in range(4))
    orders = next((("i-01", seed),) for seed in range(99) if Random(f"{seed}").sample(range(4), 4)[0] == 1)
    return World(
        seed=0,
        kind="two_leaders",
        timing=Timing.derive(),
        lives=lives,
        lag=0.0,
        teller=Teller.FRESH,
        latency=(0.0, 0.1),
        losses=0.1,
        orders_of=orders,
    )


def test_a_failing_world_is_shrunk_and_told():
    """What does not matter is left out, and the timeline names the fault and who takes part in it."""
    smallest = shrink(two_leaders(), lambda world: any("says yes" in fault.what for fault in check(run(world))))
    told = timeline(run(smallest))
    assert len(smallest.lives) <= 4
    assert smallest.losses == 0
    assert "!!!" in told
    assert "i-01 says yes" in told or "i-00 says yes" in told
    moments = [float(line.split()[0]) for line in told.splitlines()[3:]]
    assert all(before <= after for before, after in pairwise(moments))


def test_nobody_leading_is_a_fault_too():
    """A world whose only member can reach nothing is told from one that is led."""
    cut = (Life(id="i-00", place=0.0, starts=0.0, joins=-1000.0, cuts=((0.0, 1e9),)),)
    world = replace(two_leaders(), lives=cut, orders_of=())
    deaf = replace(world, lives=(replace(cut[0], cuts=()),), losses=0.0, outages=((0.0, 1.0),))
    assert not check(run(deaf))

    class Endless(World):
        quiet_at = 100.0

    assert any("should lead" in fault.what for fault in check(run(Endless(**vars(world)))))


def test_a_poll_that_outlasts_the_pause_is_waited_for():
    """The last poll of an outage takes R to fail, and the next R to succeed: with a short P the bound has R twice."""
    timing = Timing.derive(poll_interval=1, request_timeout=10, max_staleness=20, api_lag=0, guard=1)
    alone = (Life(id="i-00", place=0.0, starts=0.0, joins=-1000.0),)
    slow = replace(two_leaders(), timing=timing, lives=alone, orders_of=(), losses=0.0, latency=(9.99, 9.99))
    record = run(replace(slow, outages=((0.0, 1.0),)))
    assert not check(record)
    assert record.yeses[0].start > 1.0 + timing.longest_pause + timing.request_timeout + timing.probation


@pytest.mark.parametrize(
    ("yeses", "gap"),
    [
        ([], None),
        ([("a", 0, 5), ("a", 5, 9)], None),
        ([("a", 0, 5), ("b", 7, 9)], 2),
        ([("a", 0, 5), ("b", 4, 9)], -1),
        ([("a", 0, 50), ("b", 10, 11), ("b", 20, 21)], -40),
        ([("a", 0, 50), ("a", 10, 20), ("b", 49, 60)], -1),
        ([("b", 60, 70), ("a", 0, 50), ("c", 53, 55)], 3),
    ],
)
def test_the_closest_yeses_of_two_instances_are_found(yeses, gap):
    """In whatever order they are listed, and however one interval lies in another."""
    assert closest([Yes(*yes) for yes in yeses]) == gap
