"""leaderd.core.timing."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leaderd.core.timing import Timing, tenths

numbers = st.fixed_dictionaries(
    {
        "poll_interval": st.floats(0.1, 300),
        "request_timeout": st.floats(0.1, 60),
        "max_staleness": st.floats(0.1, 900),
        "api_lag": st.floats(0, 60),
        "guard": st.floats(0, 60),
    }
)


def test_the_defaults_hold_all_bounds():
    """Whoever sets nothing is safe, and these are the numbers that the documentation names."""
    timing = Timing.derive()
    assert list(timing.broken_bounds(unsafe=False)) == []
    assert (timing.hold_down, timing.probation) == (40.8, 76.5)
    assert timing.failover_bound == pytest.approx(5 + 11 + 5 + 40.8)


@given(numbers)
def test_a_derived_hold_down_is_never_too_short(numbers):
    """What is left to leaderd to derive breaks no bound, whatever the other numbers are."""
    timing = Timing.derive(**numbers)
    assert not [broken for broken in timing.broken_bounds(unsafe=False) if "--hold-down" in broken]


@given(numbers)
def test_the_hold_down_outlasts_a_dropped_leader_by_the_guard(numbers):
    """A dropped leader believes for T on a slow clock in an answer D old; its successor's clock may be fast."""
    timing = Timing.derive(**numbers)
    believed = numbers["max_staleness"] / 0.99 + numbers["api_lag"]
    assert timing.hold_down / 1.01 >= believed + numbers["guard"] - 1e-9


@given(numbers)
def test_the_probation_outlasts_whoever_is_hidden_between_two_polls(numbers):
    """A newcomer that the leader never saw was a member for T + R + D at most, and believes for T + D more."""
    timing = Timing.derive(**numbers)
    hidden = (numbers["max_staleness"] + numbers["request_timeout"]) / 0.99 + numbers["api_lag"]
    believed = numbers["max_staleness"] / 0.99 + numbers["api_lag"]
    assert timing.probation / 1.01 >= hidden + believed - 1e-9
    assert timing.probation >= timing.hold_down


@given(numbers, st.floats(0, 2000))
def test_a_longer_hold_down_is_taken_and_a_shorter_one_refused(numbers, asked):
    """Only a hold-down below the bound is complained of, and it is never changed in silence."""
    least = Timing.derive(**numbers).hold_down
    timing = Timing.derive(**numbers, hold_down=asked)
    complaints = [broken for broken in timing.broken_bounds(unsafe=False) if "--hold-down" in broken]
    assert timing.hold_down == asked
    assert bool(complaints) == (asked < least)


@given(numbers, st.floats(0, 2000))
def test_unsafe_takes_a_hold_down_that_is_too_short_and_asks_for_no_longer_probation(numbers, asked):
    """Who says unsafe gets what they said, for a newcomer as well; one that is safe is no reason to be less so."""
    timing = Timing.derive(**numbers, hold_down=asked, unsafe=True)
    safe = Timing.derive(**numbers, hold_down=asked)
    assert timing.hold_down == asked
    assert timing.probation == (asked if asked < Timing.derive(**numbers).hold_down else safe.probation)
    assert not [broken for broken in timing.broken_bounds(unsafe=True) if "--hold-down" in broken]


@pytest.mark.parametrize(("asked", "probation"), [(10, 76.5), (76.5, 76.5), (100, 100)])
def test_a_hold_down_that_is_given_can_only_make_the_probation_longer(asked, probation):
    """A newcomer waits no less because somebody asked for a short hold-down without saying unsafe."""
    assert Timing.derive(hold_down=asked).probation == probation


def test_unsafe_without_a_hold_down_changes_nothing():
    """The word alone shortens nothing."""
    assert Timing.derive(unsafe=True) == Timing.derive()


def test_a_staleness_without_room_for_a_lost_poll_is_refused_with_the_numbers():
    """T must be at least 2·P·1.1 + R, and the message says how much that is."""
    (complaint,) = Timing.derive(max_staleness=26.9).broken_bounds(unsafe=True)
    for part in ("--max-staleness 26.9", "--poll-interval 10", "--request-timeout 5", "use 27 or more"):
        assert part in complaint


def test_a_staleness_with_just_enough_room_is_taken():
    """The bound itself is allowed."""
    assert list(Timing.derive(max_staleness=27).broken_bounds(unsafe=False)) == []


def test_a_hold_down_that_is_too_short_is_refused_with_the_numbers():
    """The message says which numbers make the bound, what it is, and the three ways out."""
    (complaint,) = Timing.derive(hold_down=40.7).broken_bounds(unsafe=False)
    for part in ("--hold-down 40.7", "--max-staleness 30", "--api-lag 5", "--guard 5", "use 40.8 or more", "--unsafe"):
        assert part in complaint


def test_a_hold_down_at_the_bound_is_taken():
    """The bound itself is allowed."""
    assert list(Timing.derive(hold_down=40.8).broken_bounds(unsafe=False)) == []


@given(numbers)
def test_the_failover_bound_covers_each_step(numbers):
    """EB's lag, a whole pause, a whole poll, then the hold-down; a poll that is longer than the pause is waited for."""
    timing = Timing.derive(**numbers)
    wait = max(1.1 * timing.poll_interval, timing.request_timeout)
    steps = (timing.api_lag, wait, timing.request_timeout, timing.hold_down)
    assert timing.failover_bound == pytest.approx(sum(steps))
    assert replace(timing, hold_down=timing.hold_down + 1).failover_bound == pytest.approx(sum(steps) + 1)


@given(st.floats(0, 1e5))
def test_rounding_is_to_the_safe_side(seconds):
    """A bound that is shown in tenths is never less than the bound."""
    assume(seconds == 0 or seconds > 1e-6)
    assert seconds - 1e-6 <= tenths(seconds) < seconds + 0.1 + 1e-6


def test_rounding_does_not_lift_a_number_that_is_round_already():
    """27 s, computed as 27.000000000000004, is 27 s."""
    assert tenths(2 * 1.1 * 10 + 5) == 27
    assert tenths(27 + 4e-8) == 27
    assert tenths(27 + 4e-7) == 27.1
