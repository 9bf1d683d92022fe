"""The cadence: how long to wait between two polls."""

from leaderd.core.timing import JITTER, Timing


def pause(timing: Timing, *, throttled: int, believed_for: float, chance: float) -> float:
    """Say how long after the start of a poll the next one starts, in seconds.

    A poll that failed is repeated at the usual pace: the settings leave room for one that is lost. One that was
    throttled is repeated more slowly, twice as slowly each time, up to `max_staleness`; but while the newest
    observation is still believed, one last try is made in time to renew it.

    Args:
        timing: the settings.
        throttled: how many polls in a row were throttled, the last one included.
        believed_for: how long after the start of the last poll the newest observation is still believed; 0 if there
            is none.
        chance: a random number, 0 ≤ chance < 1, for the jitter.
    """
    usual = timing.poll_interval * (1 - JITTER + 2 * JITTER * chance)
    if not throttled:
        return usual
    slowed = min(usual * 2.0 ** min(throttled, 16), max(usual, timing.max_staleness))
    last_try = believed_for - timing.request_timeout
    return min(slowed, last_try) if last_try >= usual else slowed
