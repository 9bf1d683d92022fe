import pytest

from leaderd.daemon.journal import LogJournal
from leaderd.daemon.metrics import Metrics
from leaderd.errors import SourceError
from tests.fakes import IDENTITY, ME, OTHER, THIRD, make_view


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def journal(metrics, logged):
    return LogJournal(metrics)


def events(logged):
    return [entry["event"] for entry in logged]


def polled(journal, *rosters):
    views = [make_view(ids, sent=float(number)) for number, ids in enumerate(rosters)]
    for before, view in zip([None, *views], views, strict=False):
        journal.polled(before, view, 0.1)


def test_first_poll(journal, logged):
    """The first poll tells who is first and who is there."""
    polled(journal, [OTHER, ME])
    assert events(logged) == ["leader.changed", "roster.seen"]
    assert (logged[0]["old"], logged[0]["new"]) == (None, OTHER)
    assert (logged[1]["members"], logged[1]["ids"]) == (2, [OTHER, ME])


def test_uneventful_polls(journal, logged, metrics):
    """Polls that bring nothing new are counted, not logged."""
    polled(journal, *[[OTHER, ME]] * 50)
    assert len(logged) == 2
    assert metrics.counters()["polls_total[ok]"] == 50
    assert metrics.counters()["roster_changes_total"] == 0


def test_members_come_and_go(journal, logged, metrics):
    """Who joined and who left is one line; a new first one is another."""
    polled(journal, [OTHER, ME], [OTHER, ME, THIRD], [ME, THIRD])
    joined, new_first, left = logged[2:]
    assert (joined["event"], joined["joined"], joined["left"]) == ("roster.changed", [THIRD], [])
    assert (new_first["event"], new_first["old"], new_first["new"]) == ("leader.changed", OTHER, ME)
    assert (left["event"], left["joined"], left["left"]) == ("roster.changed", [], [OTHER])
    assert metrics.counters()["roster_changes_total"] == 2
    assert metrics.counters()["roster_reorders_total"] == 0


def test_another_order(journal, logged, metrics):
    """The same members in another order are a warning that names the mend."""
    polled(journal, [ME, OTHER, THIRD], [ME, THIRD, OTHER])
    assert (logged[-1]["event"], logged[-1]["log_level"]) == ("roster.reordered", "warning")
    assert "--order id" in logged[-1]["hint"]
    assert metrics.counters()["roster_reorders_total"] == 1
    assert metrics.counters()["roster_changes_total"] == 0


def test_many_ids(journal, logged):
    """A large roster does not make a large line."""
    polled(journal, [f"i-{number}" for number in range(5_000)])
    assert logged[1]["members"] == 5_000
    assert logged[1]["ids"][-2:] == ["i-9", "and 4990 more"]


def test_failures(journal, logged, metrics):
    """Of each kind of failure the first is told, then its end with the number."""
    for kind in ["throttled"] * 3 + ["denied"] * 2:
        journal.failed(SourceError(kind, f"it was {kind}", hint="do this"), 0.1)
    polled(journal, [ME])
    assert events(logged)[:3] == ["poll.failed", "poll.failed", "poll.recovered"]
    assert [entry["log_level"] for entry in logged[:3]] == ["warning", "warning", "info"]
    assert (logged[0]["kind"], logged[0]["error"], logged[0]["hint"]) == ("throttled", "it was throttled", "do this")
    assert (logged[2]["kind"], logged[2]["failures"]) == ("denied", 5)
    counters = metrics.counters()
    assert (counters["polls_total[throttled]"], counters["polls_total[denied]"]) == (3, 2)


def test_the_same_failure_again(journal, logged):
    """After it was over, the same failure is news again."""
    for _ in range(2):
        journal.failed(SourceError("timeout", "slow"), 0.1)
        journal.polled(make_view([ME], sent=1.0), make_view([ME], sent=2.0), 0.1)
    assert events(logged) == ["poll.failed", "poll.recovered"] * 2
    assert [entry.get("failures") for entry in logged] == [None, 1, None, 1]


def test_introduction(journal, logged, metrics):
    """What fails before the first poll is no poll, and is over when the instance knows itself."""
    journal.failed(SourceError("imds_timeout", "no answer"), None)
    journal.introduced(IDENTITY)
    assert events(logged) == ["poll.failed", "poll.recovered", "instance.introduced"]
    assert (logged[2]["instance_id"], logged[2]["environment"], logged[2]["region"]) == (
        ME,
        "shop-prod",
        "eu-west-1",
    )
    assert sum(value for name, value in metrics.counters().items() if name.startswith("polls")) == 0
