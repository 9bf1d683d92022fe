"""leaderd.core.cadence."""

from hypothesis import given
from hypothesis import strategies as st

from leaderd.core.cadence import pause
from leaderd.core.timing import Timing

TIMING = Timing.derive()
chances = st.floats(0, 1, exclude_max=True)


@given(chances, st.floats(0, 30))
def test_the_usual_pause_is_the_poll_interval_give_or_take_a_tenth(chance, believed_for):
    """Polls of a fleet drift apart, and a failure that is no throttling changes nothing."""
    assert 9 <= pause(TIMING, throttled=0, believed_for=believed_for, chance=chance) <= 11


def test_jitter_reaches_from_a_tenth_less_to_a_tenth_more():
    """Chance 0 is the shortest pause, 1 would be the longest."""
    assert pause(TIMING, throttled=0, believed_for=30, chance=0) == 9
    assert pause(TIMING, throttled=0, believed_for=30, chance=0.5) == 10


@given(st.integers(1, 10_000), chances)
def test_without_a_believed_view_throttled_polls_slow_down_to_the_longest_staleness(throttled, chance):
    """Each throttled answer doubles the pause, up to T, however often it comes."""
    usual = pause(TIMING, throttled=0, believed_for=0, chance=chance)
    assert pause(TIMING, throttled=throttled, believed_for=0, chance=chance) == min(
        usual * 2.0 ** min(throttled, 9), 30
    )


def test_each_throttled_poll_doubles_the_pause():
    """It doubles and does not merely grow, where the longest staleness leaves room for that; then it stays there."""
    frequent = Timing.derive(poll_interval=1, request_timeout=1, max_staleness=20)
    pauses = [pause(frequent, throttled=times, believed_for=0, chance=0.5) for times in range(7)]
    assert pauses == [1, 2, 4, 8, 16, 20, 20]


@given(st.integers(1, 20), chances, st.floats(0, 30))
def test_a_throttled_poll_is_tried_again_before_the_view_expires(throttled, chance, believed_for):
    """While the view is believed, one try is made in time to renew it; never sooner than at the usual pace."""
    usual = pause(TIMING, throttled=0, believed_for=believed_for, chance=chance)
    chosen = pause(TIMING, throttled=throttled, believed_for=believed_for, chance=chance)
    assert chosen >= usual
    if believed_for - 5 >= usual:
        assert chosen <= believed_for - 5
    else:
        assert chosen == min(usual * 2**throttled, 30)


def test_a_last_try_right_at_the_usual_pace_is_made():
    """The edge: a view that is believed for exactly one usual pause and one request more."""
    assert pause(TIMING, throttled=3, believed_for=15, chance=0.5) == 10


def test_a_poll_interval_longer_than_the_staleness_is_never_shortened():
    """With odd settings a throttled poll still waits no less than the usual pause."""
    odd = Timing.derive(poll_interval=60, max_staleness=30)
    assert pause(odd, throttled=2, believed_for=0, chance=0.5) == 60
