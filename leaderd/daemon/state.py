"""The state file: the view, kept over a restart of the daemon but never over a reboot.

A view is believed again only if it is this boot's (the clock of another one means nothing), this instance's, this
environment's and these settings', and if its times are possible. All else is ignored with a warning, never trusted.
"""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from leaderd.aws.imds import INSTANCE_ID
from leaderd.core.election import Observation, View
from leaderd.core.identity import Identity
from leaderd.core.roster import Order, Roster
from leaderd.core.timing import Timing
from leaderd.errors import CannotStartError
from leaderd.log import logger, scrub

FORMAT = 1
"""Grows when the meaning of the file changes. Another number is not read."""
LIMIT = 1 << 20
"""Bytes that are read: enough for the view of an environment of tens of thousands of instances."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""A number that the kernel draws at each boot (random(4))."""


class NoStateFile:
    """Stands where no state file is set: a restart waits out the hold-down."""

    @staticmethod
    def recall(_identity: Identity, _now: float) -> View | None:
        """Nothing."""
        return None

    @staticmethod
    def keep(_identity: Identity, _view: View) -> None:
        """Nothing."""


class StateFile:
    """Keeps the view in a file, which is replaced as a whole at each observation.

    Args:
        path: where it is.
        order: who is first, in the settings in force.
        timing: the numbers in force: a streak counts only by those that it was seen with.
        boot_id: reads the id of this boot.

    Raises:
        CannotStartError: the file cannot be written, or is no file.
    """

    def __init__(
        self,
        path: Path,
        order: Order,
        timing: Timing,
        boot_id: Callable[[], str] = lambda: BOOT_ID.read_text().strip(),
    ) -> None:
        self._path = path
        self._settings = {
            "order": str(order),
            "max_staleness": timing.max_staleness,
            "request_timeout": timing.request_timeout,
        }
        self._new = Path(f"{path}.new")
        self._writable = True
        self._log = logger(file=str(path))
        if path.exists() and not path.is_file():
            raise CannotStartError(f"the state file {path} is no file", hint="remove it, or set --state-file")
        probe = Path(f"{path}.{os.getpid()}")  # not the name that a daemon which runs already writes to
        try:
            self._boot_id = boot_id()
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise CannotStartError(
                f"cannot write the state file {path}: {error.strerror}",
                hint="make its directory writable for this user, or set --state-file",
            ) from error

    def recall(self, identity: Identity, now: float) -> View | None:
        """The view in the file, if it may be trusted at the moment `now`."""
        try:
            content = json.loads(self._read())
            self._check_origin(content, identity)
            view = _view(content["view"])
            _check(view, identity.instance_id, now)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            self._log.warning("state.ignored", reason=scrub(f"{type(error).__name__}: {error}"))
            return None
        self._log.info("state.recalled", age=round(now - view.newest.sent, 1))
        return view

    def _read(self) -> str:
        with self._path.open("rb") as file:
            found = file.read(LIMIT + 1)
        if len(found) > LIMIT:
            raise ValueError(f"it has more than {LIMIT} bytes")
        return found.decode()

    def keep(self, identity: Identity, view: View) -> None:
        """Write the view down. A failure is logged once, and again only after a success."""
        try:
            self._new.write_text(json.dumps(self._origin(identity) | {"view": _plain(view)}))
            self._new.replace(self._path)
        except OSError as error:
            if self._writable:
                self._log.warning("state.unwritable", error=error.strerror, effect="a restart waits out the hold-down")
            self._writable = False
            with contextlib.suppress(OSError):
                self._path.unlink()
            return
        self._writable = True

    def _origin(self, identity: Identity) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "boot_id": self._boot_id,
            "instance_id": identity.instance_id,
            "environment": identity.environment,
            **self._settings,
        }

    def _check_origin(self, content: dict[str, Any], identity: Identity) -> None:
        for key, mine in self._origin(identity).items():
            if content[key] != mine:
                raise ValueError(f"its {key} is {content[key]!r}, not {mine!r}")


def _plain(view: View) -> dict[str, Any]:
    newest = view.newest
    return {
        "roster": list(newest.roster.ids),
        "sent": newest.sent,
        "received": newest.received,
        "first_since": view.first_since,
        "listed_since": view.listed_since,
    }


def _view(plain: dict[str, Any]) -> View:
    ids = plain["roster"]
    if not (isinstance(ids, list) and ids and all(_is_id(member) for member in ids)):
        raise ValueError("its roster is no list of instance ids")
    if len(set(ids)) < len(ids):
        raise ValueError("its roster has an id twice")
    newest = Observation(Roster(tuple(ids)), _moment(plain["sent"]), _moment(plain["received"]))
    first, listed = plain["first_since"], plain["listed_since"]
    return View(newest, None if first is None else _moment(first), None if listed is None else _moment(listed))


def _is_id(plain: Any) -> bool:
    return isinstance(plain, str) and INSTANCE_ID.fullmatch(plain) is not None


def _moment(plain: Any) -> float:
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TypeError(f"{plain!r} is no time")
    return float(plain)


def _check(view: View, me: str, now: float) -> None:
    """Refuse what cannot be: times in the future or in no order (NaN is in none), a streak of one that is not first."""
    newest = view.newest
    if not 0 <= newest.sent <= newest.received <= now:
        raise ValueError(f"its times are impossible: sent {newest.sent}, received {newest.received}, now {now}")
    rank = newest.roster.rank(me)
    for since, holds in ((view.first_since, rank == 0), (view.listed_since, rank is not None)):
        if holds != (since is not None) or not 0 <= (since or 0) <= newest.received:
            raise ValueError(f"its streak is impossible: since {since} at rank {rank}, received {newest.received}")
    if view.first_since is not None and view.listed_since is not None and view.first_since < view.listed_since:
        raise ValueError(f"first since {view.first_since}, but listed since {view.listed_since}")
