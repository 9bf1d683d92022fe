"""What the daemon says of itself, as plain data: the bodies of `/leader` and `/status`."""

from dataclasses import asdict
from math import ceil, isinf
from typing import Any

from leaderd import __version__
from leaderd.config import Settings
from leaderd.core.cadence import FRONT
from leaderd.core.election import Role, Verdict
from leaderd.daemon.clock import Clock
from leaderd.daemon.ledger import Ledger
from leaderd.daemon.metrics import Metrics
from leaderd.daemon.watcher import Watcher
from leaderd.errors import SourceError


class Reporter:
    """Puts into words what the watcher knows. Every question is answered for the moment it is asked in."""

    def __init__(
        self, watcher: Watcher, settings: Settings, clock: Clock, metrics: Metrics, ledger: Ledger | None = None
    ) -> None:
        self.watcher = watcher
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._ledger = ledger
        self._started = clock.now()

    def leader(self, verdict: Verdict) -> dict[str, Any]:
        """The body of `/leader`."""
        me, view = self.watcher.identity, self.watcher.view
        roster = None if view is None or verdict.role is Role.UNKNOWN else view.newest.roster
        return {
            "role": str(verdict.role),
            "leader": verdict.role is Role.LEADER,
            "instance_id": me and me.instance_id,
            "leader_id": roster and roster.first,
            "environment": me and me.environment,
            "rank": me and roster and roster.rank(me.instance_id),
            "members": roster and len(roster),
            "reason": verdict.reason,
            "staleness": self.staleness(),
            "valid_for": self.valid_for(verdict),
        }

    def staleness(self) -> float | None:
        """Seconds since the newest observation's poll was sent."""
        view = self.watcher.view
        return None if view is None else round(self._clock.now() - view.newest.sent, 3)

    def valid_for(self, verdict: Verdict) -> float | None:
        """Seconds until a verdict ends by itself; None where it does not."""
        return None if isinf(verdict.until) else round(max(0.0, verdict.until - self._clock.now()), 3)

    def retry_after(self, verdict: Verdict) -> int:
        """Whole seconds, at least 1, after which it is worth asking again.

        A candidate is told when it will lead, anybody else when the next poll has had time to come back.
        """
        at = verdict.leads_at or self.watcher.next_poll
        return max(1, ceil(at - self._clock.now()))

    def status(self) -> dict[str, Any]:
        """The body of `/status`."""
        verdict = self.watcher.verdict()
        trouble = self.watcher.trouble
        return {
            "version": __version__,
            "uptime": round(self._clock.now() - self._started, 3),
            "verdict": self.leader(verdict) | {"leads_in": self._until(verdict.leads_at)},
            "roster": self._roster(),
            "streak": self._streak(),
            "terminating": self.watcher.leaving,
            "last_error": _shown(trouble),
            "next_poll_in": self._until(self.watcher.next_poll),
            "polls_every": round(self.watcher.interval, 3),
            "failover_bound": round(self.watcher.timing.failover_bound, 3),
            **self._bounds(),
            "claims": self._ledger and {"store": self._ledger.where, "last_error": _shown(self._ledger.trouble)},
            "settings": self._settings_in_force(),
            "counters": self._metrics.counters(),
        }

    def _until(self, moment: float | None) -> float | None:
        return None if moment is None else round(max(0.0, moment - self._clock.now()), 3)

    def _age(self, moment: float | None) -> float | None:
        return None if moment is None else round(self._clock.now() - moment, 3)

    def _bounds(self) -> dict[str, float | None]:
        """How long it takes where many are lost at once: the whole front, or all before this instance."""
        me, view = self.watcher.identity, self.watcher.view
        size = len(view.newest.roster) if view else 0
        rank = view.newest.roster.rank(me.instance_id) if me and view else None
        places = {"failover_bound_of_front": FRONT if size > FRONT else None, "takeover_bound": rank}
        bound = self.watcher.cadence.failover_bound
        return {name: None if place is None else round(bound(place, size), 3) for name, place in places.items()}

    def _roster(self) -> list[dict[str, Any]]:
        view = self.watcher.view
        return [{"rank": rank, "id": member} for rank, member in enumerate(view.newest.roster.ids if view else ())]

    def _streak(self) -> dict[str, Any]:
        view = self.watcher.view
        return {
            "first_for": view and self._age(view.first_since),
            "listed_for": view and self._age(view.listed_since),
            "sent_ago": view and self._age(view.newest.sent),
            "received_ago": view and self._age(view.newest.received),
        }

    def _settings_in_force(self) -> dict[str, Any]:
        settings = asdict(self._settings)
        timing = settings.pop("timing")
        paths = {key: str(value) for key, value in settings.items() if key in {"unix_socket", "state_file"} and value}
        found = self.watcher.identity
        discovered: dict[str, Any] = {"environment": found.environment, "region": found.region} if found else {}
        return {**settings, **timing, **paths, **discovered, "order": str(self._settings.order)}


def _shown(trouble: SourceError | None) -> dict[str, str] | None:
    return None if trouble is None else {"kind": trouble.kind, "error": trouble.message, "hint": trouble.hint}
