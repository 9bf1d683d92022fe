"""What follows from AWS's answers: which permission is missing, which order is steady, how the clock stands. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from itertools import pairwise

from leaderd.aws.finding import Finding
from leaderd.aws.policy import mending
from leaderd.core.roster import Order, Roster, arrange, compare
from leaderd.errors import SourceError, UnusableAnswerError

CLOCK_LIMIT = 3.0
"""Seconds that this clock may differ from AWS's: cron starts jobs by it. The date has whole seconds only."""
OTHERWISE = "ask again in a minute; if it stays so, the message is all that AWS says"
_ACTION = re.compile(r"not authorized to perform:?\s+([a-z0-9-]+:[A-Za-z0-9*]+)")
_MISSING_IN = re.compile(r"because no ([\w -]+?) allows")
_DENIED_IN = re.compile(r"with an explicit deny in an? ([\w() -]+)")


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of where this instance is, and as whom it asks; None: not known."""

    instance_id: str | None = None
    environment: str | None = None
    region: str | None = None
    account: str | None = None
    role: str | None = None


def missing_permission(message: str) -> str | None:
    """The action that an error of AWS names as not allowed.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    named = _ACTION.search(message)
    return named and named[1]


def said(error: SourceError) -> str:
    """What a failed call said; of a missing permission only which, for the whole is three lines long."""
    action = missing_permission(error.message)
    return f"{error.message.partition(':')[0]}: {action} is not allowed" if action else error.message


def mend(error: SourceError, place: Place) -> str:
    """What to do about a failed call."""
    if error.kind == "denied":
        return _mend_denied(error, place)
    if error.kind in {"timeout", "unreachable"}:
        return f"{error.hint} (com.amazonaws.{place.region}.elasticbeanstalk)"
    return error.hint or OTHERWISE


def _mend_denied(error: SourceError, place: Place) -> str:
    action = missing_permission(error.message)
    if action is None:
        return error.hint or OTHERWISE
    if denied := _DENIED_IN.search(error.message):
        return f"take the Deny of {action} out of the {denied[1]}: no Allow outweighs it"
    known = {"environment": place.environment, "region": place.region, "account": place.account}
    line = json.dumps(mending(action, **known), separators=(",", ":"))
    missing = _MISSING_IN.search(error.message)
    if missing and "identity-based" not in missing[1]:
        return f"allow {action} in the {missing[1]}, with this statement:\n{line}"
    role = place.role or "of the instance profile"
    return f"allow {action} to the role {role}, with this statement (`leaderd policy` prints all):\n{line}"


def order_found(
    order: Order, rosters: Sequence[Roster], launched: Mapping[str, float], trouble: SourceError | None, place: Place
) -> Finding:
    """Whether the order in force can be relied on, and which would be better.

    Args:
        order: who is first, in the settings in force.
        rosters: what Elastic Beanstalk listed, call by call, as it listed it.
        launched: the launch times that are known.
        trouble: why they are not known, where the call failed.
        place: for the mend.
    """
    by_launch = _arranged(rosters[-1], launched)
    if order is Order.OLDEST and by_launch is None:
        return Finding("order", False, f"launch times are not known: {_why(trouble)}", _mend_oldest(trouble, place))
    if len(rosters[-1]) == 1:
        return Finding("order", True, "one instance: it is first in every order")
    if any(compare(before, after).reordered for before, after in pairwise(rosters)):
        return _unsteady(order, by_launch)
    if order is not Order.LISTED:
        return Finding("order", True, f"--order {order} does not depend on how the instances are listed")
    if len(rosters) == 1:
        return Finding("order", None, "asked again, Elastic Beanstalk did not answer: nothing to compare", OTHERWISE)
    return Finding("order", True, f"the same over {len(rosters)} calls; {_agreement(rosters[-1], by_launch, trouble)}")


def _unsteady(order: Order, by_launch: Roster | None) -> Finding:
    found = "Elastic Beanstalk listed the same instances in another order at another call"
    if order is not Order.LISTED:
        return Finding("order", True, f"{found}, which --order {order} does not mind")
    better = "--order oldest (it keeps a leader for longest) or --order id" if by_launch else "--order id"
    return Finding("order", False, found, f"set {better}, on all instances of the environment")


def _agreement(listed: Roster, by_launch: Roster | None, trouble: SourceError | None) -> str:
    unknown = "" if by_launch else f" (launch times are not known: {_why(trouble)})"
    if listed == by_launch:
        return "it is by launch, the oldest first: stay with --order listed"
    if listed.ids == tuple(sorted(listed.ids)):
        return f"it is by id, as with --order id{unknown}"
    either = "not by id" if unknown else "neither by id nor by launch"
    return f"it is {either}, and nothing promises that it stays: --order id is safer{unknown}"


def _arranged(roster: Roster, launched: Mapping[str, float]) -> Roster | None:
    try:
        return arrange(roster.ids, Order.OLDEST, launched)
    except UnusableAnswerError:
        return None


def _why(trouble: SourceError | None) -> str:
    if trouble is None:
        return "Elastic Beanstalk does not say them yet"
    if "not supported" in trouble.message:
        return "the environment has basic health reporting"
    return said(trouble)


def _mend_oldest(trouble: SourceError | None, place: Place) -> str:
    if trouble is not None and trouble.kind == "denied":
        return mend(trouble, place)
    return "turn on enhanced health reporting for the environment, or set --order id on all its instances"


def clock_found(date: str | None, received: float) -> Finding:
    """How far the clock is from the Date header of an answer.

    Args:
        date: the header (RFC 9110, section 5.6.7); None without any answer.
        received: this clock when the answer came (Unix time, seconds).
    """
    try:
        ahead = received - parsedate_to_datetime(date or "").timestamp() - 0.5  # the header leaves out the fraction
    except ValueError:
        return Finding("clock", None, "not checked: Elastic Beanstalk did not answer with a date")
    if abs(ahead) <= CLOCK_LIMIT:
        return Finding("clock", True, f"within {CLOCK_LIMIT:g} s of AWS's")
    found = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} AWS's: cron runs jobs at wrong times"
    found += ", and AWS refuses signatures" if abs(ahead) > 300 else ""
    return Finding("clock", False, found, "systemctl enable --now chronyd && chronyc makestep")
