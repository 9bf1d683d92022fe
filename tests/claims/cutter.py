"""A wire between a client and an HTTP server that loses requests and answers."""

import asyncio
import random
from contextlib import suppress

EXPECT = b"Expect: 100-continue\r\n"


class Cutter:
    """Passes each connection on, until it cuts it: before a request arrives, or after it was answered.

    Use it as a context manager.

    Args:
        host: where the server listens.
        port: the same.
        lose_answers: the share of requests that reach the server, and whose answers are lost.
        lose_requests: the share of requests that do not reach the server.
        seed: makes it repeatable.

    Attributes:
        lost_answers: how many there were.
        lost_requests: the same.
    """

    def __init__(self, host, port, *, lose_answers=0.0, lose_requests=0.0, seed=0):
        self.lose_answers = lose_answers
        self.lose_requests = lose_requests
        self.lost_answers = 0
        self.lost_requests = 0
        self.port = 0
        self._to = host, port
        self._random = random.Random(seed)
        self._server = None
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        onward = None
        try:
            from_server, onward = await asyncio.open_connection(*self._to)
            while await self._exchange(reader, writer, from_server, onward):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # a client went away, or the test is over
        finally:
            for each in filter(None, (writer, onward)):
                each.transport.abort()
            self._tasks.discard(asyncio.current_task())

    async def _exchange(self, reader, writer, from_server, onward):
        """Pass on one request and its answer; false when the connection is cut."""
        request = await _message(reader, writer)
        chance = self._random.random()
        if chance < self.lose_requests:
            self.lost_requests += 1
            return False
        onward.write(request)
        answer = await _message(from_server)
        if chance < self.lose_requests + self.lose_answers:
            self.lost_answers += 1
            return False
        writer.write(answer)
        with suppress(ConnectionError):
            await writer.drain()
        return True


async def _message(reader, asker=None):
    """One HTTP message with a Content-Length, or without a body. An asker that waits to be told to go on is told."""
    head = await reader.readuntil(b"\r\n\r\n")
    if asker is not None and EXPECT in head:
        head = head.replace(EXPECT, b"")
        asker.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b"")
