"""The pretend cron, which asks before each run as a crontab line does, and the tally of what ran where."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, replace
from itertools import zip_longest

from leaderd.demo.fleet import Fleet
from leaderd.demo.sidecar import short

EVERY = 1.0
"""Seconds between two ticks."""
MARGIN = 0.1
"""Seconds after the full second at which a tick comes: a timer that is early must not fall into the second before."""
COUNTS = ("zero", "one", "more", "claimed_by_none", "claimed_once", "claimed_twice")
"""The columns of the table, as a row has them."""
REMEMBERED = 500
"""Ticks that are kept one by one; the tally counts all."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One scheduled moment of two jobs: in which phase of the show it fell, and which instances ran them.

    Attributes:
        phase: the phase.
        ran: who ran the job that asks `/leader`.
        claimed: who ran the job that claims its tick.
    """

    phase: str
    ran: tuple[str, ...]
    claimed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """The ticks of one phase: how many ran on no instance, on one, on more than one; and who ran, in order.

    The first three are of the job that asks `/leader`, the next three of the job that claims its tick.
    """

    phase: str
    zero: int = 0
    one: int = 0
    more: int = 0
    claimed_by_none: int = 0
    claimed_once: int = 0
    claimed_twice: int = 0
    ran: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All ticks of the phase."""
        return self.zero + self.one + self.more

    def with_tick(self, tick: Tick) -> "Row":
        """The row with one more tick."""
        count, claims = len(tick.ran), len(tick.claimed)
        return replace(
            self,
            zero=self.zero + (count == 0),
            one=self.one + (count == 1),
            more=self.more + (count > 1),
            claimed_by_none=self.claimed_by_none + (claims == 0),
            claimed_once=self.claimed_once + (claims == 1),
            claimed_twice=self.claimed_twice + (claims > 1),
            ran=tuple(dict.fromkeys((*self.ran, *tick.ran, *tick.claimed))),
        )


class Tally:
    """Counts ticks, by phase in the order in which the phases came.

    Attributes:
        recent: on how many instances each of the last ticks was claimed, the newest last.
    """

    def __init__(self) -> None:
        self.recent: deque[int] = deque(maxlen=REMEMBERED)
        self._rows: dict[str, Row] = {}

    def add(self, tick: Tick) -> None:
        """Count a tick."""
        self.recent.append(len(tick.claimed))
        self._rows[tick.phase] = self.row(tick.phase).with_tick(tick)

    def row(self, phase: str) -> Row:
        """The ticks of one phase."""
        return self._rows.get(phase, Row(phase))

    @property
    def rows(self) -> tuple[Row, ...]:
        """All phases that had a tick."""
        return tuple(self._rows.values())

    @property
    def doubles(self) -> int:
        """How many ticks of either job ran on more than one instance: there must never be one."""
        return sum(row.more + row.claimed_twice for row in self._rows.values())

    def exit_code(self) -> int:
        """The exit code of the demo: 0 only if no tick ran on two instances."""
        return 1 if self.doubles else 0


def table(tally: Tally) -> list[str]:
    """The tally in lines for people, with the verdict at the end."""
    if not tally.rows:
        return ["There was no tick."]
    cells = [
        ("", "/leader", "", "", "claims", "", "", ""),
        ("ticks that ran on", *("none", "one", "two") * 2, "who ran"),
        *(
            (row.phase, *(str(getattr(row, name)) for name in COUNTS), ", ".join(map(short, row.ran)) or "-")
            for row in tally.rows
        ),
        ("all", *(str(sum(getattr(row, name) for row in tally.rows)) for name in COUNTS), ""),
    ]
    widths = [max(map(len, column)) for column in zip_longest(*cells, fillvalue="")]
    lines = [_line(row, widths) for row in cells]
    return [*lines[:2], "-" * max(map(len, lines)), *lines[2:], "", _verdict(tally)]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first, *numbers, last = cells
    middle = "".join(f"  {number:>{width}}" for number, width in zip(numbers, widths[1:-1], strict=True))
    return f"{first:<{widths[0]}}{middle}  {last}".rstrip()


def _verdict(tally: Tally) -> str:
    total = sum(row.total for row in tally.rows)
    if tally.doubles:
        return f"{tally.doubles} of {total} ticks ran on two or more instances: this is a defect, please report it."
    once = sum(row.claimed_once for row in tally.rows)
    return f"None of {total} ticks ran on two instances. By claims {once} ran on exactly one."


class Cron:
    """The crontab that every instance has, of two jobs: one asks its own daemon who leads, and one claims its tick.

    Args:
        fleet: the instances.
        phase: what the first ticks are counted under.
        every: seconds between two ticks.

    Attributes:
        phase: what the coming ticks are counted under.
        tally: the ticks so far.
    """

    def __init__(self, fleet: Fleet, phase: str, every: float = EVERY) -> None:
        self.phase = phase
        self.tally = Tally()
        self._fleet = fleet
        self._every = every

    async def run(self) -> None:
        """Tick until cancelled."""
        now = asyncio.get_running_loop().time
        due = now() + MARGIN - time.time() % self._every  # early in a second of the clock by which ticks are claimed
        while True:
            due = max(due + self._every, now())
            await asyncio.sleep(due - now())
            phase = self.phase
            answers, claimed = await asyncio.gather(self._fleet.ask(), self._fleet.claim())
            ran = tuple(one for one, answer in answers.items() if answer.leads)
            self.tally.add(Tick(phase, ran, claimed))
