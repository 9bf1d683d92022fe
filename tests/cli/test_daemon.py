import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from leaderd.cli.daemon import NoAnswerError, ask
from leaderd.config import load


@pytest.fixture
async def settings():
    """Lead to a server that answers with what it was asked."""

    async def echo(request):
        body = await request.text()
        return web.json_response({"method": request.method, "path": request.path_qs, "body": body}, status=418)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", echo)
    async with TestServer(app) as server:
        yield load({"port": str(server.port)}, {})


async def test_question_and_answer(settings):
    """Method, path and body go there; status, object and headers come back."""
    answer = await asyncio.to_thread(
        ask, settings, "PUT", "/x?y=1", known_by=("method path",), timeout=5, body={"a": 1}
    )
    assert (answer.status, answer.body) == (418, {"method": "PUT", "path": "/x?y=1", "body": '{"a": 1}'})
    assert answer.headers["Content-Type"].startswith("application/json")


async def test_forms(settings):
    """An answer has one of the forms by which leaderd's are known, or is none of them."""
    answer = await asyncio.to_thread(ask, settings, "GET", "/", known_by=("role", "method body"), timeout=5)
    assert answer.body["method"] == "GET"
    with pytest.raises(NoAnswerError, match="is not leaderd"):
        await asyncio.to_thread(ask, settings, "GET", "/", known_by=("role", "method token"), timeout=5)
