"""The sampler: asks every daemon again and again, and tells who waits for an answer."""

import asyncio
import time
from contextlib import suppress

from tests.chaos.record import Record, Sample

PATIENCE = 60
"""Seconds after which a wait is given up; nothing is measured by it."""
BREATH = 0.004
"""Seconds between an answer and the next question to the same process. It leaves the machine to the daemons, and costs
no sharpness: two yeses that are closer than the guard are closer than dozens of questions."""
QUESTION = b"GET /leader HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/plain\r\n\r\n"
END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"


class Sampler:
    """Asks each process over one connection that is kept, in a loop of its own, until that connection ends.

    It never connects a second time: somebody else could listen on that port by then.

    Args:
        breath: seconds between an answer and the next question to the same process.
    """

    def __init__(self, breath=BREATH):
        self._breath = breath
        self.record = Record(time.monotonic())
        self._asking = {}
        self._waiting = {}

    def watch(self, instance, port):
        """Ask a process from now on."""
        self._asking[instance] = asyncio.create_task(self._ask(instance, port), name=f"ask {instance}")

    def watches(self, instance):
        """Whether an instance is being asked."""
        return instance in self._asking and not self._asking[instance].done()

    async def until(self, condition, what):
        """Wait until a condition holds; it is looked at after each answer."""
        if condition():
            return
        holds = asyncio.get_running_loop().create_future()
        self._waiting[holds] = condition
        try:
            async with asyncio.timeout(PATIENCE):
                await holds
        except TimeoutError:
            raise AssertionError(
                f"waited for {PATIENCE} s until {what}; the newest answers: {self._newest()}"
            ) from None
        finally:
            del self._waiting[holds]

    async def says(self, instance, *statuses):
        """Wait until an instance answers one of these to a question that was asked after this moment."""
        now = time.monotonic()

        def said():
            newest = self.record.latest.get(instance)
            return newest is not None and newest.sent >= now and newest.status in statuses

        await self.until(said, f"{instance} says {statuses}")

    async def close(self):
        """Ask nobody any more."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def _newest(self):
        return {instance: sample.status for instance, sample in self.record.latest.items()}

    async def _ask(self, instance, port):
        process, writer, sent = object(), None, time.monotonic()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                sent = time.monotonic()
                writer.write(QUESTION)
                status = await _answer(reader)
                self._note(process, Sample(instance, status, sent, time.monotonic()))
                await asyncio.sleep(self._breath)
        except (OSError, asyncio.IncompleteReadError):
            self._note(process, Sample(instance, None, sent, time.monotonic()))
        finally:
            if writer is not None:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    def _note(self, process, sample):
        self.record.add(process, sample)
        for holds, condition in list(self._waiting.items()):
            if not holds.done() and condition():
                holds.set_result(None)


async def _answer(reader):
    """Read one answer (RFC 9112); its status."""
    head = await reader.readuntil(END)
    start = head.lower().index(LENGTH) + len(LENGTH)
    await reader.readexactly(int(head[start : head.index(b"\r", start)]))
    return int(head[9:12])
