"""The ledger: the records of all jobs of the environment, in its store. It opens the store when it is first needed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from leaderd.aws.document import decode, encode
from leaderd.aws.store import LostError, Store, try_out
from leaderd.core.claim import JobRecord
from leaderd.daemon.clock import Clock
from leaderd.daemon.limit import limited
from leaderd.errors import SourceError

T = TypeVar("T")

AGAIN = 2.0
"""Seconds between two attempts to open a store that did not answer, or did not pass its trial."""
MAKING = 15.0
"""Seconds that may be spent to find the store and make its client: local sources, and work for the processor."""


class LedgerJournal(Protocol):
    """What the ledger tells of its work."""

    def opened(self, where: str) -> None:
        """The store has passed its trial."""

    def failed(self, error: SourceError) -> None:
        """The store could not be opened, or did not say."""

    def asked(self, operation: str, result: str, seconds: float) -> None:
        """A request came back: `trial`, `read` or `write`; `ok`, `lost` or the kind of its error."""

    def seen(self, job: str, record: JobRecord) -> None:
        """A job's record was read or written."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A job's record as it was read.

    Attributes:
        record: the record; an empty one where there is none yet.
        version: names what was read, for the condition of a write.
        read_at: the store's own clock then (Unix time, seconds); None where it does not say.
    """

    record: JobRecord
    version: str | None
    read_at: float | None = None


class Ledger:
    """Reads and writes records, each request within a hard limit.

    Args:
        make_store: makes the store.
        limit: seconds that one request may take.
        clock: measures and cuts.
        journal: is told.

    Attributes:
        trouble: why the last request or attempt to open failed; None when it did not.
    """

    def __init__(
        self, make_store: Callable[[], Awaitable[Store]], *, limit: float, clock: Clock, journal: LedgerJournal
    ) -> None:
        self.trouble: SourceError | None = None
        self._make_store = make_store
        self._limit = limit
        self._clock = clock
        self._journal = journal
        self._store: Store | None = None
        self._opening = asyncio.Lock()
        self._again_at = 0.0

    @property
    def where(self) -> str | None:
        """The store in use; None before it has passed its trial."""
        return None if self._store is None else self._store.where

    async def open(self) -> Store:
        """The store, made and tried when this is called for the first time.

        Raises:
            SourceError: it does not answer, or does not refuse what it must.
        """
        async with self._opening:
            if self._store is None:
                if self.trouble is not None and self._clock.now() < self._again_at:
                    raise self.trouble
                self._store = await self._tried()
                self._journal.opened(self._store.where)
        return self._store

    async def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            await self._store.close()

    async def read(self, job: str) -> Entry:
        """Read a job's record.

        Raises:
            SourceError: the store does not say.
        """
        store = await self.open()
        stored = await self._ask("read", lambda: store.read(job))
        try:
            record = decode(job, stored.text, store.where)
        except SourceError as error:
            self._fail(error)
            raise
        self._journal.seen(job, record)
        return Entry(record, stored.version, stored.read_at)

    async def write(self, job: str, record: JobRecord, version: str | None) -> Entry:
        """Write a job's record, if the stored one still has this version.

        Raises:
            LostError: it has another, and nothing was written.
            SourceError: anything else; whether it was written is not known.
        """
        store = await self.open()
        written = await self._ask("write", lambda: store.swap(job, encode(job, record), version))
        self._journal.seen(job, record)
        return Entry(record, written)

    async def _tried(self) -> Store:
        store: Store | None = None
        try:
            store = await self._made()
            await self._ask("trial", lambda: try_out(store))
        except BaseException as error:  # also where who asked for it has gone away
            if isinstance(error, SourceError):
                self._again_at = self._clock.now() + AGAIN
            if store is not None:
                await store.close()
            raise
        return store

    async def _made(self) -> Store:
        late = f"the claims' store was not found within {MAKING:g} s"
        try:
            return await limited(self._clock, MAKING, self._make_store, late)
        except SourceError as error:
            self._fail(error)
            raise

    async def _ask(self, operation: str, call: Callable[[], Awaitable[T]]) -> T:
        """Await a call of the store, within the limit. Whatever goes wrong in it is a SourceError."""
        started, result = self._clock.now(), "cancelled"
        late = f"the claims' store did not answer within {self._limit:g} s"
        try:
            answer = await limited(self._clock, self._limit, call, late)
            self.trouble, result = None, "ok"
        except LostError:
            result = "lost"
            raise
        except SourceError as error:
            result = error.kind
            self._fail(error)
            raise
        finally:
            self._journal.asked(operation, result, self._clock.now() - started)
        return answer

    def _fail(self, error: SourceError) -> None:
        self.trouble = error
        self._journal.failed(error)
