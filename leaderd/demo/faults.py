"""What can go wrong with an answer of Elastic Beanstalk or of S3; their services act it out. Pure state, no network."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from random import Random
from typing import Generic, TypeVar

CROWD = 5_000  # instances in an answer of MANY


class Fault(Enum):
    """One way for the EB API to misbehave towards one call."""

    NONE = auto()
    THROTTLE = auto()  # 400 Throttling, "Rate exceeded"
    DENY = auto()  # 403 AccessDenied; DescribeEnvironments answers an empty list instead, as the real one does
    PRIVILEGES = auto()  # 403 InsufficientPrivilegesException: autoscaling:DescribeAutoScalingGroups is missing
    ERROR_500 = auto()  # 500 InternalFailure
    HANG = auto()  # takes the request and never answers
    DROP = auto()  # closes the connection without an answer
    HTML = auto()  # 200 with a web page, as a captive proxy gives
    HALF = auto()  # 200 with the first half of the document
    EMPTY = auto()  # a list of nobody
    WITHOUT_CALLER = auto()  # everybody but the caller
    DUPLICATES = auto()  # each id twice
    MANY = auto()  # 5,000 ids, the true members among them in their order
    SHUFFLE = auto()  # the true members, in another random order at each call
    REVERSED = auto()  # a lie: the order back to front
    CALLER_FIRST = auto()  # a lie that tells each caller that it is first


class StoreFault(Enum):
    """One way for S3 to misbehave towards one call."""

    NONE = auto()
    THROTTLE = auto()  # 503 SlowDown
    DENY = auto()  # 403 AccessDenied
    ERROR_500 = auto()  # 500 InternalError
    HANG = auto()  # takes the request, does nothing and never answers
    DROP = auto()  # does nothing, and closes the connection
    LOST = auto()  # does what was asked, and closes the connection without an answer
    LATE = auto()  # does what was asked, and never answers
    CONFLICT = auto()  # 409 ConditionalRequestConflict to a conditional write
    UNCONDITIONAL = auto()  # ignores the conditions of writes, as some look-alikes do
    HTML = auto()  # 200 with a web page, as a captive proxy gives


F = TypeVar("F", Fault, StoreFault)


@dataclass(slots=True)
class Faults(Generic[F]):
    """Which fault meets a call: the first in `once`, which it uses up, or the caller's own, or everyone's."""

    none: F
    everyone: F = field(init=False)
    of: dict[str, F] = field(default_factory=dict)  # by instance id
    once: deque[F] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.everyone = self.none

    def pick(self, caller: str) -> F:
        """The fault for one call by `caller` (an instance id, or the name of a user)."""
        if self.once:
            return self.once.popleft()
        return self.of.get(caller, self.everyone)

    def clear(self) -> None:
        """Heal everything."""
        self.everyone = self.none
        self.of.clear()
        self.once.clear()


def distort(fault: Fault, members: tuple[str, ...], caller: str, rng: Random) -> tuple[str, ...]:
    """Return the members as `fault` makes EB tell them to `caller`."""
    if fault is Fault.MANY:
        return _crowded(members, rng)
    if fault is Fault.SHUFFLE:
        return tuple(rng.sample(members, len(members)))
    others = tuple(member for member in members if member != caller)
    told = {
        Fault.EMPTY: (),
        Fault.WITHOUT_CALLER: others,
        Fault.DUPLICATES: members + members,
        Fault.REVERSED: members[::-1],
        Fault.CALLER_FIRST: (caller, *others),
    }
    return told.get(fault, members)


def _crowded(members: tuple[str, ...], rng: Random) -> tuple[str, ...]:
    crowd = [f"i-0{number:016x}" for number in range(2**63, 2**63 + max(0, CROWD - len(members)))]
    places = sorted(rng.sample(range(len(crowd) + 1), len(members)))
    for offset, (place, member) in enumerate(zip(places, members, strict=True)):
        crowd.insert(place + offset, member)
    return tuple(crowd)
