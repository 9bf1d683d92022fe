"""The stage of the demo: pretend AWS, fleet and cron, and what may be done to them."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderd.core.timing import Timing
from leaderd.demo.cloud import Cloud
from leaderd.demo.faults import Fault
from leaderd.demo.fleet import Fleet
from leaderd.demo.ports import Ports
from leaderd.demo.pretend import PretendAws
from leaderd.demo.sidecar import TIMING
from leaderd.demo.ticks import EVERY, Cron

LAG = 0.1
"""Seconds that the pretend EB is behind the truth; the daemons are told to reckon with twice that."""
WORKS, THROTTLES, STOPPED = "answers", "throttles", "is out of reach"
"""What the EB API does."""
FIRST_PHASE = "start"


@dataclass(slots=True)
class Stage:
    """What the demo plays on.

    Attributes:
        aws: the pretend AWS.
        fleet: the daemons.
        cron: the job that asks them.
        directory: the daemons' logs and state files.
        api: what the EB API does at the moment.
    """

    aws: PretendAws
    fleet: Fleet
    cron: Cron
    directory: Path
    api: str = WORKS

    async def throttle_api(self) -> None:
        """Let EB answer everybody "Rate exceeded"."""
        await self.restore_api()
        self.aws.cloud.faults.everyone = Fault.THROTTLE
        self.api = THROTTLES

    async def stop_api(self) -> None:
        """Let nobody reach EB: connections are refused."""
        await self.aws.beanstalk_listener.close()
        self.api = STOPPED

    async def restore_api(self) -> None:
        """Let EB answer again."""
        self.aws.cloud.faults.clear()
        await self.aws.beanstalk_listener.open()
        self.api = WORKS

    def curl(self) -> str:
        """A command to try, on the port of the first instance."""
        port = next((sidecar.port for sidecar in self.fleet.sidecars.values()), 0)
        return f"curl -i 127.0.0.1:{port}/leader"


@asynccontextmanager
async def set_up(
    instances: int,
    first_port: int,
    tell: Callable[[str], None],
    *,
    timing: Timing = TIMING,
    every: float = EVERY,
) -> AsyncIterator[Stage]:
    """Prepare a stage without any instance yet; everything on it ends with the context.

    Args:
        instances: how many instances the fleet begins with.
        first_port: where the first daemon listens; the others follow. 0: any free ports.
        tell: is told, in a line each, what happened by itself.
        timing: the daemons' settings.
        every: seconds between two ticks.

    Raises:
        CannotStartError: a port is taken.
    """
    ports = Ports(first_port, instances)
    with tempfile.TemporaryDirectory(prefix="leaderd-demo-", ignore_cleanup_errors=True) as name:
        cloud = Cloud()
        cloud.lag = LAG
        async with PretendAws(cloud) as aws, Fleet(aws, Path(name), ports, tell, timing) as fleet:
            cron = Cron(fleet, FIRST_PHASE, every)
            ticking = asyncio.create_task(cron.run(), name="cron")
            try:
                yield Stage(aws, fleet, cron, Path(name))
            finally:
                ticking.cancel()
                with suppress(asyncio.CancelledError):
                    await ticking


async def perform(show: Coroutine[Any, Any, int]) -> int:
    """Perform a show. SIGINT, SIGTERM and SIGHUP end it early, but in order.

    Returns:
        The show's exit code; 128 and the number of the signal where one ended it.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    caught: list[int] = []

    def end(number: int) -> None:
        if not caught and task is not None:
            task.cancel()
        caught.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end, number)
    try:
        return await show
    except asyncio.CancelledError:
        if not caught:
            raise
        return 128 + caught[0]
