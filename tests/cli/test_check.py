import asyncio
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner

from leaderd.cli.main import main
from tests.daemons import leaderd


@pytest.fixture
async def answering():
    """Answers /leader as it is told; gives the port."""
    async with AsyncExitStack() as open_:

        async def answering(status=200, body=None, text=None):
            async def leader(_):
                return (
                    web.json_response(body, status=status) if text is None else web.Response(status=status, text=text)
                )

            app = web.Application()
            app.router.add_get("/leader", leader)
            server = await open_.enter_async_context(TestServer(app))
            return server.port

        yield answering


async def check(*words):
    """Run `leaderd check` in this process; exit code and what it said."""
    result = await asyncio.to_thread(CliRunner().invoke, main, ["check", *(str(word) for word in words)])
    assert result.stderr == ""
    return result.exit_code, result.stdout


@pytest.mark.parametrize(
    ("status", "role", "code"),
    [(200, "leader", 0), (409, "follower", 1), (503, "candidate", 2), (503, "unknown", 2)],
)
async def test_roles(answering, status, role, code):
    """0 is a yes, 1 a no, 2 says that it cannot be told; the line says why."""
    port = await answering(status, {"role": role, "leader": role == "leader", "reason": "so it is"})
    assert await check("--port", port) == (code, f"{role}: so it is\n")


async def test_odd_words_are_printed_all_the_same(answering):
    """A reason that no terminal can show does not change the answer."""
    port = await answering(200, text='{"role": "leader", "leader": true, "reason": "\\ud800"}')
    assert await check("--port", port) == (0, "leader: \\ud800\n")


async def test_a_yes_must_be_one(answering):
    """200 alone is no yes: the body must say so as well."""
    port = await answering(200, {"role": "follower", "leader": False, "reason": "x"})
    assert (await check("--port", port))[0] == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>"},
        {"text": "[" * 200_000},
        {"text": ""},
        {"body": []},
        {"body": "leader"},
        {"body": {"ok": True}},
        {"body": None},
    ],
    ids=lambda answer: repr(answer)[:20],
)
@pytest.mark.parametrize("status", [200, 409])
async def test_somebody_else(answering, answer, status):
    """What is not leaderd is never believed, whatever it answers."""
    code, line = await check("--port", await answering(status, **answer))
    assert code == 2
    assert "is not leaderd" in line
    assert line.count("\n") == 1


async def test_nobody(tmp_path):
    """Where nobody answers, the line says where it asked and what to look at."""
    code, line = await check("--port", 1)
    assert code == 2
    assert line.startswith("unknown: no answer from leaderd at 127.0.0.1:1: Connection refused")
    assert "systemctl status leaderd" in line
    code, line = await check("--unix-socket", tmp_path / "http")
    assert code == 2
    assert str(tmp_path / "http") in line


async def test_no_http():
    """Somebody who speaks no HTTP, or hangs up, is no leader."""
    for said in (b"220 smtp ready\r\n", b""):

        async def talk(_, writer, said=said):
            writer.write(said)
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            code, line = await check("--port", server.sockets[0].getsockname()[1])
            assert (code, line.count("\n")) == (2, 1)
            assert line.startswith("unknown: ")


async def test_bad_option():
    """A wrong option is exit 2 as well: it is no no."""
    result = await asyncio.to_thread(CliRunner().invoke, main, ["check", "--port", "x"])
    assert (result.exit_code, result.stdout) == (2, "")


async def test_real_daemon(daemon, tmp_path):
    """A real daemon is asked over its port and its Unix socket, by option and by variable."""
    running = await daemon(unix_socket=tmp_path / "http")
    await running.event("role.changed", new="leader")
    for options, environ in (
        ({"port": running.port}, {}),
        ({"unix-socket": tmp_path / "http"}, {}),
        ({}, {"LEADERD_UNIX_SOCKET": str(tmp_path / "http")}),
    ):
        code, out, err = await leaderd("check", options, environ)
        assert (code, err) == (0, "")
        assert out.startswith("leader: first of 3, for ")
