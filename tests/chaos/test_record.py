"""tests.chaos.record: a check that never fails is worth nothing."""

from itertools import pairwise

import pytest

from tests.chaos.record import Record, Sample

A, B, C = "i-0a", "i-0b", "i-0c"
WIDTH = 0.01
"""Seconds that each answer takes."""


def record(*answers):
    """A record of answers, each an instance, a status, and when its question was sent."""
    made = Record(0.0)
    for instance, status, sent in sorted(answers, key=lambda answer: answer[2]):
        made.add(instance, Sample(instance, status, sent, sent + WIDTH))
    return made


def yeses(instance, *moments):
    return [(instance, 200, moment) for moment in moments]


def test_one_leader_after_another():
    """Two runs that follow each other are apart by what lies between their questions and answers."""
    closest = record(*yeses(A, 1, 2), (A, 409, 3), *yeses(B, 5, 6)).closest()
    assert (closest.least, closest.most) == (pytest.approx(3 - WIDTH), pytest.approx(3 + WIDTH))


@pytest.mark.parametrize("moments", [(1.5,), (1.5, 1.6), (1.5, 2.5), (0.5, 1.5), (0.5, 2.5)])
def test_overlap(moments):
    """A yes between two successive yeses of another is an overlap, however the two runs lie."""
    made = record(*yeses(A, 1, 2), *yeses(B, *moments))
    assert (made.closest().most, made.at_once()) == (0, 2)


def test_a_no_in_between_ends_a_run():
    """Whoever says no, and yes again, is not taken to have meant yes in between."""
    closest = record(*yeses(A, 1, 3), (A, 503, 1.5), (A, 503, 2.5), *yeses(B, 2)).closest()
    assert closest.most == pytest.approx(1 + WIDTH)


def test_a_broken_connection_ends_a_run():
    """A process that died is not taken to have meant yes until another one says it."""
    made = record(*yeses(A, 1, 3), (A, None, 1.5), *yeses(B, 2))
    assert made.closest().most == pytest.approx(1 + WIDTH)
    assert made.statuses == {200: 3, None: 1}


def test_what_cannot_be_told_is_no_overlap():
    """Two answers that were under way at once may have been true at once, or not: both limits say so."""
    made = Record(0.0)
    made.add(A, Sample(A, 200, 1.0, 4.0))
    made.add(B, Sample(B, 200, 3.9, 3.95))
    closest = made.closest()
    assert (closest.least, closest.most) == (0, pytest.approx(2.95))


def test_the_closest_of_several():
    """The closest pair is found, and an instance is no pair with itself."""
    made = record(*yeses(A, 1), (A, 409, 1.1), *yeses(A, 1.2), *yeses(B, 3), *yeses(C, 3.5))
    assert {run.instance for run in made.closest().runs} == {B, C}
    assert record(*yeses(A, 1), (A, 409, 1.1), *yeses(A, 1.2)).closest() is None


def test_the_longest_time_without_a_leader():
    """It is counted from the question of one yes to the answer of the next, whoever says it."""
    moments = (1, 2, 5, 5.5)
    made = record(*[(who, 200, moment) for who, moment in zip((A, A, B, B), moments, strict=True)])
    assert made.longest == pytest.approx(max(b - a for a, b in pairwise(moments)) + WIDTH)


def test_a_part_begins():
    """A part counts anew, but what spans its beginning is not lost."""
    made = record(*yeses(A, 1, 2), (A, 409, 3))
    made.begin(4.0)
    assert (made.longest, made.closest(), dict(made.statuses)) == (0, None, {})
    made.add(B, Sample(B, 200, 5.0, 5.0 + WIDTH))
    assert made.longest == pytest.approx(3 + WIDTH)
    assert made.closest().most == pytest.approx(3 + WIDTH)


def test_no_yes_at_all():
    """Nobody is close to nobody."""
    made = record((A, 503, 1), (B, 409, 2))
    assert (made.closest(), made.at_once(), made.longest) == (None, 0, 0)
