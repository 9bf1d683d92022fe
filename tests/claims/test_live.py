"""Real daemons through the most important faults, a tick a second: by claims each tick runs exactly once."""

import sys

import pytest

from tests.claims.faults import ESSENTIAL
from tests.claims.live import run
from tests.claims.ticks import text

TICKS = 60


@pytest.mark.timeout(300)
async def test_live(capsys):
    """Each tick has exactly one run by claims, and never two by /leader."""
    told = []
    tally = await run(ESSENTIAL, TICKS, told.append)
    with capsys.disabled():
        print(f"\n\n{text(tally)}\n", file=sys.stderr)
    assert tally.problems == [], "\n".join(told)
    assert len(tally.ticks) >= TICKS
