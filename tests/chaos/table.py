"""The table: a row for each fault, and what is wrong with it."""

from dataclasses import dataclass

from tests.chaos.fault import Fault
from tests.chaos.record import Pair

STATUSES = (200, 409, 503, None)
HEADINGS = ("fault", "no leader", "bound", "allowed", "apart", "at once", "answers", "200", "409", "503", "none")
LEGEND = """\
no leader  the longest time, in seconds, in which nobody said yes
bound      how long that may be: by the settings, and by how long the fault itself lasted
allowed    how much longer, on this machine: twice what the slowest start of a daemon took
apart      the closest two yeses of different instances, in seconds: at least, and at most
at once    how many instances said yes at one moment
answers    how many were sampled, and how many of them were 200, 409, 503, or a broken connection"""


@dataclass(frozen=True, slots=True)
class Row:
    """What one fault gave. Seconds are floats.

    Attributes:
        fault: what happened.
        longest: the longest time without a leader.
        bound: how long it may be; None where nothing is promised.
        allowance: how much longer it may be on this machine.
        guard: how far apart the yeses of two instances must be.
        closest: the closest two yeses of different instances; None when only one said yes.
        at_once: how many said yes at once.
        statuses: how often each status was answered.
    """

    fault: Fault
    longest: float
    bound: float | None
    allowance: float
    guard: float
    closest: Pair | None
    at_once: int
    statuses: dict

    @property
    def problems(self):
        """What is wrong, in words."""
        return [f"{self.fault.title}: {problem}" for problem in (*self._checks(), *self._promises())]

    def _checks(self):
        """What must hold always: otherwise the sampler is not to be believed."""
        if strange := self.statuses.keys() - set(STATUSES):
            yield f"answers {strange}"
        if self.at_once < self.fault.leaders:
            yield f"{self.at_once} leaders at once were seen, where {self.fault.leaders} are made"

    def _promises(self):
        """What must hold while the assumptions do."""
        if self.fault.outside:
            return
        if self.closest is not None and self.closest.most < self.guard:
            ids = " and ".join(run.instance for run in self.closest.runs)
            yield f"the yeses of {ids} were {self.closest.most:.3f} s apart at most, not {self.guard} s"
        if self.bound is not None and self.longest > self.bound + self.allowance:
            yield f"no leader for {self.longest:.2f} s, bound {self.bound:.2f} s, allowed {self.allowance:.2f} s more"

    @property
    def cells(self):
        """The row in words."""
        return (
            self.fault.title + (f" [outside {self.fault.outside}]" if self.fault.outside else ""),
            f"{self.longest:.2f}",
            "-" if self.bound is None else f"{self.bound:.2f}",
            "-" if self.bound is None else f"{self.allowance:.2f}",
            self._apart(),
            str(self.at_once),
            str(sum(self.statuses.values())),
            *(str(self.statuses.get(status, 0)) for status in STATUSES),
        )

    def _apart(self):
        """How far apart; a dash where leadership did not pass from one to another: the last time was long ago."""
        if self.closest is None or self.closest.least > self.longest:
            return "-"
        return "overlap" if self.closest.most == 0 else f"{self.closest.least:.3f} to {self.closest.most:.3f}"


def text(rows):
    """The table for a terminal."""
    cells = [HEADINGS, *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(_padded(line, widths)) for line in cells]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _padded(line, widths):
    (title, *numbers), (first, *others) = line, widths
    return [title.ljust(first), *(cell.rjust(width) for cell, width in zip(numbers, others, strict=True))]


def markdown(rows):
    """The table for a document."""
    rule = (":--", *["--:"] * (len(HEADINGS) - 1))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (HEADINGS, rule, *(row.cells for row in rows)))
