"""leaderd.core.roster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderd.core.roster import Order, Roster, arrange, compare
from leaderd.errors import UnusableAnswerError

ids = st.lists(st.integers(0, 30).map(lambda number: f"i-{number:02x}"), unique=True, min_size=1, max_size=8)


def test_listed_order_is_the_order_of_the_answer():
    """`listed` keeps the order that Elastic Beanstalk answered with."""
    assert arrange(["i-2", "i-1", "i-3"], Order.LISTED, {}).ids == ("i-2", "i-1", "i-3")


def test_id_order_is_by_id():
    """`id` puts the smallest id first."""
    assert arrange(["i-2", "i-1", "i-3"], Order.ID, {}).ids == ("i-1", "i-2", "i-3")


def test_oldest_order_is_by_launch_then_by_id():
    """`oldest` puts the earliest launch first, and goes by id where two were launched in one moment."""
    launched = {"i-1": 20.0, "i-2": 10.0, "i-3": 10.0}
    assert arrange(["i-1", "i-3", "i-2"], Order.OLDEST, launched).ids == ("i-2", "i-3", "i-1")


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize(
    ("listed", "complaint"),
    [
        ([], "Elastic Beanstalk listed no instance at all"),
        (["i-1", "i-2", "i-1"], "Elastic Beanstalk listed an instance twice"),
    ],
)
def test_an_empty_or_doubled_list_is_an_error(order, listed, complaint):
    """Elastic Beanstalk has been seen to answer so; it is an error by another name, never a verdict."""
    with pytest.raises(UnusableAnswerError) as caught:
        arrange(listed, order, dict.fromkeys(listed, 1.0))
    assert caught.value.kind == "unusable"
    assert (caught.value.message, caught.value.hint) == (complaint, "the next poll may say more")


def test_a_launch_time_that_is_missing_is_an_error_that_names_the_instance():
    """Without all launch times two instances could order each other differently."""
    with pytest.raises(UnusableAnswerError, match="no launch time is known for i-2, i-3") as caught:
        arrange(["i-3", "i-1", "i-2"], Order.OLDEST, {"i-1": 1.0})
    hint = "it comes with enhanced health reporting a little after launch; or use --order id"
    assert caught.value.hint == hint


def test_only_three_of_many_missing_launch_times_are_named():
    """An error stays one line, however many are missing."""
    with pytest.raises(UnusableAnswerError, match=r"known for i-1, i-2, i-3 \("):
        arrange(["i-4", "i-3", "i-2", "i-1"], Order.OLDEST, {})


@given(ids)
def test_rank_is_the_place_in_the_roster(listed):
    """The first has rank 0, each next one more, and a stranger none."""
    roster = Roster(tuple(listed))
    assert [roster.rank(member) for member in listed] == list(range(len(listed)))
    assert roster.first == listed[0]
    assert roster.rank("i-stranger") is None
    assert len(roster) == len(listed)


@given(ids, st.randoms(use_true_random=False))
def test_sorted_orders_do_not_depend_on_the_answers_order(listed, random):
    """By id and by launch, all instances arrive at one order, in whatever order they were told."""
    shuffled = random.sample(listed, len(listed))
    launched = {member: float(hash(member) % 3) for member in listed}
    assert arrange(listed, Order.ID, {}) == arrange(shuffled, Order.ID, {})
    assert arrange(listed, Order.OLDEST, launched) == arrange(shuffled, Order.OLDEST, launched)


def test_equal_rosters_have_no_change():
    """Nothing is said of a poll that saw the same."""
    assert not compare(Roster(("i-1", "i-2")), Roster(("i-1", "i-2")))


def test_who_joined_and_who_left_is_told_in_roster_order():
    """A change names those who came and those who went."""
    change = compare(Roster(("i-1", "i-2", "i-3")), Roster(("i-2", "i-5", "i-4")))
    assert (change.joined, change.left, change.reordered) == (("i-5", "i-4"), ("i-1", "i-3"), False)
    assert change


@pytest.mark.parametrize(
    ("old", "new"),
    [(("i-1", "i-2"), ("i-1",)), (("i-1",), ("i-1", "i-2")), (("i-1", "i-2"), ("i-2", "i-1"))],
    ids=["left", "joined", "reordered"],
)
def test_each_difference_alone_is_a_change(old, new):
    """One who left, one who joined, or two who changed places: each is worth telling, without the others."""
    change = compare(Roster(old), Roster(new))
    assert [bool(change.left), bool(change.joined), change.reordered].count(True) == 1
    assert change


@pytest.mark.parametrize(("joined", "left"), [((), ()), (("i-9",), ()), ((), ("i-3",))])
def test_members_that_stayed_but_changed_places_are_a_reorder(joined, left):
    """Two members that are in both answers must come in the same order, whoever comes and goes around them."""
    old = ("i-1", "i-2", *left)
    new = ("i-2", *joined, "i-1")
    assert compare(Roster(old), Roster(new)).reordered


@given(ids, ids)
def test_a_change_tells_how_to_get_from_one_to_the_other(old, new):
    """What left, taken away, and what joined, added, makes the new members of the old ones."""
    change = compare(Roster(tuple(old)), Roster(tuple(new)))
    assert (set(old) - set(change.left)) | set(change.joined) == set(new)
    assert bool(change) == (old != new)
