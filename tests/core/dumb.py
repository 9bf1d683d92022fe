"""The verdict once more, straight from its definition, without a view: slow, plain, and a check on the real one.

It keeps every observation and reads the whole history for each question.
"""

from itertools import pairwise

from leaderd.core.election import Role


def role(history, me, timing, now, follower_for=0):
    """The role at `now` of the instance `me` that made the observations `history`, in the order they were received."""
    usable = []
    for seen in history:
        in_time = seen.received - seen.sent <= timing.request_timeout
        in_order = not usable or seen.sent > usable[-1].sent
        if in_time and in_order:
            usable.append(seen)
    if not usable:
        return Role.UNKNOWN
    age = now - usable[-1].sent
    if usable[-1].roster.ids[0] != me and age < follower_for:
        return Role.FOLLOWER
    if age >= timing.max_staleness:
        return Role.UNKNOWN
    if usable[-1].roster.ids[0] != me:
        return Role.FOLLOWER
    long_first = now - streak_start(usable, me, timing) >= timing.hold_down
    long_listed = now - tenure_start(usable, me) >= timing.probation
    return Role.LEADER if long_first and long_listed else Role.CANDIDATE


def streak_start(usable, me, timing):
    """When the first answer came of those, up to the last, that all had me first and no gap over T between them."""
    for start in range(len(usable)):
        streak = usable[start:]
        always_first = all(seen.roster.ids[0] == me for seen in streak)
        neighbours = pairwise(streak)
        if always_first and all(after.sent - before.sent <= timing.max_staleness for before, after in neighbours):
            return streak[0].received
    raise AssertionError("the last observation alone is a streak")


def tenure_start(usable, me):
    """When the first answer came of those, up to the last, that all listed me."""
    for start in range(len(usable)):
        if all(me in seen.roster.ids for seen in usable[start:]):
            return usable[start].received
    raise AssertionError("the last observation alone is a tenure")
