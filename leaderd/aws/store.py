"""What a store of claims must be able to do, and the trial that each one has to pass."""

from dataclasses import dataclass
from typing import Protocol

from leaderd.aws.sdk import Connection
from leaderd.errors import LeaderdError, SourceError

ATTEMPTS = 2
"""Times that the SDK sends a request whose answer is lost. A write that was sent twice can win only once."""
TRIAL = ".trial"
"""The name under which the trial writes: no job can have it."""


class LostError(LeaderdError):
    """The condition of a write did not hold: somebody else has written in between. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What was read.

    Attributes:
        text: the record as text; None where there is none yet.
        version: names what was read, for the condition of a write; None where there is nothing yet.
        read_at: the store's own clock when it answered (Unix time, seconds); None where it does not say.
    """

    text: str | None
    version: str | None
    read_at: float | None


class Store(Protocol):
    """Keeps one record for each job of one environment, and lets it be changed only by who has seen the newest."""

    where: str
    """The store and the place in it, for people."""
    impossible_version: str
    """A version that nothing ever has."""

    async def read(self, job: str) -> Stored:
        """Read a record, never an old one.

        Raises:
            SourceError: the store does not say.
        """
        ...

    async def swap(self, job: str, text: str, version: str | None) -> str:
        """Write a record if the stored one still has this version (None: if there is none). Returns the new version.

        Raises:
            LostError: it has another version, and nothing was written.
            SourceError: anything else; whether the record was written is not known.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class SdkStore:
    """A store that is asked through the SDK. What it is to ask over is made by who inherits from it."""

    _connection: Connection

    async def connect(self) -> None:
        """Make the client: loading the SDK's model of the service takes a while, which no request should wait for.

        Raises:
            SourceError: there are no credentials.
        """
        async with self._connection.asking():
            pass

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()


async def try_out(store: Store) -> None:
    """Make writes whose conditions do not hold. They have to fail: some look-alikes of S3 ignore the conditions.

    Raises:
        SourceError: a write succeeded that must not (kind `unconditional`), or the store does not answer.
    """
    text = '{"note": "leaderd tries here whether conditional writes are refused as they must be"}'
    if await _wins(store, text, None) and await _wins(store, text, None):
        raise _unconditional(store, "wrote twice what may be written only where there is nothing")
    if await _wins(store, text, store.impossible_version):
        raise _unconditional(store, "wrote over a version that is not there")


async def _wins(store: Store, text: str, version: str | None) -> bool:
    try:
        await store.swap(TRIAL, text, version)
    except LostError:
        return False
    return True


def _unconditional(store: Store, what: str) -> SourceError:
    return SourceError(
        "unconditional",
        f"{store.where} ignores the conditions of writes: it {what}, so any number of instances could win",
        hint="use S3 itself or DynamoDB for --claims",
    )
