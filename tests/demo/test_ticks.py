import pytest

from leaderd.demo.faults import Fault
from leaderd.demo.ticks import Row, Tally, Tick, table
from tests.demo.shows import small_stage, until

A, B = "i-0aaaaaaaaaaaaaaaa", "i-0bbbbbbbbbbbbbbbb"


def tally(*ticks):
    counted = Tally()
    for phase, *ran in ticks:
        counted.add(Tick(phase, tuple(ran), (A,)))
    return counted


def test_counted_by_phase():
    """Each phase counts its ticks by how many instances ran them, and names these in the order of their first run."""
    counted = tally(("calm",), ("calm", B), ("storm", A), ("calm", A), ("calm", B), ("storm", A, B))
    assert counted.rows == (Row("calm", 1, 3, 0, 0, 4, 0, (A, B)), Row("storm", 0, 1, 1, 0, 2, 0, (A, B)))
    assert [row.total for row in counted.rows] == [4, 2]


def test_claims_are_counted_beside():
    """The job that claims has its own columns, and is what the strip of the last ticks shows."""
    counted = Tally()
    for claimed in ((), (A,), (B,), (A, B)):
        counted.add(Tick("storm", (A,), claimed))
    assert counted.rows == (Row("storm", 0, 4, 0, 1, 2, 1, (A, B)),)
    assert list(counted.recent) == [0, 1, 1, 2]
    assert counted.exit_code() == 1


@pytest.mark.parametrize(
    ("ticks", "code"),
    [
        ((), 0),
        ((("calm", A), ("calm",), ("calm", B)), 0),
        ((("calm", A), ("storm", A, B), ("calm", B)), 1),
        ((("storm", A, B, "i-0c"),), 1),
    ],
)
def test_exit_code(ticks, code):
    """The exit code is 0 only if no tick ran on two instances or more."""
    assert tally(*ticks).exit_code() == code


def test_table():
    """The table has a line for each phase, their sums, and the verdict."""
    assert table(tally(("one leads", A), ("gone",), ("gone", B))) == [
        "                   /leader            claims",
        "ticks that ran on     none  one  two    none  one  two  who ran",
        "------------------------------------------------------------------------",
        "one leads                0    1    0       0    1    0  i-0aaaa",
        "gone                     1    1    0       0    2    0  i-0aaaa, i-0bbbb",
        "all                      1    2    0       0    3    0",
        "",
        "None of 3 ticks ran on two instances. By claims 3 ran on exactly one.",
    ]


def test_table_of_a_defect():
    """Ticks that ran on two instances are called what they are."""
    assert table(tally(("one leads", A, B), ("one leads", A)))[-1].startswith("1 of 2 ticks ran on two or more")


def test_table_of_nothing():
    """Without a tick there is nothing to tell."""
    assert table(Tally()) == ["There was no tick."]


async def test_cron_asks_every_instance():
    """The cron runs on whoever is told yes: where EB lies to all of them, on all of them, and that is counted."""
    async with small_stage(2) as (stage, _):
        await until(lambda: stage.cron.tally.row("start").zero)
        stage.aws.cloud.faults.everyone = Fault.CALLER_FIRST
        await until(lambda: stage.cron.tally.doubles)
        assert set(stage.cron.tally.row("start").ran) == set(stage.aws.cloud.members)
        assert stage.cron.tally.exit_code() == 1
