"""leaderd.core.election."""

from dataclasses import replace
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderd.core.election import Observation, Role, View, judge, observe
from leaderd.core.roster import Roster
from leaderd.core.timing import Timing
from tests.core import dumb

ME = "i-me"
TIMING = Timing(poll_interval=10, request_timeout=5, max_staleness=30, api_lag=5, guard=5, hold_down=40, probation=76)
HISTORIES = 50_000


def saw(*ids, sent, took=0.0):
    return Observation(Roster(ids), sent, sent + took)


def after(*observations, timing=TIMING):
    view = None
    for observation in observations:
        view = observe(view, observation, ME, timing)
    return view


def first(sent, took=0.0):
    return saw(ME, "i-other", sent=sent, took=took)


def second(sent, took=0.0):
    return saw("i-other", ME, sent=sent, took=took)


def role(view, now, **kwargs):
    return judge(view, ME, TIMING, now, **kwargs).role


class TestUnknown:
    """Whatever is uncertain is unknown."""

    def test_before_the_first_answer(self):
        """Nothing was seen, so nothing is known, for as long as nothing is seen."""
        verdict = judge(None, ME, TIMING, 1e9)
        assert (verdict.role, verdict.until, verdict.leads_at) == (Role.UNKNOWN, inf, None)
        assert verdict.reason == "no answer from Elastic Beanstalk yet"

    @pytest.mark.parametrize("seen", [first, second])
    def test_from_the_moment_at_which_the_newest_answer_is_too_old(self, seen):
        """An answer is believed for T from when its poll was sent, and not a moment longer."""
        view = after(seen(100, took=4))
        assert role(view, 129.999) is not Role.UNKNOWN
        assert role(view, 130) is Role.UNKNOWN
        verdict = judge(view, ME, TIMING, 142)
        assert verdict.until == inf
        assert verdict.reason == "the newest answer is 42 s old, believed for 30 s"

    def test_a_follower_that_polls_seldom_is_one_for_as_long_as_that_takes(self):
        """A no does no harm, however old it is; in the end it is no answer any more."""
        view = after(second(100))
        assert judge(view, ME, TIMING, 764.999, follower_for=665).role is Role.FOLLOWER
        assert judge(view, ME, TIMING, 101, follower_for=665).until == 765
        verdict = judge(view, ME, TIMING, 765, follower_for=665)
        assert verdict.role is Role.UNKNOWN
        assert verdict.reason == "the newest answer is 665 s old, believed for 665 s"

    def test_who_is_first_is_believed_for_t_and_not_longer(self):
        """However long a no would be believed."""
        view = after(*(first(at) for at in range(0, 200, 10)))
        assert judge(view, ME, TIMING, 191, follower_for=665).until == 220
        assert judge(view, ME, TIMING, 220, follower_for=665).role is Role.UNKNOWN
        assert judge(after(first(0)), ME, TIMING, 30, follower_for=665).role is Role.UNKNOWN

    def test_a_no_is_never_believed_for_less_than_t(self):
        """A cadence can only make it longer."""
        assert judge(after(second(100)), ME, TIMING, 129.999, follower_for=1).role is Role.FOLLOWER

    def test_where_no_cadence_is_named_a_no_is_believed_for_t(self):
        """However short T is."""
        short = replace(TIMING, max_staleness=0.5)
        assert judge(after(second(100)), ME, short, 100.25).until == 100.5


class TestFollower:
    """A definite no."""

    def test_who_is_not_first_says_its_place_and_who_is(self):
        """A follower knows its place, and until when it knows it."""
        verdict = judge(after(saw("i-a", "i-b", ME, sent=100)), ME, TIMING, 101)
        assert (verdict.role, verdict.until) == (Role.FOLLOWER, 130)
        assert verdict.reason == "place 3 of 3, where i-a is first"

    def test_who_is_not_listed_is_a_follower_too(self):
        """A list of others is a definite no: one that Elastic Beanstalk has dropped must not lead."""
        verdict = judge(after(saw("i-a", "i-b", sent=100)), ME, TIMING, 101)
        assert verdict.role is Role.FOLLOWER
        assert verdict.reason == "not in the list of 2, where i-a is first"

    def test_one_answer_that_another_is_first_ends_a_reign_at_once(self):
        """However long it led."""
        view = after(*(first(at) for at in range(0, 200, 10)))
        assert role(view, 191) is Role.LEADER
        assert role(observe(view, second(200), ME, TIMING), 200) is Role.FOLLOWER

    @pytest.mark.parametrize("view", [None, after(*(first(at) for at in range(0, 200, 10)))])
    def test_an_instance_that_is_being_terminated_never_leads(self, view):
        """Its reason says so, whatever else it knows."""
        verdict = judge(view, ME, TIMING, 191, leaving=True)
        assert (verdict.role, verdict.until) == (Role.FOLLOWER, inf)
        assert verdict.reason == "this instance is being terminated"


