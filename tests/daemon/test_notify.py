import socket

import pytest

from leaderd.daemon.notify import Notifier


@pytest.fixture(params=["file", "abstract"])
def systemd(request, tmp_path):
    """The socket on which systemd listens, and its address as it tells it."""
    address = str(tmp_path / "notify") if request.param == "file" else f"@leaderd-{tmp_path.name}-{id(request)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(address.replace("@", "\0", 1))
        listener.settimeout(10)
        yield listener, address


def test_messages(systemd):
    """Each state reaches systemd as one datagram."""
    listener, address = systemd
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.ready()
    notifier.status("leader: first of 3 · ok")
    notifier.feed()
    notifier.stopping()
    heard = [listener.recv(1000).decode() for _ in range(4)]
    assert heard == [
        "READY=1",
        "STATUS=leader: first of 3 · ok",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=shutting down",
    ]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_nobody_listens(environ):
    """Without systemd, or when it is gone, nothing is said and nothing fails."""
    Notifier(environ).ready()


def test_systemd_does_not_read(systemd):
    """A systemd that does not read holds nobody up."""
    _, address = systemd
    notifier = Notifier({"NOTIFY_SOCKET": address})
    for _ in range(10_000):
        notifier.feed()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "²"}, None),
        ({"WATCHDOG_USEC": "1"}, None),
    ],
)
def test_watchdog(environ, seconds):
    """The watchdog's period is told in microseconds."""
    assert Notifier(environ).watchdog == seconds
