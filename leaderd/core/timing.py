"""The election's numbers, and the bounds that hold between them. docs/safety.md has the proof."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

JITTER = 0.1
"""Polls come a tenth earlier or later than the poll interval, at random, so that a fleet does not poll in step."""
DRIFT = 0.01
"""How far the rate of a clock may be from true time: 1 %, far more than any clock that NTP disciplines."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The settings that decide who may lead, in seconds. The letters are those of docs/safety.md.

    Attributes:
        poll_interval: P, from the start of one poll to the start of the next, give or take `JITTER`.
        request_timeout: R, the hard limit on one whole poll.
        max_staleness: T, how long one observation is believed, from when its poll was sent.
        api_lag: D, how far behind the truth an answer of Elastic Beanstalk may be.
        guard: g, how far apart the yeses of two instances must be.
        hold_down: H, how long an instance must have been first before it leads.
        probation: N, how long an instance must have been listed before it leads.
    """

    poll_interval: float
    request_timeout: float
    max_staleness: float
    api_lag: float
    guard: float
    hold_down: float
    probation: float

    @classmethod
    def derive(
        cls,
        *,
        poll_interval: float = 10.0,
        request_timeout: float = 5.0,
        max_staleness: float = 30.0,
        api_lag: float = 5.0,
        guard: float = 5.0,
        hold_down: float | None = None,
        unsafe: bool = False,
    ) -> "Timing":
        """Fill in the hold-down and the probation: the least that is safe, where nothing longer is asked for.

        `unsafe` takes a hold-down that is too short as it is given, and asks for no longer probation.
        """
        least_hold_down = _least_hold_down(max_staleness, api_lag, guard)
        least_probation = _least_probation(max_staleness, api_lag, request_timeout)
        held = least_hold_down if hold_down is None else hold_down
        return cls(
            poll_interval=poll_interval,
            request_timeout=request_timeout,
            max_staleness=max_staleness,
            api_lag=api_lag,
            guard=guard,
            hold_down=held,
            probation=held if unsafe and held < least_hold_down else max(held, least_probation),
        )

    @property
    def longest_pause(self) -> float:
        """The longest regular time from one poll to the next, jitter included."""
        return self.poll_interval * (1 + JITTER)

    @property
    def failover_bound(self) -> float:
        """How long there may be no leader after Elastic Beanstalk has dropped a dead one, while polls succeed."""
        return self.failover_bound_at(self.poll_interval)

    def failover_bound_at(self, interval: float) -> float:
        """The same where who leads next polls at another interval. The next poll waits for the end of a slow one."""
        longest_wait = max(interval * (1 + JITTER), self.request_timeout)
        return self.api_lag + longest_wait + self.request_timeout + self.hold_down

    def broken_bounds(self, *, unsafe: bool) -> Iterator[str]:
        """Say, with the numbers, which bounds the settings break and what would mend each.

        A hold-down that is too short is let pass when the user said `unsafe`.
        """
        least_staleness = 2 * self.longest_pause + self.request_timeout
        if self.max_staleness < least_staleness:
            yield (
                f"--max-staleness {self.max_staleness:g} is too short: with --poll-interval {self.poll_interval:g} and "
                f"--request-timeout {self.request_timeout:g} one lost poll would cost the verdict; "
                f"use {tenths(least_staleness):g} or more, or poll more often"
            )
        least_hold_down = _least_hold_down(self.max_staleness, self.api_lag, self.guard)
        if self.hold_down < least_hold_down and not unsafe:
            yield (
                f"--hold-down {self.hold_down:g} is too short: with --max-staleness {self.max_staleness:g}, "
                f"--api-lag {self.api_lag:g} and --guard {self.guard:g} two instances could both be leader; "
                f"use {least_hold_down:g} or more, or leave it out, or say --unsafe"
            )


def _least_hold_down(max_staleness: float, api_lag: float, guard: float) -> float:
    """A leader that was dropped may believe an old answer for T + D; its successor waits that long, and g more."""
    return tenths((1 + DRIFT) * (max_staleness / (1 - DRIFT) + api_lag + guard))


def _least_probation(max_staleness: float, api_lag: float, request_timeout: float) -> float:
    """A newcomer can be hidden from the leader for T + D + R, and outlive its own membership by T + D."""
    return tenths((1 + DRIFT) * ((2 * max_staleness + request_timeout) / (1 - DRIFT) + 2 * api_lag))


def tenths(seconds: float) -> float:
    """Round up to a tenth of a second: bounds are rounded to the safe side, and stay readable."""
    return ceil(round(seconds * 10, 6)) / 10
