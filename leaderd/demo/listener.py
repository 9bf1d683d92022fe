"""Listening on loopback, and the ways not to answer: the only part of the pretend AWS that owns sockets."""

import asyncio
from collections.abc import Callable

from aiohttp import web

HOST = "127.0.0.1"
GRACE = 0.05  # seconds that a request in progress gets when its server closes: some hang on purpose


class Listener:
    """Serves an application on a free port of loopback; `close` and `open` keep that port."""

    def __init__(self, app: Callable[[], web.Application]) -> None:
        self._app = app
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients find it, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    async def open(self) -> None:
        """Begin to listen; nothing happens when it does already."""
        if self._runner:
            return
        self._runner = web.AppRunner(self._app(), access_log=None, handler_cancellation=True, shutdown_timeout=GRACE)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and cut off what is in progress: from now on connections are refused."""
        if self._runner:
            runner, self._runner = self._runner, None
            await runner.cleanup()


async def hang() -> web.Response:
    """Never answer: ends only when the client hangs up or the server closes."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets this event")


def drop(request: web.Request) -> web.Response:
    """Close the connection without an answer; the response is for the framework, it reaches nobody."""
    if request.transport:
        request.transport.abort()
    return web.Response()
