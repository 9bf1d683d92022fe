"""Stand-ins for what surrounds a watcher, and views to put into one."""

import asyncio

from leaderd.aws.store import LostError, Stored
from leaderd.core.election import Observation, View
from leaderd.core.identity import Identity
from leaderd.core.roster import Roster
from leaderd.core.timing import Timing
from leaderd.daemon.state import NoStateFile
from leaderd.daemon.watcher import Watcher

ME, OTHER, THIRD = "i-0a", "i-0b", "i-0c"
IDENTITY = Identity(ME, "shop-prod", "eu-west-1")
TIMING = Timing.derive()


class SettableClock:
    """Stands still until it is set; nobody wakes from its sleep."""

    def __init__(self, at=10_000.0):
        self.at = at

    def now(self):
        return self.at

    async def sleep(self, seconds):
        await asyncio.Event().wait()

    def timeout(self, seconds):
        return asyncio.timeout(None)


class LoopClock:
    """The time of the event loop, which is virtual with looptime."""

    def now(self):
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds):
        await asyncio.sleep(seconds)

    def timeout(self, seconds):
        return asyncio.timeout(seconds)


class Source:
    """Answers what it is told to: an exception is raised."""

    def __init__(self, roster=(ME,)):
        self.answer = roster
        self.terminating = False

    async def introduce(self):
        return IDENTITY

    async def leaving(self):
        return self.terminating

    async def roster(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return Roster(tuple(self.answer))


class SilentJournal:
    def introduced(self, identity):
        pass

    def polled(self, before, view, seconds):
        pass

    def failed(self, error, seconds):
        pass


def make_watcher(clock, source=None, journal=None, timing=TIMING):
    return Watcher(
        source or Source(),
        timing,
        clock=clock,
        chance=lambda: 0.5,
        journal=journal or SilentJournal(),
        memory=NoStateFile(),
    )


def make_view(ids, *, sent, first_since=None, listed_since=None):
    return View(Observation(Roster(tuple(ids)), sent, sent + 0.1), first_since, listed_since)


def put(watcher, role, now):
    """Let a watcher have seen what makes it this role."""
    long_ago, sent = now - 1_000, now - 1.8
    watcher.identity = None if role == "new" else IDENTITY
    watcher.view = {
        "leader": make_view([ME, OTHER, THIRD], sent=sent, first_since=long_ago, listed_since=long_ago),
        "candidate": make_view([ME, OTHER, THIRD], sent=sent, first_since=now - 10.5, listed_since=long_ago),
        "follower": make_view([OTHER, ME, THIRD], sent=sent, listed_since=long_ago),
        "stranger": make_view([OTHER, THIRD], sent=sent),
        "unknown": make_view([ME, OTHER, THIRD], sent=now - 31, first_since=long_ago, listed_since=long_ago),
        "new": None,
    }[role]
    watcher.next_poll = now + 3.4


class Shelf:
    """What all memory stores of one environment share."""

    def __init__(self):
        self.texts = {}
        self.versions = {}


class MemoryStore:
    """A store of claims in memory, and the ways in which one can fail.

    Attributes:
        shelf: may be shared with other stores.
        now: the store's clock; None: it does not say.
        before: raised at the next operations instead of doing them, one after the other; None does it.
        after: raised at the next operations once they are done.
        unconditional: ignore the conditions of writes.
        operations: what was asked.
        closed: whether it was closed.
    """

    where = "memory://shop-prod"
    impossible_version = "-1"

    def __init__(self, shelf=None):
        self.shelf = shelf or Shelf()
        self.now = None
        self.before = []
        self.after = []
        self.unconditional = False
        self.operations = []
        self.closed = False

    async def read(self, job):
        self._start("read", job)
        stored = Stored(self.shelf.texts.get(job), self._version(job), self.now)
        self._end()
        return stored

    async def swap(self, job, text, version):
        self._start("swap", job)
        if version != self._version(job) and not self.unconditional:
            raise LostError("another version")
        self.shelf.texts[job] = text
        self.shelf.versions[job] = self.shelf.versions.get(job, 0) + 1
        self._end()
        return self._version(job)

    async def close(self):
        self.closed = True

    def _version(self, job):
        version = self.shelf.versions.get(job)
        return None if version is None else str(version)

    def _start(self, operation, job):
        self.operations.append((operation, job))
        if self.before and (error := self.before.pop(0)):
            raise error

    def _end(self):
        if self.after and (error := self.after.pop(0)):
            raise error
