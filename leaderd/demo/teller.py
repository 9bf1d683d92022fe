"""The voice of the told story: says what is done and what is seen, and waits for what must follow."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from leaderd.core.timing import Timing
from leaderd.demo.fleet import GLANCE
from leaderd.demo.sidecar import Answers, leader_of
from leaderd.demo.stage import Stage
from leaderd.demo.ticks import Row
from leaderd.errors import LeaderdError

LIMIT = 30.0
"""Seconds that each thing waited for may take before the story has failed. The longest takes less than ten."""


class StoryError(LeaderdError):
    """Something that had to follow did not."""


@dataclass(slots=True)
class Teller:
    """Tells a story of a stage, with the seconds since its start on each line.

    Attributes:
        stage: what it plays on.
        say: prints a line.
        limit: seconds that each thing waited for may take.
    """

    stage: Stage
    say: Callable[[str], None]
    limit: float = LIMIT
    _started: float = field(default_factory=monotonic)

    @property
    def timing(self) -> Timing:
        """The daemons' settings."""
        return self.stage.fleet.timing

    def does(self, phase: str, text: str) -> None:
        """Say what is done now; the ticks from here on are counted under `phase`."""
        self.stage.cron.phase = phase
        self.say(f"{self._elapsed()}  {text}")

    def sees(self, text: str) -> None:
        """Say what followed."""
        self.say(f"{self._elapsed()}    {text}")

    def adds(self, text: str) -> None:
        """Say something that belongs to the line before."""
        self.say(f"{'':{len(self._elapsed())}}    {text}")

    async def until(self, what: str, seen: Callable[[Answers], bool]) -> float:
        """Look at the fleet until something is seen. Returns how many seconds that took.

        Raises:
            StoryError: it did not come within the limit.
        """
        started = monotonic()
        try:
            async with asyncio.timeout(self.limit):
                while not seen(await self.stage.fleet.ask()):  # noqa: ASYNC110  daemons do not call back
                    await asyncio.sleep(GLANCE)
        except TimeoutError as error:
            raise StoryError(f"waited {self.limit:g} s in vain until {what}") from error
        return monotonic() - started

    async def leader(self) -> str:
        """Wait until somebody leads. Returns the instance's id."""
        leader = ""

        def found(answers: Answers) -> bool:
            nonlocal leader
            leader = leader_of(answers) or ""
            return bool(leader)

        await self.until("somebody leads", found)
        return leader

    async def ticks(self, count: int) -> Row:
        """Let some ticks of the present phase go by. Returns what ran in all ticks of this phase."""
        cron = self.stage.cron
        target = cron.tally.row(cron.phase).total + count
        await self.until(f"{count} ticks went by", lambda _: cron.tally.row(cron.phase).total >= target)
        return cron.tally.row(cron.phase)

    def _elapsed(self) -> str:
        return f"{monotonic() - self._started:5.1f} s"
