import asyncio
import socket
import stat
from contextlib import AsyncExitStack, ExitStack

import aiohttp
import pytest

from leaderd.config import load
from leaderd.daemon.listen import listen
from leaderd.errors import CannotStartError
from tests.fakes import put


@pytest.fixture
def path(tmp_path):
    return tmp_path / "http"


@pytest.fixture
async def serve(application, logged):
    """Listen as the settings say; gives the addresses that the log names."""
    async with AsyncExitStack() as open_:

        async def serve(**flags):
            flags = {"port": "0"} | {name.replace("_", "-"): str(value) for name, value in flags.items()}
            await listen(application(), load(flags, {}), open_)
            return [entry["address"] for entry in logged if entry["event"] == "daemon.listening"]

        serve.stop = open_.aclose
        yield serve


async def ask(url, path=None):
    connector = aiohttp.UnixConnector(str(path)) if path else None
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
        return response.status, await response.text()


async def refusal(serving):
    with pytest.raises(CannotStartError) as caught:
        await serving
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_tcp(serve, host):
    """It listens on loopback, and logs where, as one would write it in a URL."""
    (address,) = await serve(host=host)
    status, _ = await ask(f"http://{address}/")
    assert status == 200


async def test_the_same_over_both(serve, path, watcher, clock):
    """The Unix socket gives the same answers as the port, to every local user."""
    put(watcher, "leader", clock.at)
    address, unix = await serve(unix_socket=path)
    assert unix == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    for what in ("leader", "leader?min_valid=100", "nothing", "readyz"):
        assert await ask(f"http://{address}/{what}") == await ask(f"http://localhost/{what}", path)


async def test_unix_socket_is_removed(serve, path):
    """In the end the socket is gone."""
    await serve(unix_socket=path)
    await serve.stop()
    assert not path.exists()


async def test_taken_port(serve):
    """A taken port is refused with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = await refusal(serve(port=port))
    assert error.message == f"cannot listen on 127.0.0.1:{port}: Address already in use"
    assert "is leaderd running already" in error.hint


@pytest.mark.parametrize(
    ("host", "reasons"),
    [
        ("192.0.2.1", ("Cannot assign", "could not bind")),  # newer Pythons try every address, and keep no number
        ("a..b", ("no host has such a name",)),
        ("x" * 64, ("no host has such a name",)),
    ],
)
async def test_impossible_host(serve, host, reasons):
    """An address that is not of this machine, or is none, is refused too, and a port is not blamed for it."""
    error = await refusal(serve(host=host, allow_remote=1))
    assert error.message.startswith(tuple(f"cannot listen on {host}:0: {reason}" for reason in reasons))
    assert error.hint == "choose another --host"


async def test_unknown_host(serve, monkeypatch):
    """A name that nobody knows is refused in the resolver's words, whose numbers are not the system's."""

    async def unknown(*_args, **_how):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    error = await refusal(serve(host="shop.invalid", allow_remote=1))
    assert error.message == "cannot listen on shop.invalid:0: Name or service not known"
    assert error.hint == "choose another --host"


async def test_stale_socket(serve, path):
    """A socket that a killed daemon left behind is replaced."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    await serve(unix_socket=path)
    assert (await ask("http://localhost/", path))[0] == 200


async def test_live_socket(serve, path):
    """A socket on which somebody listens is left alone."""
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        error = await refusal(serve(unix_socket=path))
    assert "Address already in use" in error.message
    assert "--unix-socket" in error.hint
    assert path.exists()


async def test_live_socket_with_a_full_queue(serve, path):
    """A socket whose owner is busy is a live one."""
    with socket.socket(socket.AF_UNIX) as living, ExitStack() as open_:
        living.bind(str(path))
        living.listen(0)
        for _ in range(2):
            waiting = open_.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            try:
                waiting.connect(str(path))
            except BlockingIOError:
                break
        assert "Address already in use" in (await refusal(serve(unix_socket=path))).message


@pytest.mark.parametrize("make", ["write_text", "mkdir", "symlink_to"])
async def test_ordinary_file(serve, path, make):
    """A file in the place of the socket is nobody's to remove."""
    if make == "symlink_to":
        (path.parent / "precious").write_text("x")
    getattr(path, make)(*{"write_text": ["x"], "symlink_to": ["precious"]}.get(make, []))
    error = await refusal(serve(unix_socket=path))
    assert "something that is no socket is there" in error.message
    assert path in path.parent.iterdir()


@pytest.mark.parametrize(
    ("place", "words"), [("missing/http", "No such file or directory"), ("x" * 200, "AF_UNIX path too long")]
)
async def test_impossible_place(serve, tmp_path, place, words):
    """A place where no socket can be is refused in the system's words."""
    error = await refusal(serve(unix_socket=tmp_path / place))
    assert words in error.message
    assert "--unix-socket" in error.hint


async def test_end_waits_for_nobody(serve):
    """Connections without a question do not hold up the end."""
    (address,) = await serve()
    reader, writer = await asyncio.open_connection(*address.split(":"))
    await ask(f"http://{address}/")
    await serve.stop()
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
