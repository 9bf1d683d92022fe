"""The live view: who leads, redrawn a few times a second, and keys to make trouble."""

import asyncio
from collections import deque
from contextlib import suppress
from time import monotonic

from leaderd.demo.sidecar import SILENT, Answers, leader_of, short
from leaderd.demo.stage import Stage
from leaderd.demo.terminal import QUIT, Terminal
from leaderd.demo.view import NEWS, Picture, Row, render
from leaderd.errors import CannotStartError

PACE = 0.25
"""Seconds between two pictures; a key is answered at once."""
MOST = 20
"""Instances that may live at once: more than a laptop runs with ease."""


class Live:
    """Shows a stage on a terminal, and does what the keys say.

    Attributes:
        news: what happened, each with the seconds since the start; the newest last.
    """

    def __init__(self, stage: Stage, terminal: Terminal, news: "News") -> None:
        self._stage = stage
        self._terminal = terminal
        self._news = news
        self._answers: Answers = {}
        self._actions = {
            "t": self._terminate,
            "k": self._kill,
            "a": self._add,
            "h": self._throttle,
            "s": self._stop,
            "b": self._restore,
        }

    async def run(self) -> None:
        """Show until somebody quits."""
        while True:
            self._answers = await self._stage.fleet.ask()
            self._terminal.draw(render(self._picture(), *self._terminal.size()))
            key = await self._key()
            if key == QUIT:
                return
            if key in self._actions:
                await self._actions[key]()

    async def _key(self) -> str:
        """The next key; none when it is time for the next picture."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PACE):
                return await self._terminal.keys.get()
        return ""

    def _picture(self) -> Picture:
        stage = self._stage
        told = stage.aws.cloud.told()
        rows = []
        for one, sidecar in list(stage.fleet.sidecars.items()):
            answer = self._answers.get(one, SILENT)
            place = told.index(one) + 1 if one in told else None
            rows.append(Row(one, sidecar.port, sidecar.pid, place, answer.role, answer.staleness, answer.reason))
        return Picture(
            title=f"{stage.aws.cloud.environment}, {len(rows)} instances, {self._news.elapsed():.0f} s",
            rows=tuple(rows),
            api=stage.api,
            recent=tuple(stage.cron.tally.recent),
            curl=stage.curl(),
            news=self._news.lines(),
        )

    def _begin(self, phase: str, text: str) -> None:
        """Count the ticks from here on under `phase`, and say what is done."""
        self._stage.cron.phase = phase
        self._news.tell(text)

    async def _terminate(self) -> None:
        leader = leader_of(self._answers)
        if leader is None or leader not in self._stage.fleet.sidecars:
            self._news.tell("nobody leads at the moment, so nobody is terminated")
            return
        self._begin("leader terminated", f"terminating {short(leader)}: it is told, EB forgets it, its plug is pulled")
        self._stage.fleet.terminate(leader)

    async def _kill(self) -> None:
        leader = leader_of(self._answers)
        sidecar = self._stage.fleet.sidecars.get(leader or "")
        if leader is None or sidecar is None:
            self._news.tell("nobody leads at the moment, so no daemon is killed")
            return
        self._begin("daemon killed", f"kill -9 {sidecar.pid}, the daemon on {short(leader)}")
        sidecar.kill()

    async def _add(self) -> None:
        if len(self._stage.fleet.sidecars) >= MOST:
            self._news.tell(f"{MOST} instances are enough")
            return
        try:
            added = await self._stage.fleet.add()
        except CannotStartError as error:
            self._news.tell(str(error))
            return
        self._begin("instance added", f"launched {short(added.instance_id)} on port {added.port}")

    async def _throttle(self) -> None:
        await self._stage.throttle_api()
        self._begin("API throttles", 'EB answers everybody "Rate exceeded"')

    async def _stop(self) -> None:
        await self._stage.stop_api()
        self._begin("API is out", "EB is out of reach")

    async def _restore(self) -> None:
        await self._stage.restore_api()
        self._begin("API is back", "EB answers again")


class News:
    """The last things that happened, each with the seconds since the start."""

    def __init__(self) -> None:
        self._started = monotonic()
        self._lines: deque[str] = deque(maxlen=NEWS)

    def elapsed(self) -> float:
        """Seconds since the start."""
        return monotonic() - self._started

    def tell(self, text: str) -> None:
        """Take in a line."""
        self._lines.append(f"{self.elapsed():5.0f} s   {text}")

    def lines(self) -> tuple[str, ...]:
        """The lines, the newest last."""
        return tuple(self._lines)
