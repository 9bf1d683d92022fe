"""The herald: says when the role changes, be it by news or by time alone."""

import asyncio
from contextlib import suppress
from math import isinf

from leaderd.core.election import Role, Verdict
from leaderd.daemon.clock import Clock
from leaderd.daemon.metrics import Metrics
from leaderd.daemon.notify import Notifier
from leaderd.daemon.watcher import Watcher
from leaderd.log import logger


class Herald:
    """Follows the verdict of a watcher, and tells the log, the metrics and systemd when the role is another."""

    def __init__(self, watcher: Watcher, clock: Clock, metrics: Metrics, notifier: Notifier) -> None:
        self._watcher = watcher
        self._clock = clock
        self._metrics = metrics
        self._notifier = notifier
        self._role = Role.UNKNOWN
        self._log = logger()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            self._watcher.news.clear()
            verdict = self._watcher.verdict()
            self._tell(verdict)
            wait = None if isinf(verdict.until) else max(0.0, verdict.until - self._clock.now())
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._watcher.news.wait()

    def _tell(self, verdict: Verdict) -> None:
        self._notifier.status(f"{verdict.role}: {verdict.reason}")
        if verdict.role is self._role:
            return
        self._log.info("role.changed", old=str(self._role), new=str(verdict.role), reason=verdict.reason)
        self._metrics.transitions.inc()
        self._role = verdict.role
