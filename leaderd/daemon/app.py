"""The daemon: puts the parts together, starts them, and ends them in order."""

import asyncio
import random
import signal
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass

from leaderd import __version__
from leaderd.aws.instance import Instance
from leaderd.config import Settings
from leaderd.core.cadence import Cadence
from leaderd.daemon.api import Api
from leaderd.daemon.claims import Claimer
from leaderd.daemon.claims_api import ClaimsApi
from leaderd.daemon.claims_journal import ClaimsJournal
from leaderd.daemon.clock import BootClock
from leaderd.daemon.herald import Herald
from leaderd.daemon.journal import LogJournal
from leaderd.daemon.ledger import Ledger
from leaderd.daemon.listen import listen
from leaderd.daemon.metrics import Metrics, WatcherCollector
from leaderd.daemon.notify import Notifier
from leaderd.daemon.report import Reporter
from leaderd.daemon.state import NoStateFile, StateFile
from leaderd.daemon.watcher import Watcher
from leaderd.errors import LeaderdError, SourceError
from leaderd.log import logger

STORE_PAUSE = 300.0
"""Seconds after which a store that did not pass its trial is tried again, if no claim does so sooner."""


async def serve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    Raises:
        CannotStartError: an address is taken, or a file cannot be written.
        TaskEndedError: a part of the daemon ended by itself, which is a defect.
    """
    stop = _on_signals()
    async with AsyncExitStack() as open_:
        parts = await _assemble(settings, environ, open_)
        parts.notifier.ready()
        tasks = [
            asyncio.create_task(parts.watcher.run(), name="watcher"),
            asyncio.create_task(parts.herald.run(), name="herald"),
            asyncio.create_task(_feed_watchdog(parts.watcher, parts.notifier), name="watchdog"),
        ]
        if parts.ledger is not None:
            tasks.append(asyncio.create_task(_open_ledger(parts.watcher, parts.ledger), name="ledger"))
        open_.callback(_cancel, tasks)
        try:
            await _wait(stop, tasks)
        finally:
            parts.watcher.stopping = True
            parts.notifier.stopping()
            logger().info("daemon.stopping")


class TaskEndedError(LeaderdError):
    """A part of the daemon that runs for as long as it does ended by itself."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What runs, or is told."""

    watcher: Watcher
    herald: Herald
    notifier: Notifier
    ledger: Ledger | None


async def _assemble(settings: Settings, environ: Mapping[str, str], open_: AsyncExitStack) -> _Parts:
    clock, metrics, notifier = BootClock(), Metrics(), Notifier(environ)
    memory = StateFile(settings.state_file, settings.order, settings.timing) if settings.state_file else NoStateFile()
    instance = Instance(
        settings.environment,
        settings.region,
        settings.order,
        settings.claims,
        timeout=settings.timing.request_timeout,
        environ=environ,
        now=clock.now,
    )
    await open_.enter_async_context(instance)
    watcher = Watcher(
        instance,
        settings.timing,
        clock=clock,
        chance=random.random,
        journal=LogJournal(metrics),
        memory=memory,
        api_budget=settings.api_budget,
    )
    metrics.registry.register(WatcherCollector(watcher, clock))
    ledger, claims = _claims(settings, instance, watcher, metrics, open_)
    reporter = Reporter(watcher, settings, clock, metrics, ledger)
    api = Api(reporter, metrics.registry, claims, any_host=settings.allow_remote)
    await listen(api.application(), settings, open_)
    _tell_settings(settings)
    return _Parts(watcher, Herald(watcher, clock, metrics, notifier), notifier, ledger)


def _claims(
    settings: Settings, instance: Instance, watcher: Watcher, metrics: Metrics, open_: AsyncExitStack
) -> tuple[Ledger, ClaimsApi] | tuple[None, None]:
    if settings.claims == "off":
        return None, None
    clock, journal = BootClock(), ClaimsJournal(metrics)
    ledger = Ledger(instance.store, limit=settings.timing.request_timeout, clock=clock, journal=journal)
    open_.push_async_callback(ledger.close)
    claimer = Claimer(ledger, watcher, clock=clock, wall=time.time, chance=random.random, journal=journal)
    return ledger, ClaimsApi(claimer)


async def _open_ledger(watcher: Watcher, ledger: Ledger) -> None:
    """Try the store before the first claim needs it; again now and then while it does not pass."""
    await watcher.introduced.wait()
    while True:
        with suppress(SourceError):
            await ledger.open()
        await asyncio.sleep(STORE_PAUSE)


def _tell_settings(settings: Settings) -> None:
    timing = settings.timing
    logger().info(
        "daemon.started",
        version=__version__,
        order=str(settings.order),
        hold_down=timing.hold_down,
        probation=timing.probation,
        failover_bound=round(timing.failover_bound, 1),
    )
    for broken in timing.broken_bounds(unsafe=False):
        logger().warning("settings.unsafe", problem=broken)
    for exceeded in Cadence(timing, settings.api_budget).over_budget():
        logger().warning("settings.over_budget", problem=exceeded)


def _on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # there is nothing to reload, and a log rotation must not end it
    return stop


async def _wait(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the stop. A task that ends before it is a defect: better a restart than half a daemon."""
    stopped = asyncio.create_task(stop.wait(), name="stop")
    done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    if stopped in done:
        return
    stopped.cancel()
    task = done.pop()
    cause = None if task.cancelled() else task.exception()
    logger().error("task.ended", task=task.get_name(), exc_info=cause)
    raise TaskEndedError(f"the {task.get_name()} ended by itself", hint="this is a defect of leaderd: please report it")


def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


async def _feed_watchdog(watcher: Watcher, notifier: Notifier) -> None:
    """Tell systemd that the watcher is alive, three times in each of its periods; never when it is not."""
    while True:
        if watcher.alive:
            notifier.feed()
        await asyncio.sleep((notifier.watchdog or 60.0) / 3)
