"""benchmarks.fleet."""

import pytest

from benchmarks.fleet import measure


@pytest.mark.parametrize(("size", "goals"), [(3, 2), (50, 3), (100, 3)])
def test_a_simulated_fleet_keeps_its_budget_and_its_bounds(size, goals):
    """What the benchmark measures is what the rules promise. It is virtual time, so these are no timings."""
    rows = measure((size,))
    assert [row.met for row in rows if row.met is not None] == [True] * goals
    p50s, p99s = ([row.value for row in rows if row.name.endswith(end)] for end in ("p50", "p99"))
    assert len(p50s) == 3
    assert all(p50 <= p99 for p50, p99 in zip(p50s, p99s, strict=True))


def test_the_same_numbers_come_out_each_time():
    """They depend on nothing but the rules."""
    assert measure((10,)) == measure((10,))
