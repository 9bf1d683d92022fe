"""leaderd.core.cadence."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderd.core.cadence import FAR, FRONT, NEAR, Cadence, Pace
from leaderd.core.roster import Roster
from leaderd.core.timing import Timing

ME = "i-me"
TIMING = Timing.derive()
CADENCE = Cadence(TIMING)
AMPLE = Cadence(TIMING, 1000)
SMALL = CADENCE.after_restart(Roster((ME,)), ME)
chances = st.floats(0, 1, exclude_max=True)
unhurried = settings(deadline=None)  # a thousand places take a while, and a busy machine longer
sizes = st.integers(1, 1200)
cadences = st.builds(
    lambda poll_interval, budget: Cadence(Timing.derive(poll_interval=poll_interval), budget),
    st.floats(0.5, 400),
    st.floats(0.01, 100),
)


def listed(rank, size):
    """A roster in which I have this place."""
    return Roster(
        (*(f"i-{number}" for number in range(rank)), ME, *(f"i-{number}" for number in range(rank + 1, size)))
    )


def calls(cadence, size):
    """Calls per second of all members together, each at its own pace."""
    return sum(1 / cadence.interval(rank, size) for rank in range(size))


class TestInterval:
    """How often a member polls, by its place and by how many there are."""

    def test_the_environment_keeps_its_budget(self):
        """Half a call per second up to fifty instances, one up to a thousand."""
        tried = (*range(1, 101), *range(110, FAR, 70), FAR - 1, FAR)
        over = [size for size in tried if calls(CADENCE, size) > (0.5 if size <= 50 else 1.0) + 1e-9]
        assert over == []

    @pytest.mark.parametrize(("size", "slowest"), [(50, 300), (200, 300), (300, 500), (1000, 1900), (5000, 1900)])
    def test_the_last_place(self, size, slowest):
        """Every five minutes up to two hundred instances. More cannot all do so within one call per second."""
        assert 0.9 * slowest < CADENCE.interval(size - 1, size) <= slowest

    def test_four_instances_are_no_reason_to_poll_less(self):
        """The budget has room for four at P, and the fifth is the first that waits longer."""
        assert [CADENCE.interval(rank, 4) for rank in range(4)] == [10] * 4
        assert [round(CADENCE.interval(rank, 5)) for rank in range(5)] == [10, 10, 10, 10, 15]

    def test_what_is_left_of_the_budget_goes_to_those_close_to_the_front(self):
        """By the reciprocal of the place behind the front: twice as far, half as much."""
        shares = [1 / CADENCE.interval(rank, 50) - 1 / 300 for rank in range(FRONT, 50)]
        assert shares[0] == pytest.approx(2 * shares[1])
        assert shares[0] == pytest.approx(47 * shares[46])
        assert sum(shares) == pytest.approx(0.5 - 0.3 - 47 / 300)

    def test_behind_the_fiftieth_all_poll_alike(self):
        """As often as the fiftieth, until they are too many for the second budget."""
        assert {CADENCE.interval(rank, 100) for rank in range(NEAR - 1, 100)} == {CADENCE.interval(NEAR - 1, NEAR)}
        assert {CADENCE.interval(rank, 300) for rank in range(NEAR, 300)} == {500}

    def test_with_an_ample_budget_all_poll_every_p(self):
        """Places near and far."""
        assert {AMPLE.interval(rank, FAR) for rank in range(FAR)} == {10}

    def test_with_no_budget_left_those_behind_poll_every_five_minutes(self):
        """The front alone is too much: the others do not poll even less."""
        scant = Cadence(TIMING, 0.2)
        assert {scant.interval(rank, NEAR) for rank in range(FRONT, NEAR)} == {300}

    def test_a_poll_interval_of_more_than_five_minutes(self):
        """Then nobody polls more often than that."""
        seldom = Cadence(Timing.derive(poll_interval=400), 0.5)
        assert {seldom.interval(rank, 100) for rank in range(100)} == {400}


class TestAfterPoll:
    """What a poll means for the next ones."""

    def test_a_member_goes_by_its_newest_place(self):
        """Who comes to the front hurries from then on, and who falls behind takes its time."""
        pace = CADENCE.after_poll(CADENCE.start(), listed(20, 40), ME)
        assert pace.interval == CADENCE.interval(20, 40)
        pace = CADENCE.after_poll(pace, listed(2, 40), ME)
        assert (pace.interval, pace.placed) == (10, True)
        assert CADENCE.after_poll(pace, listed(3, 40), ME).interval == CADENCE.interval(3, 40)

    def test_before_the_first_poll_it_is_the_usual_pace(self):
        """Nobody knows its place yet."""
        assert CADENCE.start() == Pace(10, placed=False, settled=False, without_place=0, throttled=0)

    def test_after_its_first_place_it_is_not_settled_and_from_the_next_poll_on_it_is(self):
        """Losing the place means to begin anew."""
        pace = CADENCE.after_poll(CADENCE.start(), listed(5, 9), ME)
        assert not pace.settled
        pace = CADENCE.after_poll(pace, listed(5, 9), ME)
        assert pace.settled
        pace = CADENCE.after_poll(pace, Roster(("i-0",)), ME)
        assert (pace.placed, pace.settled) == (False, False)
        assert not CADENCE.after_poll(pace, listed(5, 9), ME).settled

    @pytest.mark.parametrize("newest", [None, Roster(("i-0", "i-1"))])
    @pytest.mark.parametrize(
        ("cadence", "intervals"),
        [(CADENCE, [10, 10, 10, 20, 40, 80, 100, 100]), (Cadence(TIMING, 0.1), [10, 10, 10, 20, 40, 80, 160, 300])],
    )
    def test_without_a_place_it_slows_down_after_three_polls(self, newest, cadence, intervals):
        """No answer, or none that lists it: it may be a newcomer, or one of very many that are denied."""
        pace, seen = cadence.start(), []
        for _ in intervals:
            pace = cadence.after_poll(pace, newest, ME)
            seen.append(pace.interval)
        assert seen == intervals
        assert cadence.after_poll(pace, listed(0, 3), ME) == Pace(10, placed=True)

    @pytest.mark.parametrize("cadence", [AMPLE, Cadence(Timing.derive(poll_interval=400), 0.5)])
    def test_without_a_place_it_never_polls_more_often_than_p(self, cadence):
        """However large the budget is."""
        assert cadence.after_poll(Pace(1, without_place=99), None, ME).interval == cadence.timing.poll_interval

    def test_without_a_place_the_pause_has_an_end(self):
        """Also after years."""
        assert CADENCE.after_poll(Pace(1, without_place=10**6), None, ME).interval == 100

    def test_throttled_polls_are_counted_in_a_row(self):
        """Any other outcome begins anew."""
        pace = CADENCE.start()
        counts = []
        for throttled in (True, True, False, True):
            pace = CADENCE.after_poll(pace, listed(0, 1), ME, throttled=throttled)
            counts.append(pace.throttled)
        assert counts == [1, 2, 0, 1]
        assert CADENCE.after_poll(pace, None, ME, throttled=True).throttled == 2

    def test_after_a_restart_it_is_settled_if_it_had_a_place(self):
        """It goes on at the pace that it had."""
        assert CADENCE.after_restart(listed(5, 9), ME) == Pace(CADENCE.interval(5, 9), placed=True, settled=True)
        assert not CADENCE.after_restart(Roster(("i-0",)), ME).settled


class TestFollowerFor:
    """How long an answer that makes a follower is believed."""

    def test_at_the_pace_of_the_front_it_is_the_longest_staleness(self):
        """Nothing changes for an environment of three."""
        assert CADENCE.follower_for(SMALL) == 30
        assert CADENCE.follower_for(CADENCE.start()) == 30

    def test_the_numbers(self):
        """2.2 pauses and R; but never less than T."""
        assert CADENCE.follower_for(Pace(300)) == pytest.approx(665)
        assert CADENCE.follower_for(Pace(11)) == 30


class TestPause:
    """When the next poll is due."""

    def test_jitter_reaches_from_a_tenth_less_to_a_tenth_more(self):
        """Chance 0 is the shortest pause, 1 would be the longest."""
        assert CADENCE.pause(SMALL, believed_for=30, chance=0) == 9
        assert CADENCE.pause(SMALL, believed_for=30, chance=0.5) == 10

    def test_after_a_start_the_pauses_are_spread_over_the_interval(self):
        """Those that start together do not poll together again: any moment is as likely as any other."""
        pace = CADENCE.after_poll(CADENCE.start(), listed(999, 1000), ME)
        pauses = [CADENCE.pause(pace, believed_for=2000, chance=number / 100) for number in range(100)]
        steps = [after - before for before, after in pairwise(pauses)]
        assert pauses[0] == 9
        assert pauses[50] == pytest.approx(955, abs=10)
        assert pauses[99] == pytest.approx(1900, abs=20)
        assert max(steps) == pytest.approx(min(steps))

    def test_each_throttled_poll_doubles_the_pause(self):
        """It doubles and does not merely grow, where the longest staleness leaves room; then it stays there."""
        frequent = Cadence(Timing.derive(poll_interval=1, request_timeout=1, max_staleness=20))
        pace = frequent.after_restart(listed(0, 1), ME)
        pauses = [frequent.pause(replace(pace, throttled=n), believed_for=0, chance=0.5) for n in range(7)]
        assert pauses == [1, 2, 4, 8, 16, 20, 20]

    def test_throttling_slows_down_who_polls_seldom_as_well(self):
        """Up to as long as its answers are believed."""
        pace = replace(SMALL, interval=100)
        pauses = [CADENCE.pause(replace(pace, throttled=n), believed_for=0, chance=0.5) for n in range(4)]
        assert pauses == [100, 200, pytest.approx(225), pytest.approx(225)]

    def test_whoever_is_throttled_at_the_start_takes_any_moment_of_a_pause_that_doubles(self):
        """A thousand that start at once and are refused do not come back at once; up to five minutes."""
        paces = [replace(CADENCE.start(), throttled=n, without_place=1) for n in range(8)]
        assert [CADENCE.pause(pace, believed_for=0, chance=0) for pace in paces] == [9] * 8
        middle = [CADENCE.pause(pace, believed_for=0, chance=0.5) for pace in paces]
        assert middle == [10, 15, 25, 45, 85, 155, 155, 155]

    def test_a_last_try_right_at_the_usual_pace_is_made(self):
        """The edge: a view that is believed for exactly one usual pause and one request more."""
        assert CADENCE.pause(replace(SMALL, throttled=3), believed_for=15, chance=0.5) == 10

    def test_a_poll_interval_longer_than_the_staleness_is_never_shortened(self):
        """With odd settings a throttled poll still waits no less than the usual pause."""
        odd = Cadence(Timing.derive(poll_interval=60, max_staleness=30))
        pace = odd.after_restart(listed(0, 1), ME)
        assert odd.pause(replace(pace, throttled=2), believed_for=0, chance=0.5) == 60


class TestFailoverBound:
    """How long nobody may lead."""

    @pytest.mark.parametrize("dead", [1, 2])
    @pytest.mark.parametrize("size", [3, 50, 1000])
    def test_the_loss_of_one_or_two_takes_no_longer_in_a_large_environment(self, dead, size):
        """The next one is in the front, and polls every P."""
        assert CADENCE.failover_bound(dead, size) == TIMING.failover_bound

    @pytest.mark.parametrize(("size", "bound"), [(4, 62), (10, 66), (50, 135), (1000, 135)])
    def test_the_loss_of_the_first_three(self, size, bound):
        """The numbers that docs/safety.md names."""
        assert round(CADENCE.failover_bound(3, size)) == bound


class TestOverBudget:
    """Settings that cannot keep the budget."""

    def test_the_defaults_keep_it(self):
        """Nothing to say."""
        assert list(CADENCE.over_budget()) == []

    def test_polls_that_are_too_frequent_for_it(self):
        """The message has the numbers, and the mends."""
        (said,) = Cadence(Timing.derive(poll_interval=1), 0.5).over_budget()
        for part in ("--api-budget 0.5", "--poll-interval 1", "make 3 calls", "50 make 3.16", "poll less often"):
            assert part in said

    def test_just_enough(self):
        """The bound itself is allowed."""
        assert not list(Cadence(TIMING, 3 / 10 + 47 / 300).over_budget())
        assert list(Cadence(TIMING, 0.4566).over_budget())

    def test_it_is_said_exactly_where_an_environment_could_exceed_it(self):
        """By those fifty that cost most for their number."""
        for budget in (0.3, 0.45, 0.46, 0.5):
            cadence = Cadence(TIMING, budget)
            exceeded = any(calls(cadence, size) > budget + 1e-9 for size in range(1, NEAR + 1))
            assert bool(list(cadence.over_budget())) == exceeded


@unhurried
@given(cadences, st.integers(1, FAR))
def test_any_budget_that_can_be_kept_is_kept(cadence, size):
    """What the settings cannot keep, they say; all else holds for any of them."""
    if not list(cadence.over_budget()):
        assert calls(cadence, size) <= cadence.api_budget * (1 if size <= NEAR else 2) + 1e-9


@unhurried
@given(cadences, st.integers(1, FAR))
def test_a_budget_that_cannot_be_kept_is_exceeded_by_the_near_places_only(cadence, size):
    """The front polls every P, as its user asked; the others at the slowest pace there is."""
    excess = max(0.0, FRONT / cadence.timing.poll_interval + (NEAR - FRONT) / 300 - cadence.api_budget)
    assert calls(cadence, size) <= cadence.api_budget * (1 if size <= NEAR else 2) + excess + 1e-9


@unhurried
@given(cadences, st.integers(0, FRONT - 1), sizes)
def test_the_first_three_poll_every_p(cadence, rank, size):
    """In an environment of any size, at any budget."""
    assert cadence.interval(rank, size) == cadence.timing.poll_interval


@unhurried
@given(cadences, sizes)
def test_who_is_further_behind_polls_no_more_often(cadence, size):
    """From the first place to the last."""
    paces = [cadence.interval(rank, size) for rank in range(size)]
    assert paces == sorted(paces)


@unhurried
@given(cadences, st.integers(0, 1100))
def test_in_a_larger_environment_the_same_place_polls_no_more_often(cadence, rank):
    """From the smallest that has this place, to one larger than any."""
    paces = [cadence.interval(rank, size) for size in range(rank + 1, 1300, 7)]
    assert all(before <= after + 1e-9 for before, after in pairwise(paces))


@unhurried
@given(cadences, st.integers(0, NEAR - 1), sizes)
def test_the_first_fifty_never_poll_less_than_every_five_minutes(cadence, rank, size):
    """Nor less often than P, where that is longer."""
    assert cadence.interval(rank, max(size, rank + 1)) <= max(300, cadence.timing.poll_interval) + 1e-9


@unhurried
@given(st.integers(0, 1000), chances, chances)
def test_one_lost_poll_costs_no_follower_its_no(rank, first, second):
    """Two pauses and a whole poll, as the settings give it to the front."""
    pace = CADENCE.after_restart(listed(rank, 1001), ME)
    pauses = [CADENCE.pause(pace, believed_for=0, chance=chance) for chance in (first, second)]
    assert sum(pauses) + TIMING.request_timeout <= CADENCE.follower_for(pace)


@unhurried
@given(chances, st.floats(0, 30))
def test_the_usual_pause_is_the_interval_give_or_take_a_tenth(chance, believed_for):
    """Polls of a fleet drift apart, and a failure that is no throttling changes nothing."""
    assert 9 <= CADENCE.pause(SMALL, believed_for=believed_for, chance=chance) <= 11
    assert 270 <= CADENCE.pause(replace(SMALL, interval=300), believed_for=believed_for, chance=chance) <= 330


@unhurried
@given(chances, st.sampled_from([SMALL, CADENCE.start()]))
def test_a_small_fleet_that_starts_polls_as_it_always_will(chance, pace):
    """There is nothing to spread at the pace of the front."""
    assert CADENCE.pause(replace(pace, settled=False), believed_for=0, chance=chance) == CADENCE.pause(
        replace(pace, settled=True), believed_for=0, chance=chance
    )


@unhurried
@given(st.integers(1, 10_000), chances)
def test_without_a_believed_view_throttled_polls_slow_down_to_the_longest_staleness(throttled, chance):
    """Each throttled answer doubles the pause, up to T, however often it comes."""
    usual = CADENCE.pause(SMALL, believed_for=0, chance=chance)
    slow = CADENCE.pause(replace(SMALL, throttled=throttled), believed_for=0, chance=chance)
    assert slow == min(usual * 2.0 ** min(throttled, 9), 30)


@unhurried
@given(st.integers(1, 20), chances, st.floats(0, 30))
def test_a_throttled_poll_is_tried_again_before_the_view_expires(throttled, chance, believed_for):
    """While the view is believed, one try is made in time to renew it; never sooner than at the usual pace."""
    usual = CADENCE.pause(SMALL, believed_for=believed_for, chance=chance)
    chosen = CADENCE.pause(replace(SMALL, throttled=throttled), believed_for=believed_for, chance=chance)
    assert chosen >= usual
    if believed_for - 5 >= usual:
        assert chosen <= believed_for - 5
    else:
        assert chosen == min(usual * 2**throttled, 30)


@unhurried
@given(st.integers(1, 999))
def test_the_next_one_needs_a_pause_of_its_own_more(dead):
    """EB's lag, the pause of who is first then, a whole poll, then the hold-down."""
    pause = 1.1 * CADENCE.interval(dead, 1000)
    assert CADENCE.failover_bound(dead, 1000) == pytest.approx(5 + pause + 5 + 40.8)
