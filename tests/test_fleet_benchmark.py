"""benchmarks.fleet."""

import json

import pytest

from benchmarks.fleet import CADENCE, rows, table
from leaderd.core.cadence import DEFAULT_BUDGET


@pytest.mark.parametrize(("size", "budgets"), [(3, 1), (50, 1), (100, 2)])
def test_a_simulated_fleet_keeps_its_budget_and_its_bounds(size, budgets):
    """What the benchmark measures is what the rules promise, with a little for chance in two hours."""
    (row,) = rows((size,))
    assert row["steady"] <= budgets * DEFAULT_BUDGET * 1.02
    assert row["start_first"] == size
    assert row["one_p99"] <= CADENCE.failover_bound(1, size)
    if size > 3:
        assert row["three_p99"] <= CADENCE.failover_bound(3, size)
    assert row["one_p50"] <= row["one_p99"] <= row["three_p99"]
    assert json.loads(json.dumps([row])) == [row]
    assert len(table([row]).splitlines()) == 2
