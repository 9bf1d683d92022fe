"""The metrics, in Prometheus' terms. Counters grow as things happen; gauges are read when somebody asks."""

import time
from collections.abc import Iterator
from math import isinf

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leaderd import __version__
from leaderd.core.election import Role
from leaderd.daemon.clock import Clock
from leaderd.daemon.watcher import Watcher

DURATION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; a poll is cut at the request timeout, 5 s by default."""


disable_created_metrics()  # type: ignore[no-untyped-call]  # a further series for each counter, that nobody asked for


class Metrics:
    """The counters, each in a registry of this daemon's own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.polls = self._counter("leaderd_polls", "Polls of Elastic Beanstalk, by result.", "result")
        self.transitions = self._counter("leaderd_transitions", "Changes of this instance's role.")
        self.roster_changes = self._counter("leaderd_roster_changes", "Polls that saw members come or go.")
        self.roster_reorders = self._counter(
            "leaderd_roster_reorders", "Polls that saw the same members in another order: use --order id."
        )
        self.poll_duration = Histogram(
            "leaderd_poll_duration_seconds",
            "Time that polls took.",
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        for result in ("ok", "throttled", "timeout", "denied"):
            self.polls.labels(result)
        self.claims = self._counter("leaderd_claims", "Claims, by job and result.", "job", "result")
        self.store_requests = self._counter(
            "leaderd_store_requests", "Requests to the claims' store, by operation and result.", "operation", "result"
        )
        self.store_duration = Histogram(
            "leaderd_store_duration_seconds",
            "Time that requests to the claims' store took.",
            ["operation"],
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self.last_claim = self._job_gauge("last_claim", "Unix time at which the job was last claimed, by any instance.")
        self.last_success = self._job_gauge(
            "last_success", "Unix time at which the job, on any instance, last ended with exit code 0."
        )

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self.registry)

    def _job_gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(f"leaderd_job_{name}_timestamp_seconds", meaning, ["job"], registry=self.registry)

    def counters(self) -> dict[str, float]:
        """The counters by name, as `/status` shows them."""
        return {
            sample.name.removeprefix("leaderd_")
            + "".join(f"[{label}]" for label in sample.labels.values()): sample.value
            for family in self.registry.collect()
            if family.type == "counter"
            for sample in family.samples
            if sample.name.endswith("_total")
        }


class WatcherCollector(Collector):
    """The gauges: what the watcher would answer at this moment. What is not known has no sample."""

    def __init__(self, watcher: Watcher, clock: Clock) -> None:
        self._watcher = watcher
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Make the gauges."""
        verdict = self._watcher.verdict()
        leads = verdict.role is Role.LEADER
        valid = verdict.until - self._clock.now() if leads and not isinf(verdict.until) else 0.0
        yield GaugeMetricFamily("leaderd_is_leader", "1 while this instance is leader, else 0.", value=float(leads))
        role = GaugeMetricFamily("leaderd_role", "1 for the role of this instance, 0 for the others.", labels=["role"])
        for each in Role:
            role.add_metric([each], float(each is verdict.role))
        yield role
        yield GaugeMetricFamily(
            "leaderd_verdict_valid_seconds",
            "For how long this instance's yes holds; 0 without one.",
            value=valid,
        )
        yield from self._view()
        build = GaugeMetricFamily("leaderd_build_info", "1, with the version as a label.", labels=["version"])
        build.add_metric([__version__], 1.0)
        yield build

    def _view(self) -> Iterator[Metric]:
        members = GaugeMetricFamily("leaderd_members", "Members in the newest observation.")
        rank = GaugeMetricFamily("leaderd_rank", "Place of this instance in the roster, 0 first.")
        seen = GaugeMetricFamily(
            "leaderd_observation_timestamp_seconds",
            "Unix time at which the newest observation's poll was sent.",
        )
        view, me = self._watcher.view, self._watcher.identity
        if view is not None and me is not None:
            members.add_metric([], len(view.newest.roster))
            seen.add_metric([], time.time() - (self._clock.now() - view.newest.sent))
            place = view.newest.roster.rank(me.instance_id)
            if place is not None:
                rank.add_metric([], place)
        yield from (members, rank, seen)
