"""Waiting for something to become so."""

import threading
import time

_NEVER = threading.Event()


def until(condition, within, what, every=0.1):
    """Wait until `condition()` is true, and return what it returned.

    Args:
        condition: asked again and again.
        within: seconds after which the test fails.
        what: is waited for, in words for the failure, or what finds these.
        every: seconds between two questions.
    """
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within:g} s: {what() if callable(what) else what}"
        _NEVER.wait(every)
    return answer
