"""The roster: the ordered members of one answer of Elastic Beanstalk, and how two of them differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from leaderd.errors import UnusableAnswerError


class Order(StrEnum):
    """Who is first. All instances of an environment must use the same order."""

    LISTED = "listed"
    """As Elastic Beanstalk lists them."""
    ID = "id"
    """The smallest instance id."""
    OLDEST = "oldest"
    """The earliest launch; instances launched in the same moment go by id."""


@dataclass(frozen=True, slots=True)
class Roster:
    """The ids of the members, in order, none of them twice, at least one."""

    ids: tuple[str, ...]

    @property
    def first(self) -> str:
        """The id of the member that is first."""
        return self.ids[0]

    def rank(self, member: str) -> int | None:
        """The place of a member, 0 first; None for an id that is not listed."""
        return self.ids.index(member) if member in self.ids else None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class RosterChange:
    """How one roster differs from the one before it."""

    joined: tuple[str, ...]
    left: tuple[str, ...]
    reordered: bool
    """Members that are in both came back in another order, which breaks what `listed` assumes."""

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.reordered)


def arrange(ids: Sequence[str], order: Order, launched: Mapping[str, float]) -> Roster:
    """Make the roster of one answer.

    Args:
        ids: the ids as Elastic Beanstalk listed them.
        order: who is to be first.
        launched: launch times (Unix time, seconds) by id; only `Order.OLDEST` reads them.

    Raises:
        UnusableAnswerError: the list is empty or has an id twice (Elastic Beanstalk has been seen to answer so),
            or a launch time that the order needs is missing. None of these is ever a verdict.
    """
    if not ids:
        raise UnusableAnswerError("Elastic Beanstalk listed no instance at all", hint="the next poll may say more")
    if len(set(ids)) < len(ids):
        raise UnusableAnswerError("Elastic Beanstalk listed an instance twice", hint="the next poll may say more")
    if order is Order.LISTED:
        return Roster(tuple(ids))
    if order is Order.ID:
        return Roster(tuple(sorted(ids)))
    return _by_launch(ids, launched)


def _by_launch(ids: Sequence[str], launched: Mapping[str, float]) -> Roster:
    missing = sorted(set(ids) - launched.keys())
    if missing:
        raise UnusableAnswerError(
            f"no launch time is known for {', '.join(missing[:3])}",
            hint="it comes with enhanced health reporting a little after launch; or use --order id",
        )
    return Roster(tuple(sorted(ids, key=lambda member: (launched[member], member))))


def compare(old: Roster, new: Roster) -> RosterChange:
    """Say how `new` differs from `old`. The change is false when they are equal."""
    old_ids, new_ids = set(old.ids), set(new.ids)
    stayed_before = [member for member in old.ids if member in new_ids]
    stayed_after = [member for member in new.ids if member in old_ids]
    return RosterChange(
        joined=tuple(member for member in new.ids if member not in old_ids),
        left=tuple(member for member in old.ids if member not in new_ids),
        reordered=stayed_before != stayed_after,
    )
