"""Where this instance is: its environment and its region, each from the first source that knows.

Files and commands are those of Elastic Beanstalk's Linux platforms:
https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/custom-platforms-scripts.html
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from leaderd.aws.imds import Imds
from leaderd.errors import SourceError

EB = Path("opt/elasticbeanstalk")
COMMAND_TIMEOUT = 5.0
"""Seconds that get-config may take."""

Ask = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Found:
    """A value, and the source it is from."""

    value: str
    source: str


class Discovery:
    """Looks for what the settings leave open.

    Args:
        imds: the metadata client.
        root: the root of the file system.
        command_timeout: seconds that get-config may take.
    """

    def __init__(self, imds: Imds, root: Path = Path("/"), *, command_timeout: float = COMMAND_TIMEOUT) -> None:
        self._imds = imds
        self._command_timeout = command_timeout
        self._eb = root / EB

    async def environment(self, setting: str | None) -> Found:
        """The environment, by name or id.

        Raises:
            SourceError: no source knows it; the message lists what was tried.
        """
        tag = self._imds.tag
        return await _first(
            "the Elastic Beanstalk environment",
            "--environment",
            [
                ("settings", _constant(setting)),
                (str(self._eb / "config/ebenvinfo/envid"), self._file("envid")),
                ("get-config container -k environment_name", self._get_config),
                (
                    "instance tag elasticbeanstalk:environment-name",
                    lambda: tag("elasticbeanstalk:environment-name"),
                ),
                (
                    "instance tag elasticbeanstalk:environment-id",
                    lambda: tag("elasticbeanstalk:environment-id"),
                ),
                (f"LEADERD_ENVIRONMENT in {self._eb / 'deployment/env'}", self._deployment_env),
            ],
        )

    async def region(self, setting: str | None) -> Found:
        """The region.

        Raises:
            SourceError: no source knows it; the message lists what was tried.
        """
        return await _first(
            "the AWS region",
            "--region",
            [
                ("settings", _constant(setting)),
                (str(self._eb / "config/ebenvinfo/region"), self._file("region")),
                ("IMDS placement/region", self._imds.region),
            ],
        )

    def _file(self, name: str) -> Ask:
        async def read() -> str | None:
            return (self._eb / "config/ebenvinfo" / name).read_text().strip()

        return read

    async def _get_config(self) -> str | None:
        process = await asyncio.create_subprocess_exec(
            str(self._eb / "bin/get-config"),
            *("container", "-k", "environment_name"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # so that its children, which hold the pipe open, end with it
        )
        try:
            async with asyncio.timeout(self._command_timeout):
                said, _ = await process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        return said.decode().strip() if process.returncode == 0 else None

    async def _deployment_env(self) -> str | None:
        """The environment properties of the deployment, raw KEY=VALUE lines, which only root can read."""
        for line in (self._eb / "deployment/env").read_text().splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "LEADERD_ENVIRONMENT":
                return value.strip()
        return None


def _constant(value: str | None) -> Ask:
    async def get() -> str | None:
        return value

    return get


async def _first(what: str, option: str, sources: Sequence[tuple[str, Ask]]) -> Found:
    """Try the sources in order; one that fails is as good as one that does not know, but is named in the error."""
    tried = []
    for source, ask in sources:
        try:
            value = await ask()
        except (SourceError, OSError, TimeoutError, UnicodeDecodeError) as error:
            tried.append(f"{source}: {_short(error)}")
            continue
        if value:
            return Found(value, source)
        tried.append(f"{source}: not set")
    raise SourceError("undiscovered", f"cannot find {what}; tried {'; '.join(tried)}", hint=f"set {option}")


def _short(error: Exception) -> str:
    if isinstance(error, SourceError):
        return error.message
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
