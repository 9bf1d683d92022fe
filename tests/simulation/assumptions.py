"""What happens outside the assumptions: each is broken on its own, further and further, in worlds aimed at the bounds.

python -m tests.simulation.assumptions      writes docs/assumptions.md and docs/assumptions.svg
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from leaderd.core.timing import Timing
from tests.simulation.check import closest, longest_overlap
from tests.simulation.run import run
from tests.simulation.world import Life, Teller, World
from tests.simulation.worlds import CRAFTED, make_crafted

WORLDS = 25
"""Worlds of each kind that each point of a chart is the worst of."""
DOCS = Path(__file__).parents[2] / "docs"
TIMING = Timing.derive(poll_interval=1, request_timeout=2, max_staleness=30)
"""The defaults, but with polls so often that one hits every moment: the worst case of them."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """One assumption, and how it is broken by an amount."""

    name: str
    unit: str
    amounts: tuple[float, ...]
    breaking: Callable[[World, float], World]


def older_answers(world: World, amount: float) -> World:
    """A1: answers are older than D."""
    return replace(world, lag=world.lag + amount)


def faster_clocks(world: World, amount: float) -> World:
    """A4: the clock of whoever leads now is slower, and of whoever leads next faster, than the 1 % allowed."""
    off = 0.01 + amount / 100
    first, *others = world.lives
    lives = (replace(first, rate=1 - off), *(replace(life, rate=1 + off) for life in others))
    return replace(world, lives=lives)


def longer_belief(world: World, amount: float) -> World:
    """A5: the one that leads now believes an answer for longer than the next one thinks."""
    longer = replace(world.timing, max_staleness=world.timing.max_staleness + amount)
    return replace(world, settings_of=((world.lives[0].id, longer),))


def shorter_hold_down(world: World, amount: float) -> World:
    """A5: the next one has a shorter hold-down, as with --unsafe."""
    shorter = replace(world.timing, hold_down=max(0.0, world.timing.hold_down - amount))
    return replace(world, settings_of=tuple((life.id, shorter) for life in world.lives[1:]))


def other_orders(world: World, amount: float) -> World:
    """A2: some instances order the members in a way of their own."""
    return replace(
        _steady(world), orders_of=tuple((f"i-{3 - number:02d}", 3 - number) for number in range(int(amount)))
    )


def comes_back(world: World, amount: float) -> World:
    """A3: the first member is dropped and listed again, time after time."""
    steady = _steady(world)
    away = tuple((100.0 + 10 * number, 105.0 + 10 * number) for number in range(int(amount)))
    return replace(steady, lives=(replace(steady.lives[0], away=away), *steady.lives[1:]), teller=Teller.FLATTERER)


def _steady(world: World) -> World:
    lives = tuple(Life(f"i-{number:02d}", float(number), starts=0.0, joins=-1000.0) for number in range(4))
    pauses = ((500.0, 500.1),)  # the run goes on until then
    return replace(world, lives=(replace(lives[0], pauses=pauses), *lives[1:]), teller=Teller.RANDOM)


SWEEPS = (
    Sweep("A1: answers older than D", "s older", (0, 1, 2, 5, 10, 20, 30, 60), older_answers),
    Sweep("A2: instances that order differently", "of 4 instances", (0, 1, 2, 3, 4), other_orders),
    Sweep("A3: a member that comes back", "times", (0, 1, 2, 4, 8), comes_back),
    Sweep("A4: clocks off by more than 1 %", "% more", (0, 1, 2, 4, 9, 14), faster_clocks),
    Sweep("A5: a longer --max-staleness on one", "s longer", (0, 2, 5, 10, 20, 30, 60), longer_belief),
    Sweep("A5: a shorter --hold-down on the others", "s shorter", (0, 2, 5, 10, 20, 30, 40), shorter_hold_down),
)


def worst(sweep: Sweep, amount: float) -> float:
    """The longest time that two instances said yes at once, in seconds; less than 0: how far apart they kept."""
    records = [run(sweep.breaking(world, amount)) for world in _worlds()]
    overlap = max(longest_overlap(record.yeses) for record in records)
    gaps = [closest(record.yeses) for record in records]
    return overlap or -min((gap for gap in gaps if gap is not None), default=TIMING.guard)


def _worlds() -> Iterator[World]:
    for kind in sorted(CRAFTED):
        yield from (make_crafted(seed, kind, Random(seed), TIMING) for seed in range(WORLDS))


def table(results: dict[Sweep, list[float]]) -> str:
    """The results in Markdown."""
    lines = ["| assumption | broken by | longest overlap |", "|---|---|---|"]
    for sweep, overlaps in results.items():
        for amount, overlap in zip(sweep.amounts, overlaps, strict=True):
            said = f"{overlap:.1f} s" if overlap > 0 else f"none; {-overlap:.1f} s apart"
            lines.append(f"| {sweep.name} | {amount:g} {sweep.unit} | {said} |")
    return "\n".join(lines) + "\n"


def chart(results: dict[Sweep, list[float]]) -> str:
    """The results as an SVG: a panel for each sweep."""
    panels = "".join(
        f'<g transform="translate({20 + 300 * (index % 3)},{20 + 220 * (index // 3)})">{_panel(sweep, overlaps)}</g>'
        for index, (sweep, overlaps) in enumerate(results.items())
    )
    style = "text{font:11px sans-serif;fill:#333} .l{fill:none;stroke:#b3261e;stroke-width:2} .a{stroke:#999}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 460"><style>{style}</style>'
        f'<rect width="920" height="460" fill="white"/>{panels}</svg>\n'
    )


def _panel(sweep: Sweep, overlaps: list[float]) -> str:
    width, height = 240, 140
    right, top = max(sweep.amounts), max(1.0, *overlaps)
    points = list(_points(sweep, overlaps, width / right, height / top, height))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#b3261e"/>' for x, y in points)
    return (
        f'<text x="0" y="0" font-weight="bold">{sweep.name.replace("&", "&amp;")}</text>'
        f'<text x="0" y="18">longest overlap, up to {max(0.0, *overlaps):.0f} s</text>'
        f'<g transform="translate(0,28)"><line class="a" x1="0" y1="{height}" x2="{width}" y2="{height}"/>'
        f'<line class="a" x1="0" y1="0" x2="0" y2="{height}"/><polyline class="l" points="{line}"/>{dots}'
        f'<text x="{width}" y="{height + 15}" text-anchor="end">{right:g} {sweep.unit}</text></g>'
    )


def _points(
    sweep: Sweep, overlaps: list[float], across: float, up: float, height: float
) -> Iterator[tuple[float, float]]:
    for amount, overlap in zip(sweep.amounts, overlaps, strict=True):
        yield amount * across, height - max(0.0, overlap) * up


def main() -> None:
    """Sweep, print and write."""
    results = {sweep: [worst(sweep, amount) for amount in sweep.amounts] for sweep in SWEEPS}
    print(table(results))
    (DOCS / "assumptions.md").write_text(
        "# Outside the assumptions\n\nWritten by `python -m tests.simulation.assumptions`; "
        "[safety.md](safety.md) says what it means.\n\n" + table(results)
    )
    (DOCS / "assumptions.svg").write_text(chart(results))


if __name__ == "__main__":
    main()
