"""Ports of loopback for the demo's daemons."""

import os
import random
import socket

from leaderd.errors import CannotStartError

HIGHEST = 65_535
ANY = range(10_000, 30_000)
"""Where free ports are looked for: below those that systems give to outgoing connections, which come and go."""


class Ports:
    """Hands out ports, each once: `first` and those that follow it, or any free ones where `first` is 0.

    Args:
        first: the first port.
        count: how many ports to reserve at once.

    Attributes:
        reserved: the ports that were reserved.

    Raises:
        CannotStartError: one of them is taken, not allowed, or past the highest there is.
    """

    def __init__(self, first: int, count: int) -> None:
        self._left = iter(range(first, HIGHEST + 1) if first else random.sample(ANY, len(ANY)))
        self.reserved = tuple(self._next() if first else self.another() for _ in range(count))

    def another(self) -> int:
        """The next port that is free; those that are taken are passed over.

        Raises:
            CannotStartError: there is none.
        """
        for port in self._left:
            if _refusal(port) is None:
                return port
        raise CannotStartError("there is no port left", hint="choose a smaller --port")

    def _next(self) -> int:
        for port in self._left:
            refusal = _refusal(port)
            if refusal is None:
                return port
            reason = os.strerror(refusal.errno or 0)
            hint = "does another leaderd or demo run here? Stop it, or choose another --port, or 0 for any free one"
            raise CannotStartError(f"cannot listen on 127.0.0.1:{port}: {reason}", hint=hint) from refusal
        raise CannotStartError(f"there is no port after {HIGHEST}", hint="choose a smaller --port")


def _refusal(port: int) -> OSError | None:
    """Why nobody could listen on a port now; None: one could."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the daemon will: TIME_WAIT is no matter
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error
    return None
