"""The clock of the daemon, and the only place that reads it. Rules are handed the time."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

_ID = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """A clock that never stops or jumps, and what waits by it. Seconds."""

    def now(self) -> float:
        """The time, counted from some fixed moment of this boot."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; by a clock that may stand still while the machine is suspended."""
        ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Raise TimeoutError where the block takes longer; by a clock that may stand still in suspend."""
        ...


class BootClock:
    """CLOCK_BOOTTIME: runs on while the machine is suspended, and nobody can set it (clock_gettime(2)).

    Systems that have none use CLOCK_MONOTONIC; they run the demo, not an environment.
    """

    @staticmethod
    def now() -> float:
        """Seconds since boot."""
        return time.clock_gettime(_ID)

    @staticmethod
    async def sleep(seconds: float) -> None:
        """Wait for some seconds."""
        await asyncio.sleep(seconds)

    @staticmethod
    def timeout(seconds: float) -> AbstractAsyncContextManager[Any]:
        """Cut the block after some seconds."""
        return asyncio.timeout(seconds)