class TestCandidate:
    """First, but not for long enough."""

    def test_the_hold_down_counts_from_when_the_first_answer_was_received(self):
        """Not from when it was asked for: the truth that it shows may be as young as its receipt."""
        view = after(
            second(0), *(second(at) for at in range(10, 100, 10)), *(first(at, took=4) for at in (100, 120, 140))
        )
        assert role(view, 143.999) is Role.CANDIDATE
        assert role(view, 144) is Role.LEADER

    def test_it_says_when_it_will_lead(self):
        """The hold-down's end is in the verdict, also when the view has to be renewed before it."""
        view = after(*(second(at) for at in range(0, 100, 10)), first(100))
        verdict = judge(view, ME, TIMING, 101.5)
        assert (verdict.role, verdict.leads_at, verdict.until) == (Role.CANDIDATE, 140, 130)
        assert verdict.reason == "first of 2, leader in 39 s if it stays first"

    def test_its_verdict_ends_when_it_leads(self):
        """With a fresh view the candidate's verdict holds until the hold-down is over."""
        view = after(*(second(at) for at in range(0, 100, 10)), *(first(at) for at in (100, 120, 130)))
        assert judge(view, ME, TIMING, 131).until == 140

    def test_a_newcomer_waits_out_its_probation(self):
        """One that is first as soon as it is listed waits longer: the old leader may not have seen it yet."""
        view = after(*(first(at) for at in range(0, 80, 10)))
        assert role(view, 75.999) is Role.CANDIDATE
        assert role(view, 76) is Role.LEADER

    def test_a_member_of_long_standing_waits_for_the_hold_down_only(self):
        """Everybody has seen it for long: only the old leader's belief has to run out."""
        view = after(second(0), second(20), *(first(at) for at in (40, 60, 80)))
        assert judge(view, ME, TIMING, 41).leads_at == 80
        assert role(view, 80) is Role.LEADER


class TestLeader:
    """The only yes."""

    def test_it_says_how_long_its_yes_holds(self):
        """Until the newest answer is T old, from when it was sent."""
        view = after(*(first(at, took=3) for at in range(0, 100, 10)))
        verdict = judge(view, ME, TIMING, 95)
        assert (verdict.role, verdict.until, verdict.leads_at) == (Role.LEADER, 120, None)
        assert verdict.reason == "first of 2, for 92 s"


class TestObserve:
    """What an observation does to the view."""

    def test_a_gap_of_exactly_the_staleness_does_not_break_a_streak(self):
        """No two neighbours of a streak are more than T apart; T itself is allowed."""
        assert after(first(0), first(30)).first_since == 0

    def test_a_longer_gap_breaks_the_streak_but_not_the_tenure(self):
        """Another may have led in between; but who was listed before and after was a member all along."""
        view = after(first(0), first(30.001, took=1))
        assert (view.first_since, view.listed_since) == (31.001, 0)

    def test_a_gap_is_measured_from_sending_to_sending(self):
        """When the answers were received does not matter to it."""
        assert after(first(0, took=5), first(30.001)).first_since == 30.001
        assert after(first(0), first(30, took=5)).first_since == 0

    def test_not_being_first_ends_the_streak_and_keeps_the_tenure(self):
        """The next streak begins anew."""
        view = after(first(0), second(10), first(20, took=1))
        assert (view.first_since, view.listed_since) == (21, 0)
        assert after(first(0), second(10)).first_since is None

    def test_not_being_listed_ends_both(self):
        """Who comes back begins as a newcomer."""
        view = after(first(0), saw("i-other", sent=10), first(20, took=1))
        assert (view.first_since, view.listed_since) == (21, 21)
        assert after(first(0), saw("i-other", sent=10)).listed_since is None

    def test_an_answer_that_took_exactly_the_limit_counts(self):
        """R is the longest that a poll may take."""
        assert after(first(0, took=5)) is not None

    def test_an_answer_that_took_longer_changes_nothing(self):
        """The proof counts on R: a process that was frozen in the middle of a poll throws its answer away."""
        assert after(first(0, took=5.001)) is None
        view = after(first(0))
        assert observe(view, second(10, took=5.001), ME, TIMING) is view

    @pytest.mark.parametrize("sent", [5, 10])
    def test_an_answer_that_was_overtaken_changes_nothing(self, sent):
        """Only an observation sent after the newest one says more than it."""
        view = after(first(0), first(10))
        assert observe(view, second(sent), ME, TIMING) is view


