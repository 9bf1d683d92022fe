"""The election: what an instance may conclude from what it saw.

At most one instance says yes at any time, as long as the assumptions in docs/safety.md hold. This is not fencing: a
job that was started under a yes may outlive it.

Expiry counts from when a poll was sent, hold-down and probation count from when an answer was received. All times are
seconds on one clock of this instance that never stops or jumps (CLOCK_BOOTTIME) and are passed in.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, inf

from leaderd.core.roster import Roster
from leaderd.core.timing import Timing


class Role(StrEnum):
    """What an instance is, as far as it can tell."""

    LEADER = "leader"
    CANDIDATE = "candidate"
    """First, but not yet for long enough."""
    FOLLOWER = "follower"
    """Not first: a definite no."""
    UNKNOWN = "unknown"
    """Cannot tell."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One completed poll: what it said, when it was sent and when its answer was received."""

    roster: Roster
    sent: float
    received: float


@dataclass(frozen=True, slots=True)
class View:
    """The newest observation, and since when the observations before it said the same of this instance.

    Attributes:
        newest: the newest observation.
        first_since: when the first answer of the streak was received: the run of observations in which this instance
            was first, with no two neighbours sent more than the longest staleness apart. None while it is not first.
        listed_since: when the first answer of the tenure was received: the run of observations in which this instance
            was listed at all, however far apart: who joins once and leaves once was there in between. None while it is
            not listed.
    """

    newest: Observation
    first_since: float | None
    listed_since: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A role, why, and until when it holds if nothing new is seen.

    Attributes:
        role: what this instance is.
        reason: why, in words for a person.
        until: the moment at which this verdict ends by itself.
        leads_at: when a candidate will be leader if it stays first.
    """

    role: Role
    reason: str
    until: float
    leads_at: float | None = None


def observe(view: View | None, new: Observation, me: str, timing: Timing) -> View | None:
    """Take in an observation. Returns the view unchanged if the observation is of no use: overtaken, or too late."""
    if new.received - new.sent > timing.request_timeout:
        return view
    if view is not None and new.sent <= view.newest.sent:
        return view
    streak = tenure = None
    if view is not None:
        tenure = view.listed_since
        streak = view.first_since if new.sent - view.newest.sent <= timing.max_staleness else None
    rank = new.roster.rank(me)
    return View(
        newest=new,
        first_since=_since(streak, new, holds=rank == 0),
        listed_since=_since(tenure, new, holds=rank is not None),
    )


def _since(before: float | None, new: Observation, *, holds: bool) -> float | None:
    if not holds:
        return None
    return new.received if before is None else before


def judge(
    view: View | None, me: str, timing: Timing, now: float, *, leaving: bool = False, follower_for: float = 0.0
) -> Verdict:
    """Say what this instance is at the moment `now`. One that is `leaving`, being terminated, never leads.

    `follower_for` is for how many seconds an answer by which another is first is believed, where that is longer than T:
    who polls seldom says no in between. Whoever is first is never believed for longer than T.
    """
    if leaving:
        return Verdict(Role.FOLLOWER, "this instance is being terminated", inf)
    if view is None:
        return Verdict(Role.UNKNOWN, "no answer from Elastic Beanstalk yet", inf)
    first = view.first_since is not None
    believed_for = timing.max_staleness if first else max(timing.max_staleness, follower_for)
    expires = view.newest.sent + believed_for
    if now >= expires:
        age = now - view.newest.sent
        return Verdict(Role.UNKNOWN, f"the newest answer is {age:.0f} s old, believed for {believed_for:.4g} s", inf)
    if view.first_since is None or view.listed_since is None:
        return Verdict(Role.FOLLOWER, _why_not(view.newest.roster, me), expires)
    size = len(view.newest.roster)
    leads_at = max(view.first_since + timing.hold_down, view.listed_since + timing.probation)
    if now < leads_at:
        reason = f"first of {size}, leader in {ceil(leads_at - now)} s if it stays first"
        return Verdict(Role.CANDIDATE, reason, min(leads_at, expires), leads_at)
    return Verdict(Role.LEADER, f"first of {size}, for {now - view.first_since:.0f} s", expires)


def _why_not(roster: Roster, me: str) -> str:
    rank = roster.rank(me)
    if rank is None:
        return f"not in the list of {len(roster)}, where {roster.first} is first"
    return f"place {rank + 1} of {len(roster)}, where {roster.first} is first"
