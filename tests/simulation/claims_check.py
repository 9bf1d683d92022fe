"""What must be true of every run in which ticks are claimed.

At most once, whatever happens: no tick is anybody's but one asker's on one instance.

At least once, where somebody could: a tick is granted if there is an instance that is *able* to take it. That is one
whose cron asks as `leaderd run` does, and on which, from the first moment at which any wall clock shows the tick's
beginning until an asker must know (`certain_after`) on the slowest wall clock, nothing is amiss: it is alive and not
told to end, its process runs, its daemon answers, and it and the store reach each other. All that must be over before
the next tick begins on the fastest wall clock: a claim of that one would bar this one. What happens to the others is of
no matter: they may take the tick, and die with it, or leave a write behind that takes it late.

A tick counts as granted when its claim is in the store: whoever holds it may have died, or been cut off, at that
moment. If the holder is able itself, then its asker must have heard of it.
"""

from collections.abc import Iterator
from math import inf

from tests.simulation.check import ROUNDING, Fault
from tests.simulation.claims_run import ClaimsRecord
from tests.simulation.claims_store import Grant
from tests.simulation.claims_world import ClaimingLife, ClaimsWorld
from tests.simulation.world import Span

FIRST_SEEN = 60.0
"""Seconds after which all instances of a calm world know their places."""


def check_claims(record: ClaimsRecord) -> list[Fault]:
    """All that went wrong in a run."""
    return [
        *_order(record),
        *_twice(record),
        *_unfounded(record),
        *_missed(record),
        *_disowned(record),
        *_wasteful(record),
    ]


def count_claims(record: ClaimsRecord) -> dict[str, int]:
    """What is worth a number in a run."""
    world = record.world
    heard = {each.start for each in record.heard if each.ours}
    return {
        "ticks": len(world.ticks()),
        "claimed": len(record.stored),
        "whose holder heard of it": len(heard),
        "that had to be claimed": len(assured(world)),
        "requests to the store": len(record.requests),
        "of them without an answer": sum(each.result not in {"ok", "lost"} for each in record.requests),
        "lost races": sum(each.result == "lost" for each in record.requests),
        "worlds in which several instances claimed": int(len({claim.id for claim in record.stored}) > 1),
    }


def assured(world: ClaimsWorld) -> dict[int, list[ClaimingLife]]:
    """The ticks that must be granted, by their beginnings, each with the instances that are able to take it."""
    found = {
        start: [life for life in world.claiming if _is_able(life, world, window(world, start))]
        for start in ticks(world)
    }
    return {start: lives for start, lives in found.items() if lives}


def ticks(world: ClaimsWorld) -> Iterator[int]:
    """The beginnings of those ticks that could be assured: they lie in the run, and are long enough."""
    for start in world.ticks():
        begins, ends = window(world, start)
        if begins >= 0 and ends <= min(world.ends, world.moment(start + world.every) - world.skew):
            yield start


def window(world: ClaimsWorld, start: int) -> Span:
    """The time in which an instance must be undisturbed to be able to take a tick."""
    begins = world.moment(start)
    return begins - world.skew, begins + world.skew + world.certain_after


def _is_able(life: ClaimingLife, world: ClaimsWorld, span: Span) -> bool:
    begins, ends = span
    disturbed = [*life.pauses, *life.store_cuts, *((storm.start, storm.end) for storm in world.storms)]
    disturbed += [(at, at + life.listens_after / life.rate) for at in (life.starts, *(at for at, _ in life.restarts))]
    lives = life.starts <= begins and min(life.dies, life.warned) > ends and not life.curl
    return lives and not any(start <= ends and begins <= end for start, end in disturbed)


def _order(record: ClaimsRecord) -> Iterator[Fault]:
    """Tokens grow by one, and ticks are claimed in their order, each once."""
    newest = -inf
    for number, claim in enumerate(record.stored, 1):
        if claim.token != number:
            yield Fault(claim.at, f"the claim of {claim.id} has token {claim.token}, not {number}")
        if claim.start <= newest:
            yield Fault(claim.at, f"tick {claim.start} is claimed by {claim.id} after tick {newest:.0f}")
        newest = max(newest, claim.start)


def _twice(record: ClaimsRecord) -> Iterator[Fault]:
    """No tick is granted to two."""
    holders: dict[int, Grant] = {}
    for grant in record.grants:
        first = holders.setdefault(grant.start, grant)
        if (first.id, first.asker, first.token) != (grant.id, grant.asker, grant.token):
            yield Fault(grant.at, f"tick {grant.start} is granted to {_name(grant)} too, and was to {_name(first)}")
    yeses: dict[int, str] = {}
    for heard in record.heard:
        if heard.ours and heard.start in yeses:
            yield Fault(heard.at, f"tick {heard.start} is run twice: by {heard.id} after {yeses[heard.start]}")
        if heard.ours:
            yeses[heard.start] = heard.id


def _unfounded(record: ClaimsRecord) -> Iterator[Fault]:
    """Every yes is in the store, since before it was said."""
    stored = {(claim.start, claim.id, claim.asker, claim.token): claim.at for claim in record.stored}
    for grant in record.grants:
        if stored.get((grant.start, grant.id, grant.asker, grant.token), inf) > grant.at:
            yield Fault(grant.at, f"{_name(grant)} is granted tick {grant.start}, of which the store knows nothing")


def _missed(record: ClaimsRecord) -> Iterator[Fault]:
    """Ticks that somebody was able to take are granted in time, and all who were able know it."""
    claims = {claim.start: claim for claim in reversed(record.stored)}
    heard = {(each.start, each.id, each.asker): each for each in record.heard}
    for start, able in assured(record.world).items():
        _, until = window(record.world, start)
        claim = claims.get(start)
        if claim is None or claim.at > until + ROUNDING:
            yield Fault(until, f"tick {start} is nobody's, though {able[0].id} was able to take it")
            continue
        for life in able:
            for asker in (f"{start}/{number}" for number in range(life.askers)):
                answer = heard.get((start, life.id, asker))
                if answer is None or answer.at > until + ROUNDING:
                    yield Fault(until, f"{asker} on {life.id} was not told in time who has tick {start}")
                elif answer.ours != ((claim.id, claim.asker) == (life.id, asker)):
                    yield Fault(
                        until, f"{asker} on {life.id} was told {answer.ours}, but {_name(claim)} has tick {start}"
                    )


def _disowned(record: ClaimsRecord) -> Iterator[Fault]:
    """Whoever was granted a tick can write down how it went."""
    for grant in record.disowned:
        yield Fault(
            grant.at, f"the outcome of tick {grant.start} is refused: {_name(grant)} has no such claim, it is told"
        )


def _wasteful(record: ClaimsRecord) -> Iterator[Fault]:
    """In a calm world a tick costs its winner a read, a write, and one more for the outcome; all others, a read."""
    world = record.world
    if not world.calm:
        return
    for claim in record.stored:
        begins = world.moment(claim.start)
        made = [each for each in record.requests if begins <= each.at < begins + world.every and begins > FIRST_SEEN]
        for life in world.claiming:
            asked = sorted(each.operation for each in made if each.id == life.id)
            allowed = ["read", "write", "write"] if life.id == claim.id else ["read"]
            if len(asked) > len(allowed) or asked != allowed[: len(asked)]:
                yield Fault(claim.at, f"{life.id} made the requests {asked} for tick {claim.start} of {claim.id}")


def _name(grant: Grant) -> str:
    return f"{grant.asker or 'curl'} on {grant.id}"
