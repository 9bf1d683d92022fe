"""Processes that never outlive the demo, however it ends."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

GUARD = "read _; kill -KILL 0"
"""Wait for the end of standard input, then kill everybody in this process group."""


class Lifeline:
    """Starts processes in a group of their own, which dies as a whole when the context ends or the demo dies.

    A shell leads the group, and reads from a pipe whose other end only the demo holds. That end closes whatever
    becomes of the demo, `kill -9` included: then the shell kills its group. No process is ever looked up by its id,
    which could be somebody else's by then; and Ctrl-C on the terminal reaches the demo alone, not the group.
    """

    def __init__(self) -> None:
        self._shell: Process | None = None

    async def __aenter__(self) -> Self:
        self._shell = await asyncio.create_subprocess_exec("sh", "-c", GUARD, stdin=PIPE, process_group=0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shell is not None and self._shell.stdin is not None:
            self._shell.stdin.close()
            await self._shell.wait()

    async def start(self, argv: Sequence[str], environ: Mapping[str, str], log: Path) -> Process:
        """Start a process in the group, with nothing to read and its standard error appended to `log`.

        Raises:
            OSError: the system refuses, or the group is gone.
        """
        if self._shell is None:
            raise RuntimeError("Lifeline is a context manager: enter it first")
        with log.open("ab") as stderr:
            return await asyncio.create_subprocess_exec(
                *argv, env=environ, stdin=DEVNULL, stdout=DEVNULL, stderr=stderr, process_group=self._shell.pid
            )
