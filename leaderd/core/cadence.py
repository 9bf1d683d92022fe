"""The cadence: how long to wait between two polls, so that the whole environment keeps within its budget of calls.

Nobody coordinates: each instance goes by the place and the size that its own newest observation shows. A member of the
`FRONT` polls every P, so that the next leader is found as soon as ever. The budget is meant for the `NEAR` places:
what the front leaves of it is shared among those behind, and who is closer to the front gets more. All behind these
share a second budget of the same size. So an environment keeps within one budget up to `NEAR`, within two up to `FAR`.

Safety does not rest on any of this: the proof in docs/safety.md holds for polls at whatever moments.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from leaderd.core.roster import Roster
from leaderd.core.timing import JITTER, Timing

DEFAULT_BUDGET = 0.5
"""Calls per second: a small part of what Elastic Beanstalk allows an account, which is a few."""
FRONT = 3
"""Places that poll every P: the leader's, its successor's, and one more for when both are lost."""
NEAR = 50
"""Places that the budget is for."""
FAR = 1000
"""Places that two budgets are for. Larger environments exceed them, so that the pauses stay bounded."""
SLOWEST = 300.0
"""Seconds from one poll to the next that no near place exceeds: a bound for the failover when many are lost at once."""
TRIES = 3
"""Polls at the usual pace of an instance that has no place; then it slows down."""


@dataclass(frozen=True, slots=True)
class Pace:
    """What the polls of an instance so far mean for its next ones.

    Attributes:
        interval: seconds from one poll to the next.
        placed: the interval is that of a member.
        settled: it already was so before the newest poll.
        without_place: how many polls in a row have shown this instance no place.
        throttled: how many polls in a row were throttled.
    """

    interval: float
    placed: bool = False
    settled: bool = False
    without_place: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class Cadence:
    """When to ask, in seconds.

    Attributes:
        timing: the settings.
        api_budget: B, the calls per second that the whole environment may make.
    """

    timing: Timing
    api_budget: float = DEFAULT_BUDGET

    def interval(self, rank: int, size: int) -> float:
        """From one poll of a member to its next: longer the further behind, and the larger the environment.

        Args:
            rank: its place in the newest observation, 0 first.
            size: how many that observation lists.
        """
        usual = self.timing.poll_interval
        if rank < FRONT:
            return usual
        behind = min(size, NEAR) - FRONT
        spare = max(0.0, self.api_budget - FRONT / usual - behind / self._slowest)
        share = spare / (min(rank, NEAR - 1) - FRONT + 1) / sum(1 / place for place in range(1, behind + 1))
        near = max(usual, 1 / (1 / self._slowest + share))
        return near if rank < NEAR else max(near, (min(size, FAR) - NEAR) / self.api_budget)

    def _placeless(self, polls: int) -> float:
        """The interval after so many polls that showed no place: the instance is not listed, or had no answer yet.

        It may be a newcomer that will be first, so it polls as often as the front; but not for ever, as nobody knows
        how many are like it. As many as `NEAR` of them come to keep within the budget.
        """
        usual = self.timing.poll_interval
        slowest = max(usual, min(SLOWEST, NEAR / self.api_budget))
        return min(usual * 2.0 ** min(max(0, polls - TRIES), 16), slowest)

    def follower_for(self, pace: Pace) -> float:
        """How long an answer that makes a follower is believed, from when it was asked for.

        T at the pace of the front. Who polls more slowly has room for one lost poll, as T gives it to the front.
        """
        if pace.interval <= self.timing.poll_interval:
            return self.timing.max_staleness
        return max(self.timing.max_staleness, 2 * pace.interval * (1 + JITTER) + self.timing.request_timeout)

    def start(self) -> Pace:
        """The pace before the first poll."""
        return Pace(self.timing.poll_interval)

    def after_poll(self, pace: Pace, newest: Roster | None, me: str, *, throttled: bool = False) -> Pace:
        """The pace after one more poll.

        Args:
            pace: the one before.
            newest: the newest roster: of this poll, or of an earlier one if this one failed; None without any.
            me: this instance.
            throttled: the poll was throttled.
        """
        times = pace.throttled + 1 if throttled else 0
        rank = None if newest is None else newest.rank(me)
        if newest is None or rank is None:
            polls = pace.without_place + 1
            return Pace(self._placeless(polls), without_place=polls, throttled=times)
        return Pace(self.interval(rank, len(newest)), placed=True, settled=pace.placed, throttled=times)

    def after_restart(self, newest: Roster, me: str) -> Pace:
        """The pace that a daemon was at when it ended, as far as the newest roster tells."""
        pace = self.after_poll(self.start(), newest, me)
        return replace(pace, settled=pace.placed)

    def pause(self, pace: Pace, *, believed_for: float, chance: float) -> float:
        """From the start of the last poll to the start of the next one.

        A poll that failed is repeated at the usual pace: the settings leave room for one that is lost. One that was
        throttled is repeated more slowly, twice as slowly each time, up to as long as an answer is believed; but while
        the newest one still is, one last try is made in time to renew it.

        Who is not settled takes any moment of its interval: those that start together would else poll together for
        hours.

        Args:
            pace: the one after the last poll.
            believed_for: how long after the start of the last poll the newest answer is still believed; 0 if there is
                none.
            chance: a random number, 0 ≤ chance < 1.
        """
        jitter = 1 - JITTER + 2 * JITTER * chance
        usual = pace.interval * jitter
        doubled = 2.0 ** min(pace.throttled, 16)
        if not pace.settled:
            longest = min(pace.interval * doubled, max(pace.interval, SLOWEST))
            return self.timing.poll_interval * jitter + (longest - self.timing.poll_interval) * chance
        slowed = min(usual * doubled, max(usual, self.follower_for(pace)))
        last_try = believed_for - self.timing.request_timeout
        return min(slowed, last_try) if last_try >= usual else slowed

    def failover_bound(self, dead: int, size: int) -> float:
        """How long there may be no leader after the first `dead` members of `size` were dropped, while polls succeed.

        The next one, which was listed before for long enough, must find that out at its own pace.
        """
        return self.timing.failover_bound_at(self.interval(dead, size))

    def over_budget(self) -> Iterator[str]:
        """Say, with the numbers, where the settings cannot keep the budget: the front polls every P all the same."""
        front = FRONT / self.timing.poll_interval
        needed = front + (NEAR - FRONT) / self._slowest
        if needed > self.api_budget:
            yield (
                f"--api-budget {self.api_budget:g} will not do for {NEAR} instances: with --poll-interval "
                f"{self.timing.poll_interval:g} the first {FRONT} make {front:.3g} calls per second, and "
                f"{NEAR} make {needed:.3g}; poll less often, or raise it"
            )

    @property
    def _slowest(self) -> float:
        return max(SLOWEST, self.timing.poll_interval)
