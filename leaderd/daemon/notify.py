"""What systemd wants to hear from a service of Type=notify. Without systemd nothing is said.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

import socket
from collections.abc import Mapping
from contextlib import suppress

LEAST_WATCHDOG = 100_000
"""Microseconds: a shorter watchdog is a mistake, and is not fed."""


class Notifier:
    """Sends states to the socket in NOTIFY_SOCKET. A message that cannot be delivered is dropped: systemd will see."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        usec = environ.get("WATCHDOG_USEC", "")
        self.watchdog = int(usec) / 1e6 if usec.isascii() and usec.isdigit() and int(usec) >= LEAST_WATCHDOG else None
        """Seconds in which systemd wants to hear `WATCHDOG=1`; None: it does not watch."""

    def ready(self) -> None:
        """The daemon answers."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def feed(self) -> None:
        """The watcher is alive."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The daemon ends on purpose."""
        self._send("STOPPING=1\nSTATUS=shutting down")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel,
        ):
            channel.setblocking(False)  # a systemd that does not listen must not hold the daemon up
            channel.sendto(message.encode(), self._address)
