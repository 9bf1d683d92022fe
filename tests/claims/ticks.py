"""What ran at each tick by each rule, and the table of it. No input or output, no clock."""

from collections import Counter
from dataclasses import dataclass, field

RULES = {
    "claims": "`POST /claims/JOB`",
    "leader": "`GET /leader`",
    "bare": "EB, each time",
}
"""The ways in which a crontab line can find out whether the job is to run there, and what the table calls them."""
COUNTS = ("none", "one", "more")


@dataclass(slots=True)
class Tick:
    """One scheduled moment of the job.

    Attributes:
        start: when it began (Unix time, seconds).
        fault: what was going wrong then.
        ran: on which instances the job ran, by rule; an instance on which it ran twice is there twice.
    """

    start: int
    fault: str
    ran: dict[str, list[str]] = field(default_factory=lambda: {rule: [] for rule in RULES})


class Tally:
    """Counts ticks.

    Attributes:
        ticks: all of them by their start, the oldest first.
    """

    def __init__(self):
        self.ticks = {}

    def begin(self, start, fault):
        """A tick begins."""
        self.ticks[start] = Tick(start, fault)

    def add(self, start, rule, instance):
        """The job ran; in a tick that nobody counts, after the last one, it is not counted either."""
        if start in self.ticks:
            self.ticks[start].ran[rule].append(instance)

    @property
    def problems(self):
        """What must not be: by claims each tick has exactly one run, and `/leader` never has two."""
        wrong = [(tick, "claims") for tick in self.ticks.values() if len(tick.ran["claims"]) != 1]
        wrong += [(tick, "leader") for tick in self.ticks.values() if len(tick.ran["leader"]) > 1]
        return [f"{tick.start}, {tick.fault}: by {rule} it ran on {tick.ran[rule] or 'none'}" for tick, rule in wrong]

    @property
    def rows(self):
        """A row in words for each fault, in the order in which they came, and one for all."""
        faults = dict.fromkeys(tick.fault for tick in self.ticks.values())
        rows = [_row(fault, [tick for tick in self.ticks.values() if tick.fault == fault]) for fault in faults]
        return [*rows, _row("all", list(self.ticks.values()))]


def _row(title, ticks):
    counts = [Counter(COUNTS[min(len(tick.ran[rule]), 2)] for tick in ticks) for rule in RULES]
    return (title, str(len(ticks)), *(str(each[name]) for each in counts for name in COUNTS))


def text(tally):
    """The table for a terminal."""
    headings = (
        "ticks that ran on none / one / more by",
        "ticks",
        *(f"{rule}:{each}" for rule in RULES for each in COUNTS),
    )
    cells = [headings, *tally.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in cells
    )


def markdown(tally):
    """The table for a document."""
    names = [f"{name}: {count}" for name in RULES.values() for count in ("none", "one", "two or more")]
    headings = ("fault", "ticks", *names)
    *rows, total = tally.rows
    lines = [headings, (":--", *["--:"] * (len(headings) - 1)), *rows, tuple(f"**{cell}**" for cell in total)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
