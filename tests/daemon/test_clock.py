import time

import pytest

from leaderd.daemon.clock import BootClock


def test_now():
    """The clock is CLOCK_BOOTTIME, which never goes back."""
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    first, second = BootClock.now(), BootClock.now()
    assert before <= first <= second <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_the_wall_clock_does_not_matter(monkeypatch):
    """Whoever sets the wall clock does not change it."""
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert BootClock.now() > 1


@pytest.mark.looptime
async def test_sleep_and_timeout():
    """It waits by the event loop, and cuts what takes too long."""
    await BootClock.sleep(3_600)
    with pytest.raises(TimeoutError):
        async with BootClock.timeout(3_600):
            await BootClock.sleep(7_200)
