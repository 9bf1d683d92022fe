import json
from pathlib import Path

import pytest

from leaderd.config import load
from leaderd.daemon.metrics import Metrics
from leaderd.daemon.report import Reporter
from leaderd.errors import SourceError
from tests.fakes import ME, OTHER, THIRD, TIMING, make_view, put


@pytest.fixture
def reporter(watcher, clock):
    return Reporter(watcher, load({"state-file": "/run/leaderd/view.json"}, {}), clock, Metrics())


def test_leader(reporter, watcher, clock):
    """The body of a leader, as the documentation shows it."""
    put(watcher, "leader", clock.at)
    assert reporter.leader(watcher.verdict()) == {
        "role": "leader",
        "leader": True,
        "instance_id": ME,
        "leader_id": ME,
        "environment": "shop-prod",
        "rank": 0,
        "members": 3,
        "reason": "first of 3, for 1000 s",
        "staleness": 1.8,
        "valid_for": 28.2,
    }


@pytest.mark.parametrize(
    ("role", "leader_id", "rank", "members", "valid_for"),
    [
        ("candidate", ME, 0, 3, 28.2),
        ("follower", OTHER, 1, 3, 28.2),
        ("stranger", OTHER, None, 2, 28.2),
        ("unknown", None, None, None, None),
        ("new", None, None, None, None),
    ],
)
def test_others(reporter, watcher, clock, role, leader_id, rank, members, valid_for):
    """Others say who is first as long as they know; what is not known is null, and nobody but the leader says true."""
    put(watcher, role, clock.at)
    body = reporter.leader(watcher.verdict())
    assert body["leader"] is False
    assert (body["leader_id"], body["rank"], body["members"]) == (leader_id, rank, members)
    assert body["valid_for"] == valid_for
    assert (body["instance_id"] is None) == (role == "new")


def test_a_candidate_waits(reporter, watcher, clock):
    """A candidate is told when it will lead."""
    put(watcher, "candidate", clock.at)
    verdict = watcher.verdict()
    assert reporter.retry_after(verdict) == pytest.approx(TIMING.hold_down - 10.5, abs=1)
    assert clock.at + reporter.retry_after(verdict) >= verdict.leads_at


@pytest.mark.parametrize(("next_in", "seconds"), [(3.4, 4), (4.0, 4), (0.2, 1), (-5.0, 1)])
def test_others_wait_for_the_next_poll(reporter, watcher, clock, next_in, seconds):
    """Anybody else is told when the next poll comes, in whole seconds and at least one."""
    watcher.next_poll = clock.at + next_in
    assert reporter.retry_after(watcher.verdict()) == seconds


def test_status(reporter, watcher, clock):
    """The status has everything there is to know, and is JSON."""
    put(watcher, "candidate", clock.at)
    watcher.trouble = SourceError("throttled", "Rate exceeded", hint="poll less")
    clock.at += 2
    status = json.loads(json.dumps(reporter.status(), allow_nan=False))
    assert status["uptime"] == 2
    assert status["verdict"]["role"] == "candidate"
    assert status["verdict"]["leads_in"] == pytest.approx(TIMING.hold_down - 12.5)
    assert status["roster"] == [{"rank": 0, "id": ME}, {"rank": 1, "id": OTHER}, {"rank": 2, "id": THIRD}]
    assert status["streak"] == {"first_for": 12.5, "listed_for": 1_002, "sent_ago": 3.8, "received_ago": 3.7}
    assert status["last_error"] == {"kind": "throttled", "error": "Rate exceeded", "hint": "poll less"}
    assert status["next_poll_in"] == pytest.approx(1.4)
    assert status["polls_every"] == 10
    assert status["failover_bound"] == status["takeover_bound"] == TIMING.failover_bound
    assert status["failover_bound_of_front"] is None
    assert status["terminating"] is False
    assert status["counters"]["transitions_total"] == 0


def test_status_before_anything(reporter):
    """At the very start there is a status as well, of little content."""
    status = json.loads(json.dumps(reporter.status(), allow_nan=False))
    assert (status["roster"], status["last_error"]) == ([], None)
    assert set(status["streak"].values()) == {None}
    assert (status["takeover_bound"], status["failover_bound_of_front"]) == (None, None)
    assert status["verdict"]["leads_in"] is None


def test_bounds_of_one_that_is_far_behind(reporter, watcher, clock):
    """How long it takes if the first three are lost, and if all before this instance are, at its size and place."""
    cadence = watcher.cadence
    put(watcher, "follower", clock.at)
    watcher.view = make_view([f"i-{number}" for number in range(19)] + [ME, OTHER], sent=clock.at, listed_since=1.0)
    status = reporter.status()
    assert status["failover_bound"] == TIMING.failover_bound
    assert status["failover_bound_of_front"] == pytest.approx(cadence.failover_bound(3, 21), abs=0.001)
    assert status["takeover_bound"] == pytest.approx(cadence.failover_bound(19, 21), abs=0.001)
    assert status["failover_bound_of_front"] < status["takeover_bound"]
    put(watcher, "stranger", clock.at)
    assert reporter.status()["takeover_bound"] is None


def test_settings_in_force(reporter, watcher, clock):
    """The settings are shown as they are in force: derived, discovered, and as plain values."""
    settings = reporter.status()["settings"]
    assert (settings["order"], settings["hold_down"], settings["probation"]) == (
        "listed",
        TIMING.hold_down,
        TIMING.probation,
    )
    assert settings["state_file"] == str(Path("/run/leaderd/view.json"))
    assert settings["environment"] is None
    put(watcher, "leader", clock.at)
    settings = reporter.status()["settings"]
    assert (settings["environment"], settings["region"]) == ("shop-prod", "eu-west-1")


def test_staleness_is_of_the_moment(reporter, watcher, clock):
    """Ages grow with the clock, not with the polls."""
    watcher.view = make_view([ME], sent=clock.at)
    clock.at += 7.25
    assert reporter.staleness() == 7.25
