"""What was measured: a number, its unit, and the goal that it has."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        section: what it belongs to.
        name: what was measured.
        value: the number, a median where there were several.
        unit: its unit.
        most: the goal, if it is a limit from above.
        least: the goal, if it is a limit from below.
    """

    section: str
    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.most is not None:
            return self.value <= self.most
        return None if self.least is None else self.value >= self.least

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.most is not None:
            return f"≤ {self.most:g}"
        return "" if self.least is None else f"≥ {self.least:g}"


def table(rows: list[Row]) -> str:
    """The rows in Markdown, which a person can read as well."""
    lines = ["| | measured | | goal | met |", "|---|---:|---|---|---|"]
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines.append(f"| **{section}** | | | | |")
        met = {True: "yes", False: "**no**", None: ""}[row.met]
        lines.append(f"| {row.name} | {shown(row.value)} | {row.unit} | {row.goal} | {met} |")
    return "\n".join(lines) + "\n"


def shown(value: float) -> str:
    """A number with three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
