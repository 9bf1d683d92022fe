"""What can be left out of a failing world of claims."""

from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.claims_world import ClaimingLife, ClaimsWorld
from tests.simulation.shrink import one_less, smaller_worlds

CALM = {"wall": 0.0, "askers": 1, "curl": False, "listens_after": 0.0}


def smaller_claims_worlds(world: ClaimsWorld) -> Iterator[ClaimsWorld]:
    """The same world with one thing left out, for each thing that can be."""
    yield from smaller_worlds(world)
    yield from (replace(world, storms=kept) for kept in one_less(world.storms))
    for index, life in enumerate(world.claiming):
        for calmer in _calmer(life):
            yield replace(world, lives=(*world.lives[:index], calmer, *world.lives[index + 1 :]))


def _calmer(life: ClaimingLife) -> Iterator[ClaimingLife]:
    yield from (replace(life, store_cuts=kept) for kept in one_less(life.store_cuts))
    yield from (replace(life, **{name: calm}) for name, calm in CALM.items() if getattr(life, name) != calm)
