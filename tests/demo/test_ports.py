import socket

import pytest

from leaderd.demo.ports import Ports
from leaderd.errors import CannotStartError


@pytest.fixture
def taken():
    """A port that somebody listens on, with a free one after it, as far as anybody can promise that."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_in_a_row(taken):
    """Ports follow one another, and those of others are passed over when one more is asked for."""
    ports = Ports(taken, 0)
    assert ports.another() > taken
    assert ports.another() > taken + 1


def test_taken(taken):
    """A port that must be had, and is taken, is named, with what to do."""
    with pytest.raises(CannotStartError, match=f"127.0.0.1:{taken}: Address already in use.*another --port"):
        Ports(taken, 1)


def test_any():
    """From 0 on, any free ports are had, none of them twice."""
    assert len(set(Ports(0, 20).reserved) - {0}) == 20


def test_end_of_ports():
    """There is no port after the last."""
    with pytest.raises(CannotStartError, match="no port after 65535"):
        Ports(65_535, 2)
    with pytest.raises(CannotStartError, match="no port left"):
        Ports(65_536, 0).another()
