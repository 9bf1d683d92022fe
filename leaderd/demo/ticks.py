"""The pretend cron, which asks before each run as a crontab line does, and the tally of what ran where."""

import asyncio
from collections import deque
from dataclasses import dataclass, replace
from itertools import zip_longest

from leaderd.demo.fleet import Fleet
from leaderd.demo.sidecar import short

EVERY = 1.0
"""Seconds between two ticks."""
REMEMBERED = 500
"""Ticks that are kept one by one; the tally counts all."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One scheduled moment of the job: in which phase of the show it fell, and which instances ran it."""

    phase: str
    ran: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """The ticks of one phase: how many ran on no instance, on one, on more than one; and who ran, in order."""

    phase: str
    zero: int = 0
    one: int = 0
    more: int = 0
    ran: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All ticks of the phase."""
        return self.zero + self.one + self.more

    def with_tick(self, tick: Tick) -> "Row":
        """The row with one more tick."""
        count = len(tick.ran)
        return replace(
            self,
            zero=self.zero + (count == 0),
            one=self.one + (count == 1),
            more=self.more + (count > 1),
            ran=(*self.ran, *(one for one in tick.ran if one not in self.ran)),
        )


class Tally:
    """Counts ticks, by phase in the order in which the phases came.

    Attributes:
        recent: on how many instances each of the last ticks ran, the newest last.
    """

    def __init__(self) -> None:
        self.recent: deque[int] = deque(maxlen=REMEMBERED)
        self._rows: dict[str, Row] = {}

    def add(self, tick: Tick) -> None:
        """Count a tick."""
        self.recent.append(len(tick.ran))
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
        """How many ticks ran on more than one instance: there must never be one."""
        return sum(row.more for row in self._rows.values())

    def exit_code(self) -> int:
        """The exit code of the demo: 0 only if no tick ran on two instances."""
        return 1 if self.doubles else 0


def table(tally: Tally) -> list[str]:
    """The tally in lines for people, with the verdict at the end."""
    if not tally.rows:
        return ["There was no tick."]
    sums = ("all", *(str(sum(getattr(row, name) for row in tally.rows)) for name in ("zero", "one", "more")), "")
    cells = [
        ("ticks that ran on", "none", "one", "two", "who ran"),
        *(
            (row.phase, str(row.zero), str(row.one), str(row.more), ", ".join(map(short, row.ran)) or "-")
            for row in tally.rows
        ),
        sums,
    ]
    widths = [max(map(len, column)) for column in zip_longest(*cells, fillvalue="")]
    lines = [_line(row, widths) for row in cells]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:], "", _verdict(tally)]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first, *numbers, last = cells
    middle = "".join(f"  {number:>{width}}" for number, width in zip(numbers, widths[1:-1], strict=True))
    return f"{first:<{widths[0]}}{middle}  {last}".rstrip()


def _verdict(tally: Tally) -> str:
    total = sum(row.total for row in tally.rows)
    if tally.doubles:
        return f"{tally.doubles} of {total} ticks ran on two or more instances: this is a defect, please report it."
    return f"None of {total} ticks ran on two instances."


class Cron:
    """The crontab that every instance has: each asks its own daemon, and runs the job on a yes.

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
        due = now()
        while True:
            due = max(due + self._every, now())
            await asyncio.sleep(due - now())
            phase = self.phase
            answers = await self._fleet.ask()
            self.tally.add(Tick(phase, tuple(one for one, answer in answers.items() if answer.leads)))
