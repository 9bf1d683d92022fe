"""tests.chaos.table: what is wrong is said, and the table is one."""

from dataclasses import replace

import pytest

from tests.chaos.fault import Fault, nothing
from tests.chaos.record import Pair, Run, Sample
from tests.chaos.table import HEADINGS, STATUSES, Row, markdown, text


async def act(_fleet):
    """Nothing happens."""


def run(instance):
    answer = Sample(instance, 200, 1.0, 1.1)
    return Run(instance, 200, answer, answer)


GOOD = Row(
    fault=Fault("it rains", act, nothing),
    longest=1.0,
    bound=0.5,
    allowance=0.6,
    guard=0.3,
    closest=Pair((run("i-0a"), run("i-0b")), least=0.299, most=0.301),
    at_once=1,
    statuses={200: 3, 409: 2, 503: 1, None: 1},
)
OUTSIDE = replace(GOOD, fault=Fault("it lies", act, None, outside="A2", leaders=2), bound=None, at_once=2)
OVERLAP = replace(GOOD.closest, least=0.0, most=0.0)


@pytest.mark.parametrize("row", [GOOD, replace(GOOD, closest=None), OUTSIDE, replace(OUTSIDE, closest=OVERLAP)])
def test_nothing_is_wrong(row):
    """What keeps the promises is let pass, and so is what was never promised."""
    assert row.problems == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (replace(GOOD, closest=replace(GOOD.closest, most=0.299)), "the yeses of i-0a and i-0b were 0.299 s apart"),
        (replace(GOOD, closest=OVERLAP), "0.000 s apart"),
        (replace(GOOD, longest=1.11), "no leader for 1.11 s, bound 0.50 s, allowed 0.60 s more"),
        (replace(GOOD, statuses={500: 1}), "answers {500}"),
        (replace(OUTSIDE, at_once=1), "1 leaders at once were seen, where 2 are made"),
    ],
)
def test_something_is_wrong(row, problem):
    """What breaks a promise is said with its numbers."""
    (said,) = row.problems
    assert said.startswith(f"{row.fault.title}: ")
    assert problem in said


def test_cells():
    """A row has a cell for each heading; how far apart is told only where leadership passed on."""
    assert GOOD.cells == ("it rains", "1.00", "0.50", "0.60", "0.299 to 0.301", "1", "7", "3", "2", "1", "1")
    assert replace(GOOD, closest=replace(GOOD.closest, least=5.0, most=5.1)).cells[4] == "-"
    assert replace(OUTSIDE, closest=OVERLAP).cells[:5] == ("it lies [outside A2]", "1.00", "-", "-", "overlap")
    assert len(GOOD.cells) == len(HEADINGS) == 7 + len(STATUSES)


def test_tables():
    """The table for a terminal is aligned, the one for a document has bars."""
    assert len({len(line) for line in text([GOOD, OUTSIDE]).splitlines()}) == 1
    assert [line.count("|") for line in markdown([GOOD]).splitlines()] == [len(HEADINGS) + 1] * 3
