"""Claimers without a daemon around them."""

import asyncio
from contextlib import AsyncExitStack

from leaderd.core.identity import Identity
from leaderd.daemon.claims import Claimer
from leaderd.daemon.ledger import Ledger
from tests.fakes import LoopClock, make_view, make_watcher


class SilentJournal:
    """Counts requests to the store by operation, and tells nobody."""

    def __init__(self):
        self.requests = []

    def opened(self, where):
        pass

    def failed(self, error):
        pass

    def asked(self, operation, result, seconds):
        self.requests.append((operation, result))

    def seen(self, job, record):
        pass

    def answered(self, job, result):
        pass


class Tireless(LoopClock):
    """Does not wait where a claimer would wait for its turn."""

    async def sleep(self, seconds):
        await asyncio.sleep(0)


async def make_claimer(make_store, instance_id, wall, *, clock=None, journal=None, roster=None, limit=60.0):
    """A claimer of one instance, which is first in its roster unless another is given.

    Args:
        make_store: makes its store.
        instance_id: the instance.
        wall: a list with the time.
        clock: waits; by default everybody tries at once.
        journal: is told.
        roster: the ids; empty for none seen yet.
        limit: seconds that one request may take.
    """
    clock = clock or Tireless()
    watcher = make_watcher(clock)
    watcher.identity = Identity(instance_id, "shop-prod", "eu-west-1")
    watcher.introduced.set()
    ids = [instance_id] if roster is None else roster
    watcher.view = make_view(ids, sent=clock.now()) if ids else None
    journal = journal or SilentJournal()
    ledger = Ledger(make_store, limit=limit, clock=clock, journal=journal)
    return Claimer(ledger, watcher, clock=clock, wall=lambda: wall[0], chance=lambda: 0.5, journal=journal)


class Stores(AsyncExitStack):
    """Makes stores, and closes them in the end."""

    def __init__(self, make):
        super().__init__()
        self._make = make

    async def __call__(self):
        store = self._make()
        self.push_async_callback(store.close)
        return store
