"""What has happened: a log line for each change, none for an uneventful poll, and the counters."""

from leaderd.core.election import View
from leaderd.core.identity import Identity
from leaderd.core.roster import compare
from leaderd.daemon.metrics import Metrics
from leaderd.errors import SourceError
from leaderd.log import logger

MOST_IDS = 10
"""Ids that one log line lists; a count stands for the rest."""


class LogJournal:
    """Tells of the watcher's work in the log and in the metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = logger()
        self._trouble: str | None = None
        self._failures = 0

    def introduced(self, identity: Identity) -> None:
        """Log who and where this instance is."""
        self._recover()
        self._log.info(
            "instance.introduced",
            instance_id=identity.instance_id,
            environment=identity.environment,
            region=identity.region,
        )

    def polled(self, before: View | None, view: View, seconds: float) -> None:
        """Count a poll; log what it changed."""
        self._metrics.polls.labels("ok").inc()
        self._metrics.poll_duration.observe(seconds)
        self._recover()
        if before is None or before.newest.roster.first != view.newest.roster.first:
            old = before and before.newest.roster.first
            self._log.info("leader.changed", old=old, new=view.newest.roster.first)
        self._compare(before, view)

    def failed(self, error: SourceError, seconds: float | None) -> None:
        """Count a failure; log the first of its kind."""
        if seconds is not None:
            self._metrics.polls.labels(error.kind).inc()
            self._metrics.poll_duration.observe(seconds)
        self._failures += 1
        if error.kind != self._trouble:
            self._trouble = error.kind
            self._log.warning("poll.failed", kind=error.kind, error=error.message, hint=error.hint)

    def _recover(self) -> None:
        if self._trouble is not None:
            self._log.info("poll.recovered", kind=self._trouble, failures=self._failures)
        self._trouble, self._failures = None, 0

    def _compare(self, before: View | None, view: View) -> None:
        roster = view.newest.roster
        if before is None:
            self._log.info("roster.seen", members=len(roster), ids=_some(roster.ids))
            return
        change = compare(before.newest.roster, roster)
        if change.joined or change.left:
            self._metrics.roster_changes.inc()
            self._log.info("roster.changed", members=len(roster), joined=_some(change.joined), left=_some(change.left))
        if change.reordered:
            self._metrics.roster_reorders.inc()
            self._log.warning(
                "roster.reordered",
                ids=_some(roster.ids),
                hint="Elastic Beanstalk does not list in a steady order here: use --order id on all instances",
            )


def _some(ids: tuple[str, ...]) -> list[str]:
    return [*ids[:MOST_IDS], *([f"and {len(ids) - MOST_IDS} more"] if len(ids) > MOST_IDS else [])]
