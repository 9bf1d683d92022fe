"""Draws how near each goal is, as an SVG."""

from html import escape

from benchmarks.row import Row, shown

LEFT, WIDTH, HEIGHT = 330, 300, 22
"""Where the bars begin, how long one is that just meets its goal, and how far apart two are."""
LONGEST = 1.5
"""A bar is cut here."""
STYLE = (
    "text{font:11px sans-serif;fill:#333} .yes{fill:#3b7d4f} .no{fill:#b3261e} .goal{stroke:#333;stroke-dasharray:3}"
)


def chart(rows: list[Row]) -> str:
    """A bar for each row that has a goal: as long as the share of the goal that it uses up; less is better."""
    chosen = [(row, used) for row in rows if (used := share(row)) is not None]
    bars = "".join(_bar(row, used, 40 + HEIGHT * index) for index, (row, used) in enumerate(chosen))
    bottom = 40 + HEIGHT * len(chosen)
    goal = LEFT + WIDTH
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 {bottom + 20}"><style>{STYLE}</style>'
        f'<rect width="920" height="{bottom + 20}" fill="white"/>{bars}'
        f'<line class="goal" x1="{goal}" y1="30" x2="{goal}" y2="{bottom}"/>'
        f'<text x="{goal}" y="22" text-anchor="middle">the goal: a shorter bar is better</text></svg>\n'
    )


def share(row: Row) -> float | None:
    """How much of its goal a row uses up: 1 just meets it."""
    if row.most is not None:
        return max(0.0, row.value) / row.most
    return None if row.least is None else row.least / row.value


def _bar(row: Row, used: float, top: float) -> str:
    kind = "yes" if row.met else "no"
    length = WIDTH * min(used, LONGEST)
    said = f"{shown(row.value)} {row.unit} ({row.goal})"
    return (
        f'<text x="{LEFT - 8}" y="{top + 11}" text-anchor="end">{escape(row.name)}</text>'
        f'<rect class="{kind}" x="{LEFT}" y="{top}" width="{length:.1f}" height="14"/>'
        f'<text x="{LEFT + WIDTH * LONGEST + 8}" y="{top + 11}">{escape(said)}</text>'
    )
