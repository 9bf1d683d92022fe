"""tests.claims.ticks: a tally that finds nothing wrong is worth nothing."""

import pytest

from tests.claims.document import document
from tests.claims.ticks import RULES, Tally, text

GOOD = {"claims": ["i-0a"], "leader": ["i-0a"], "bare": ["i-0a", "i-0b"]}


def tally(*ticks):
    """A tally of ticks, each what ran by rule, the first two under one fault."""
    made = Tally()
    for start, ran in enumerate(ticks):
        made.begin(start, "it rains" if start < 2 else "it snows")
        for rule in RULES:
            for instance in ran[rule]:
                made.add(start, rule, instance)
    return made


@pytest.mark.parametrize("ran", [GOOD, GOOD | {"leader": []}, GOOD | {"bare": []}])
def test_nothing_is_wrong(ran):
    """One run by claims, one or none by /leader, and whatever the third rule gives."""
    assert tally(ran).problems == []


@pytest.mark.parametrize(
    ("ran", "problem"),
    [
        ({"claims": []}, "by claims it ran on none"),
        ({"claims": ["i-0a", "i-0b"]}, "by claims it ran on ['i-0a', 'i-0b']"),
        ({"claims": ["i-0a", "i-0a"]}, "by claims it ran on ['i-0a', 'i-0a']"),
        ({"leader": ["i-0a", "i-0b"]}, "by leader it ran on ['i-0a', 'i-0b']"),
    ],
)
def test_something_is_wrong(ran, problem):
    """A tick without a run, or with two, is told with who ran it, on one instance twice as well."""
    assert tally(GOOD, GOOD | ran).problems == [f"1, it rains: {problem}"]


def test_rows():
    """A row for each fault, one for all, and for each rule how many ticks ran on none, one and more."""
    made = tally(GOOD, GOOD, GOOD | {"claims": [], "leader": []})
    assert made.rows == [
        ("it rains", "2", *"020", *"020", *"002"),
        ("it snows", "1", *"100", *"100", *"001"),
        ("all", "3", *"120", *"120", *"003"),
    ]


def test_what_comes_after_the_last_tick_is_not_counted():
    """Asked for too late, a claim is one of a tick that nobody has begun."""
    made = tally(GOOD)
    made.add(1, "claims", "i-0a")
    assert [row[1] for row in made.rows] == ["1", "1"]


def test_tables():
    """The table for a terminal is aligned, the one of the document has a total, and the settings beneath it."""
    made = tally(GOOD)
    assert len({len(line) for line in text(made).splitlines()}) == 1
    assert "| **all** | **1** | **0** | **1** | **0** |" in document(made)
    assert "H = 2.6 s" in document(made)