def random_history(random):
    """Observations with pauses, delays and orders that lie close to every limit, and a moment to ask.

    All times are eighths of a second: floats hold them exactly, so that an edge is an edge in any arithmetic.
    """
    history, now = [], 0.0
    for _ in range(random.randrange(1, 12)):
        sent = now + random.choice([-1.0, 0.0, 0.125, 10.0, 29.875, 30.0, 30.125, 31.0, random.randrange(480) / 8])
        took = random.choice([0.0, 0.125, 4.875, 5.0, 5.125, random.randrange(48) / 8])
        ids = random.choice([(ME,), (ME, "i-1"), (ME, "i-1"), ("i-1", ME), ("i-1",)])
        history.append(Observation(Roster(ids), sent, sent + took))
        now = max(now, sent)
    waits = [0.0, 10.0, 24.875, 25.0, 25.125, 29.875, 30.0, random.randrange(320) / 8]
    return history, history[-1].received + random.choice(waits)


@pytest.mark.parametrize("part", range(5))
def test_a_dumb_second_implementation_agrees_on_random_histories(part):
    """The view holds all that matters of a history: whoever reads the whole of it comes to the same role."""
    timing = replace(TIMING, hold_down=10, probation=30)
    met = dict.fromkeys(Role, 0)
    for seed in range(part * HISTORIES // 5, (part + 1) * HISTORIES // 5):
        history, now = random_history(Random(seed))
        view = after(*history, timing=timing)
        no_for = (0, 29.875, 45, 300)[seed % 4]
        found = judge(view, ME, timing, now, follower_for=no_for).role
        assert found is dumb.role(history, ME, timing, now, no_for), f"seed {seed}"
        met[found] += 1
    assert min(met.values()) > HISTORIES / 5 / 100, met


moments = st.floats(0, 300)
views = st.builds(
    lambda ids, sent, took, first_ago, listed_ago: View(
        Observation(Roster(ids), sent, sent + took),
        sent + took - first_ago if ids[0] == ME else None,
        sent + took - first_ago - listed_ago if ME in ids else None,
    ),
    st.sampled_from([(ME,), (ME, "i-1"), ("i-1", ME), ("i-1",)]),
    moments,
    st.floats(0, 5),
    moments,
    moments,
)


@given(views, moments, moments, moments)
def test_a_verdict_holds_until_the_moment_it_names(view, now, later, no_for):
    """`until` is exact: the role stays the same before it, and is another from it on."""
    now += view.newest.received
    verdict = judge(view, ME, TIMING, now, follower_for=no_for)
    later += now
    assert (judge(view, ME, TIMING, later, follower_for=no_for).role is verdict.role) == (later < verdict.until)


@given(views, moments, moments)
def test_how_long_a_no_is_believed_changes_no_other_verdict(view, now, no_for):
    """It makes a follower of one who cannot tell, if the newest answer had another first, and nothing else."""
    now += view.newest.received
    without, verdict = judge(view, ME, TIMING, now), judge(view, ME, TIMING, now, follower_for=no_for)
    if view.first_since is not None:
        assert verdict == without
    else:
        assert {verdict.role, without.role} <= {Role.FOLLOWER, Role.UNKNOWN}


@given(views, moments)
def test_a_candidate_that_is_renewed_leads_when_it_said(view, now):
    """`leads_at` is a promise that only depends on staying first."""
    now += view.newest.received
    verdict = judge(view, ME, TIMING, now)
    if verdict.leads_at is not None:
        renewed = replace(view, newest=replace(view.newest, sent=verdict.leads_at))
        assert judge(renewed, ME, TIMING, verdict.leads_at).role is Role.LEADER


@given(views, moments, st.sampled_from([0.001, 1.0, 10.0]))
def test_waiting_without_news_never_makes_a_follower_or_an_unknown_lead(view, now, wait):
    """Time alone only turns a candidate into a leader, and anything into unknown."""
    now += view.newest.received
    before, later = role(view, now), role(view, now + wait)
    assert (
        later
        in {
            Role.LEADER: {Role.LEADER, Role.UNKNOWN},
            Role.CANDIDATE: {Role.CANDIDATE, Role.LEADER, Role.UNKNOWN},
            Role.FOLLOWER: {Role.FOLLOWER, Role.UNKNOWN},
            Role.UNKNOWN: {Role.UNKNOWN},
        }[before]
    )
