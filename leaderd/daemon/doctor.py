"""Checks what is leaderd's own: the settings, the running daemon and its state file. It asks, and changes nothing."""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp

from leaderd import __version__
from leaderd.aws.finding import Finding
from leaderd.aws.remedies import Place
from leaderd.config import Settings
from leaderd.core.election import Role
from leaderd.daemon.crontab import backups_found, cron_found
from leaderd.log import scrub

TIMEOUT = 5.0
"""Seconds that the daemon has to answer; it needs a few milliseconds."""
ANSWER_LIMIT = 1 << 22
"""Bytes of its answer that are read: enough for thousands of instances."""
SETTINGS_FILES = "/etc/leaderd.env and /etc/leaderd.eb.env"
"""Where the unit of this project has the daemon's settings."""

Status = Mapping[str, Any]
Tell = Callable[[Finding], None]


async def examine(settings: Settings, place: Place, tell: Tell, *, root: Path = Path("/")) -> None:
    """Make all checks; `tell` gets each finding as it comes.

    Args:
        settings: the settings in force.
        place: what was found of this instance: the daemon must agree.
        tell: gets each finding.
        root: the root of the file system.
    """
    tell(settings_found(settings))
    daemon, status = await daemon_found(settings, place)
    tell(daemon)
    tell(state_found(settings, status))
    tell(cron_found(root))
    tell(backups_found(root))


def settings_found(settings: Settings) -> Finding:
    """Whether the numbers are safe, and what they mean."""
    timing = settings.timing
    if broken := list(timing.broken_bounds(unsafe=False)):
        return Finding("settings", False, "; ".join(broken), "leave out --hold-down and --unsafe")
    return Finding(
        "settings",
        True,
        f"safe: a new leader within {timing.failover_bound:.0f} s after a dead one is dropped; "
        f"hold-down {timing.hold_down:g} s, a new instance leads after {timing.probation:g} s",
    )


async def daemon_found(settings: Settings, place: Place) -> tuple[Finding, Status | None]:
    """Whether the daemon runs, and says the same of this instance; with its own words."""
    where = str(settings.unix_socket or f"{settings.host}:{settings.port}")
    if settings.unix_socket is None and settings.port == 0:
        return Finding("daemon", None, "not checked: --port 0 does not tell where it listens"), None
    try:
        status = await _ask(settings)
    except (aiohttp.ClientConnectionError, TimeoutError) as error:
        reason = _reason(error)
        hint = "start it: systemctl enable --now leaderd (journalctl -u leaderd says why it does not run)"
        return Finding("daemon", False, f"no answer from leaderd at {where}: {reason}", hint), None
    except (aiohttp.ClientError, ValueError, LookupError, TypeError, RecursionError):
        hint = "choose another --port for leaderd, or stop what uses this one"
        return Finding("daemon", False, f"what answers at {where} is not leaderd", hint), None
    return daemon_said(status, settings, place), status


async def _ask(settings: Settings) -> Status:
    path = settings.unix_socket
    connector = aiohttp.UnixConnector(str(path)) if path else aiohttp.TCPConnector()
    url = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}/status"
    async with (
        aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT), trust_env=False
        ) as session,
        session.get("http://localhost/status" if path else url, allow_redirects=False) as answer,
    ):
        status = json.loads(await answer.content.read(ANSWER_LIMIT))
    words = ("role", "reason", "instance_id", "environment", "staleness")
    verdict = {name: None if (word := status["verdict"][name]) is None else str(word) for name in words}
    return {"version": str(status["version"]), "settings": dict(status["settings"]), "verdict": verdict}


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"none in {TIMEOUT:g} s"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return scrub(str(error))


def daemon_said(status: Status, settings: Settings, place: Place) -> Finding:
    """Whether what the daemon says of itself is what was found here."""
    verdict = status["verdict"]
    if status["version"] != __version__:
        found = f"version {status['version']} runs, and this is version {__version__}"
        return Finding("daemon", False, scrub(found), "systemctl restart leaderd")
    if other := _other_place(verdict, place):
        return Finding("daemon", False, scrub(other), "systemctl restart leaderd, with the same --environment as here")
    if others := _other_settings(status["settings"], settings):
        hint = f"give this command the same settings: they are in {SETTINGS_FILES}"
        return Finding("daemon", False, scrub(f"it runs with {others}"), hint)
    said = scrub(f"{verdict['role']}: {verdict['reason']}")
    if verdict["role"] == Role.UNKNOWN:
        hint = "mend what fails above; journalctl -u leaderd says more"
        return Finding("daemon", False, said, hint)
    return Finding("daemon", True, said)


def _other_place(verdict: Mapping[str, Any], place: Place) -> str | None:
    """Names and ids of environments are not compared: it may have found the one, and this the other."""
    if place.instance_id and verdict["instance_id"] not in {None, place.instance_id}:
        return f"it takes itself for {verdict['instance_id']}"
    theirs, ours = verdict["environment"], place.environment
    if theirs and ours and theirs != ours and theirs.startswith("e-") == ours.startswith("e-"):
        return f"it watches {theirs}, and {ours} was found here"
    return None


def _other_settings(theirs: Mapping[str, Any], settings: Settings) -> str:
    ours: dict[str, Any] = {"order": str(settings.order), **asdict(settings.timing)}
    del ours["probation"]  # no option: it follows from the others
    different = [name for name, value in ours.items() if name in theirs and theirs[name] != value]
    return ", ".join(f"--{name.replace('_', '-')} {theirs[name]} (here {ours[name]})" for name in different)


def state_found(settings: Settings, status: Status | None) -> Finding:
    """Whether the view is kept over a restart: by the running daemon, else by one that would be started like this."""
    named = settings.state_file if status is None else status["settings"].get("state_file")
    if named is None:
        found = f"no state file: after a restart of the daemon it takes {settings.timing.probation:g} s to lead again"
        return Finding("state", True, f"{found} (RuntimeDirectory= in the unit, or --state-file)")
    path = Path(str(named))
    if status is None:
        return _could_write(path)
    try:
        age = time.time() - path.stat().st_mtime
    except FileNotFoundError:
        if status["verdict"]["staleness"] is None:
            return Finding("state", None, f"{path} is not there yet: the daemon had no answer so far")
        return Finding(
            "state", False, f"the daemon could not write {path}", "make its directory writable for the daemon"
        )
    except OSError as error:
        return Finding("state", None, f"{path}: {error.strerror} (try it as root)")
    return Finding("state", True, f"{path}, written {max(0.0, age):.0f} s ago")


def _could_write(path: Path) -> Finding:
    if os.access(path.parent, os.W_OK | os.X_OK) and not path.is_dir():
        return Finding("state", True, f"{path} can be written")
    return Finding("state", False, f"{path} cannot be written", "make its directory writable, or set --state-file")
