"""What the live view looks like: pure text, made of what is handed in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from leaderd.core.election import Role
from leaderd.demo.sidecar import SILENT
from leaderd.demo.stage import STOPPED, THROTTLES, WORKS

KEYS = (
    ("t", "terminate the leader"),
    ("k", "kill -9 its daemon"),
    ("a", "add an instance"),
    ("h", "throttle the API"),
    ("s", "stop the API"),
    ("b", "bring it back"),
    ("q", "quit"),
)
COLOURS = {
    Role.LEADER: "green",
    Role.CANDIDATE: "yellow",
    Role.FOLLOWER: "cyan",
    Role.UNKNOWN: "magenta",
    SILENT.role: "red",
    WORKS: "green",
    THROTTLES: "yellow",
    STOPPED: "red",
}
TICK_COLOURS = ("yellow", "green", "red")
"""Of a tick that ran on no instance, on one, on more."""
NEWS = 4
"""Lines of news that are shown, where there is room."""
NARROW = 100
"""Columns below which ids are shortened and the wordy columns are left to be cut."""

HEADINGS: tuple[str, ...] = ("instance", "port", "pid", "place", "role", "staleness", "reason")

Span = tuple[str, str | None]
"""Some text and its colour."""
Line = Sequence[Span]


@dataclass(frozen=True, slots=True)
class Row:
    """One instance as the view shows it."""

    instance_id: str
    port: int
    pid: int | None
    place: int | None
    role: str
    staleness: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Picture:
    """All that the view shows at one moment.

    Attributes:
        title: the environment and the time.
        rows: the instances.
        api: what the EB API does.
        recent: on how many instances each of the last ticks ran, the newest last.
        curl: a command to try.
        news: what happened, the newest last.
    """

    title: str
    rows: tuple[Row, ...]
    api: str
    recent: tuple[int, ...]
    curl: str
    news: tuple[str, ...]


def render(picture: Picture, width: int, height: int) -> list[str]:
    """The picture as lines that fit into a terminal of this many columns and rows, with colours."""
    head: list[Line] = [[("leaderd demo  ", "green"), (picture.title, None)], []]
    state: list[Line] = [
        [],
        [("EB's API ", None), (picture.api, COLOURS[picture.api])],
        _strip(picture.recent, width),
        [(f"try      {picture.curl}   or kill -9 one of the pids", None)],
        [],
    ]
    keys = [[], *_keys(width)]
    table = _table(picture.rows, narrow=width < NARROW)
    room = height - len(head) - len(state) - len(keys)
    news = _news(picture.news, room - len(table))
    table = _shortened(table, room - len(news))
    return [_paint(line, width) for line in (*head, *table, *state, *news, *keys)][:height]


def _news(news: Sequence[str], room: int) -> list[Line]:
    """The last news, always as many lines where there is room, so that what is below them stays in its place."""
    count = min(max(room, 1), NEWS)
    shown = news[-count:]
    return [[(text, None)] for text in (*shown, *[""] * (count - len(shown)))]


def _shortened(table: list[Line], room: int) -> list[Line]:
    """The table, with its end replaced by a count where there is no room for it."""
    if len(table) <= room:
        return table
    kept = table[: max(1, room - 1)]
    return [*kept, [(f"  and {len(table) - len(kept)} more", None)]]


def _table(rows: Sequence[Row], *, narrow: bool) -> list[Line]:
    cells = [HEADINGS, *(_cells(row, narrow=narrow) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        [
            (f"  {text:<{width}}", COLOURS.get(text) if column == 4 else None)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in cells
    ]


def _cells(row: Row, *, narrow: bool) -> tuple[str, ...]:
    return (
        row.instance_id[:7] if narrow else row.instance_id,
        str(row.port),
        str(row.pid or "-"),
        str(row.place or "-"),
        row.role,
        "-" if row.staleness is None else f"{row.staleness:.1f} s",
        row.reason,
    )


def _strip(recent: Sequence[int], width: int) -> Line:
    label = "ticks    "
    shown = recent[-max(1, width - len(label)) :]
    return [(label, None), *((str(min(count, 9)), TICK_COLOURS[min(count, 2)]) for count in shown)]


def _keys(width: int) -> Iterator[Line]:
    """The keys, on as many lines as they need."""
    line: list[Span] = []
    for key, meaning in KEYS:
        if line and sum(len(text) for text, _ in line) + len(f"{key} {meaning}") > width:
            yield line
            line = []
        line += [(key, "green"), (f" {meaning}  ", None)]
    yield line


def _paint(line: Line, width: int) -> str:
    """Cut a line to the width, then colour it: escape sequences have no width."""
    painted = []
    for text, colour in line:
        shown = text[: max(0, width)]
        width -= len(shown)
        painted.append(click.style(shown, fg=colour) if colour and shown else shown)
    return "".join(painted)
