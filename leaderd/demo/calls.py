"""Who called what: the log that each service of the pretend AWS keeps."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime

from leaderd.demo.cloud import Cloud

LOG_LENGTH = 10_000  # calls


@dataclass(frozen=True, slots=True)
class Call:
    """One call that has arrived."""

    time: datetime
    caller: str  # an instance id or the name of a user; "-" when the signature was refused
    action: str
    outcome: str  # "ok", the code of the error, or the name of the fault in lower case


class Calls:
    """The calls that a service has seen.

    Attributes:
        log: The newest calls, oldest first.
        counts: Number of calls by (caller, action), since the start.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.log: deque[Call] = deque(maxlen=LOG_LENGTH)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._called = asyncio.Event()

    def count(self, *, caller: str | None = None, action: str | None = None) -> int:
        """How many calls have arrived, by this caller and of this action when given."""
        return sum(
            number for (who, what), number in self.counts.items() if caller in {None, who} and action in {None, what}
        )

    async def reached(self, number: int, *, caller: str | None = None, action: str | None = None) -> None:
        """Wait until so many calls have arrived."""
        while self.count(caller=caller, action=action) < number:
            await self._called.wait()

    def note(self, caller: str, action: str, outcome: str) -> None:
        """Write down a call."""
        self.log.append(Call(self.cloud.now(), caller, action, outcome))
        self.counts[caller, action] += 1
        self._called.set()
        self._called = asyncio.Event()
