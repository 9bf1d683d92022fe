"""A small fleet: real daemons on loopback, each on an instance of the pretend AWS, kept running as systemd would."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, Self

import aiohttp

from leaderd.core.timing import Timing
from leaderd.demo.lifeline import Lifeline
from leaderd.demo.ports import Ports
from leaderd.demo.pretend import PretendAws
from leaderd.demo.sidecar import ANSWER_TIMEOUT, SILENT, TIMING, Answer, Sidecar, short
from leaderd.errors import CannotStartError

SEED = 5323
"""Makes the instance ids the same in every demo: one can read about them before."""
RESTART_PAUSE = 0.2
"""Seconds after which a daemon that died is started again; systemd's default is 0.1."""
NOTICE = 1.0
"""Seconds from "you are being terminated" until EB forgets the instance, and from there until its plug is pulled."""
FIRST_ANSWER = 30.0
"""Seconds that a new fleet has to answer. It needs less than one; many daemons on a small machine need more."""
GLANCE = 0.1
"""Seconds between two looks at something that is waited for."""


class Fleet:
    """Starts, asks, kills and terminates daemons. It ends all that it started, and nothing else.

    Use it as a context manager.

    Args:
        aws: where the instances are.
        directory: for state files and logs.
        ports: where the daemons listen; those that are reserved are for the instances to begin with.
        tell: is told, in a line each, what happened by itself.
        timing: the settings of all daemons.

    Attributes:
        timing: the same.
        sidecars: the daemons of the living instances, by instance id, in the order of their launch.
        forgotten: when EB forgot the instances that were terminated, by the clock of the event loop.
    """

    def __init__(
        self, aws: PretendAws, directory: Path, ports: Ports, tell: Callable[[str], None], timing: Timing = TIMING
    ) -> None:
        self.timing = timing
        self.sidecars: dict[str, Sidecar] = {}
        self.forgotten: dict[str, float] = {}
        self._aws = aws
        self._directory = directory
        self._ports = ports
        self._tell = tell
        self._random = Random(SEED)
        self._open = AsyncExitStack()
        self._lifeline = Lifeline()
        self._session: aiohttp.ClientSession | None = None
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._terminations: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._lifeline)
        self._open.push_async_callback(self._stop)
        self._session = await self._open.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True),  # as curl does
                timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT),
            )
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def start(self) -> None:
        """Launch an instance for each reserved port, and wait until their daemons answer.

        Raises:
            CannotStartError: a daemon does not start.
        """
        for port in self._ports.reserved:
            await self._launch(port)
        try:
            async with asyncio.timeout(FIRST_ANSWER):
                while SILENT in (await self.ask()).values():
                    self._check_for_failed_starts()
                    await asyncio.sleep(GLANCE)
        except TimeoutError as error:
            raise CannotStartError(f"the daemons do not answer within {FIRST_ANSWER:g} s") from error

    async def add(self) -> Sidecar:
        """Launch one more instance, last in the list, on the next free port; its daemon answers in a moment.

        Raises:
            CannotStartError: no port is left.
        """
        return await self._launch(self._ports.another())

    async def ask(self) -> dict[str, Answer]:
        """Ask all living instances' daemons at once."""
        if self._session is None:
            raise RuntimeError("Fleet is a context manager: enter it first")
        asked = list(self.sidecars.values())
        answers = await asyncio.gather(*(sidecar.ask(self._session) for sidecar in asked))
        return {sidecar.instance_id: answer for sidecar, answer in zip(asked, answers, strict=True)}

    async def claim(self) -> tuple[str, ...]:
        """Let all living instances claim the same tick at once. Returns who has got it."""
        if self._session is None:
            raise RuntimeError("Fleet is a context manager: enter it first")
        asked = list(self.sidecars.values())
        claimed = await asyncio.gather(*(sidecar.claim(self._session) for sidecar in asked))
        return tuple(sidecar.instance_id for sidecar, has in zip(asked, claimed, strict=True) if has)

    def terminate(self, instance_id: str) -> None:
        """Begin to terminate an instance, as Auto Scaling does: it is told, EB forgets it, its plug is pulled."""
        sidecar = self.sidecars[instance_id]
        if not sidecar.terminating:
            sidecar.terminating = True
            self._terminations.add(_named(self._terminate(instance_id), f"terminate {instance_id}"))

    async def _terminate(self, instance_id: str) -> None:
        self._aws.cloud.instances[instance_id].lifecycle = "Terminated"
        await asyncio.sleep(NOTICE)
        self._aws.cloud.drop(instance_id)
        self.forgotten[instance_id] = asyncio.get_running_loop().time()
        await asyncio.sleep(NOTICE)
        await _cancelled([self._keepers.pop(instance_id)])
        del self.sidecars[instance_id]
        await self._aws.imds_listeners[instance_id].close()

    async def _launch(self, port: int) -> Sidecar:
        instance = await self._aws.launch(self._random.getrandbits(64))
        sidecar = self.sidecars[instance.id] = Sidecar(instance.id, port, self._directory / instance.id, self.timing)
        self._keepers[instance.id] = _named(self._keep(sidecar), f"keep {instance.id}")
        return sidecar

    async def _keep(self, sidecar: Sidecar) -> None:
        """Run a daemon, and start it again whenever it dies."""
        died = ""
        while True:
            died = await self._run(sidecar, died)
            sidecar.deaths += 1
            await asyncio.sleep(RESTART_PAUSE)

    async def _run(self, sidecar: Sidecar, died: str) -> str:
        """Run a daemon once. Returns how it ended, in words."""
        whose = f"the daemon of {short(sidecar.instance_id)}"
        try:
            pid = await sidecar.start(self._lifeline, self._aws)
            if died:
                self._tell(f"{died}; started again as pid {pid}, as systemd would")
            return f"{whose}, pid {pid}, {await sidecar.ended()}"
        except OSError as error:
            return f"{whose} could not be started: {error.strerror}"
        finally:
            await sidecar.end()

    def _check_for_failed_starts(self) -> None:
        for sidecar in self.sidecars.values():
            if sidecar.deaths:
                raise CannotStartError(f"the daemon on port {sidecar.port} does not start: {sidecar.last_words()}")

    async def _stop(self) -> None:
        await _cancelled([*self._terminations, *self._keepers.values()])


def _named(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=name)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait for their end. One that had failed by itself raises why."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        with suppress(asyncio.CancelledError):
            task.result()
