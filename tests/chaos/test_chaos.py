"""Real daemons through all faults: never two leaders, and never none for longer than is promised."""

import sys

import pytest

from tests.chaos.run import FLEETS, run
from tests.chaos.table import text


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", FLEETS)
async def test_chaos(name, capsys):
    """No two yeses closer than the guard, no time without a leader longer than the bound."""
    told = []
    rows = await run(name, told.append)
    with capsys.disabled():
        print(f"\n\n{text(rows)}\n", file=sys.stderr)
    assert [problem for row in rows for problem in row.problems] == [], "\n".join(told)
