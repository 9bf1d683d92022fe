"""Makes a failing world smaller for as long as it still fails."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf
from typing import Any

from tests.simulation.world import Life, World


def smaller_worlds(world: World) -> Iterator[World]:
    """The same world with one thing left out, for each thing that can be."""
    for index, life in enumerate(world.lives):
        others = (*world.lives[:index], *world.lives[index + 1 :])
        if any(other.leaves == inf for other in others):
            yield replace(world, lives=others)
        for calmer in _calmer(life):
            yield replace(world, lives=(*world.lives[:index], calmer, *world.lives[index + 1 :]))
    for name in ("outages", "throttles"):
        yield from (replace(world, **{name: kept}) for kept in one_less(getattr(world, name)))
    if world.losses:
        yield replace(world, losses=0.0)


def _calmer(life: Life) -> Iterator[Life]:
    for name in ("restarts", "pauses", "cuts"):
        yield from (replace(life, **{name: kept}) for kept in one_less(getattr(life, name)))
    for name, calm in (("warned", inf), ("dies", inf), ("rate", 1.0)):
        if getattr(life, name) != calm:
            yield replace(life, **{name: calm})


def one_less(things: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The same things with one of them left out."""
    for index in range(len(things)):
        yield (*things[:index], *things[index + 1 :])


def shrink(
    world: World,
    fails: Callable[[World], bool],
    smaller_ones: Callable[[World], Iterator[World]] = smaller_worlds,
) -> World:
    """The smallest world that can be found by leaving things out, one at a time."""
    smaller = next((candidate for candidate in smaller_ones(world) if fails(candidate)), None)
    return world if smaller is None else shrink(smaller, fails, smaller_ones)
