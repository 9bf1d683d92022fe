import time

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from leaderd import __version__
from leaderd.daemon.metrics import Metrics, WatcherCollector
from tests.fakes import put

NAMES = {
    "leaderd_is_leader": "gauge",
    "leaderd_role": "gauge",
    "leaderd_members": "gauge",
    "leaderd_rank": "gauge",
    "leaderd_polls": "counter",
    "leaderd_poll_duration_seconds": "histogram",
    "leaderd_observation_timestamp_seconds": "gauge",
    "leaderd_verdict_valid_seconds": "gauge",
    "leaderd_transitions": "counter",
    "leaderd_roster_changes": "counter",
    "leaderd_roster_reorders": "counter",
    "leaderd_build_info": "gauge",
    "leaderd_claims": "counter",
    "leaderd_store_requests": "counter",
    "leaderd_store_duration_seconds": "histogram",
    "leaderd_job_last_claim_timestamp_seconds": "gauge",
    "leaderd_job_last_success_timestamp_seconds": "gauge",
}


@pytest.fixture
def metrics(watcher, clock):
    metrics = Metrics()
    metrics.registry.register(WatcherCollector(watcher, clock))
    return metrics


def families(metrics):
    return {
        family.name: family for family in text_string_to_metric_families(generate_latest(metrics.registry).decode())
    }


def samples(metrics):
    """All samples as name, or name and label, to value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families(metrics).values()
        for sample in family.samples
    }


def test_names(metrics, watcher, clock):
    """All metrics are there by name and type, each with its meaning, and no others."""
    put(watcher, "leader", clock.at)
    found = families(metrics)
    assert {name: family.type for name, family in found.items()} == NAMES
    assert all(family.documentation.endswith(".") for family in found.values())
    assert not [name for name, *_ in samples(metrics) if name.endswith("_created")]


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("leader", {"is_leader": 1, "valid": 28.2, "members": 3, "rank": 0}),
        ("candidate", {"is_leader": 0, "valid": 0, "members": 3, "rank": 0}),
        ("follower", {"is_leader": 0, "valid": 0, "members": 3, "rank": 1}),
        ("stranger", {"is_leader": 0, "valid": 0, "members": 2, "rank": None}),
        ("unknown", {"is_leader": 0, "valid": 0, "members": 3, "rank": 0}),
        ("new", {"is_leader": 0, "valid": 0, "members": None, "rank": None}),
    ],
)
def test_values(metrics, watcher, clock, role, expected):
    """Each role has its values; what is not known has no sample."""
    put(watcher, role, clock.at)
    found = samples(metrics)
    assert found["leaderd_is_leader",] == expected["is_leader"]
    assert found["leaderd_verdict_valid_seconds",] == pytest.approx(expected["valid"])
    assert found.get(("leaderd_members",)) == expected["members"]
    assert found.get(("leaderd_rank",)) == expected["rank"]
    shown = {"stranger": "follower", "new": "unknown"}.get(role, role)
    roles = {name[1]: value for name, value in found.items() if name[0] == "leaderd_role"}
    assert roles == {each: float(each == shown) for each in ("leader", "candidate", "follower", "unknown")}


def test_leaving(metrics, watcher, clock):
    """An instance that is being terminated is follower, whatever it saw."""
    put(watcher, "leader", clock.at)
    watcher.leaving = True
    found = samples(metrics)
    assert (found["leaderd_is_leader",], found["leaderd_role", "follower"]) == (0, 1)
    assert found["leaderd_verdict_valid_seconds",] == 0


def test_observation_time(metrics, watcher, clock):
    """The newest observation has its time of day, so that an alert can compare it with now."""
    put(watcher, "leader", clock.at)
    at = samples(metrics)["leaderd_observation_timestamp_seconds",]
    assert at == pytest.approx(time.time() - 1.8, abs=60)


def test_counters(metrics):
    """Counters begin at zero, so that the first increase is seen, and appear by short names in the status."""
    assert metrics.counters() == {
        "polls_total[ok]": 0,
        "polls_total[throttled]": 0,
        "polls_total[timeout]": 0,
        "polls_total[denied]": 0,
        "transitions_total": 0,
        "roster_changes_total": 0,
        "roster_reorders_total": 0,
    }
    metrics.polls.labels("unusable").inc(2)
    assert metrics.counters()["polls_total[unusable]"] == 2


def test_build_info(metrics):
    """The version is a label."""
    assert samples(metrics)["leaderd_build_info", __version__] == 1


def test_duration(metrics):
    """Durations are counted in buckets that end at the usual timeout and beyond."""
    metrics.poll_duration.observe(0.02)
    found = samples(metrics)
    assert (found["leaderd_poll_duration_seconds_bucket", "0.01"], found["leaderd_poll_duration_seconds_count",]) == (
        0,
        1,
    )
    assert found["leaderd_poll_duration_seconds_bucket", "0.025"] == 1
