"""The process: its memory, how soon it is ready, and what it does while nobody asks."""

import json
import time
from collections.abc import Mapping
from statistics import median

from benchmarks.lab import Daemon, Lab, until
from benchmarks.row import Row
from benchmarks.server import wrk

SECTION = "the process"
MOST_WITHOUT, MOST_WITH = 60.0, 66.0
"""MB without claims, and with them."""
MOST_READY = 0.6
"""Seconds from exec to READY."""
MOST_IDLE = 0.2
"""Percent of a core."""
MOST_SLOPE = 0.5
"""MB that a long life may add: what a page here and there makes."""
OFF: Mapping[str, str | None] = {"claims": "off"}
S3: Mapping[str, str | None] = {}
SETTLED = 2.0
"""Seconds from the first poll on, after which nothing is being loaded any more."""
BLOCK = 10.0
"""Seconds of load between two looks at the memory."""
TEN_MINUTES = 600.0
MILLION = 1_000_000


def measure(lab: Lab, times: int = 3, requests: int = 50_000, idle: float = 40.0) -> list[Row]:
    """Start it so many times, let one be, and load one.

    Args:
        lab: where.
        times: how often it is started for each median.
        requests: asked of one.
        idle: seconds for which one is left alone; from ten minutes on its memory is said as well.
    """
    starts = {name: [_start(lab, options) for _ in range(times)] for name, options in (("off", OFF), ("s3", S3))}
    ready, without = (median(start[index] for start in starts["off"]) for index in (0, 1))
    return [
        Row(SECTION, "exec to READY, --claims off", ready, "s", most=MOST_READY),
        Row(SECTION, "exec to READY", median(start[0] for start in starts["s3"]), "s", most=MOST_READY),
        Row(SECTION, "memory after start, --claims off", without, "MB", most=MOST_WITHOUT),
        Row(SECTION, "memory after start", median(start[1] for start in starts["s3"]), "MB", most=MOST_WITH),
        *_idle(lab, idle),
        *_loaded(lab, requests),
    ]


def settle(daemon: Daemon) -> None:
    """Wait until it has polled, and its store has passed the trial."""
    until(lambda: _settled(json.loads(daemon.ask("GET", "/status").text)))
    time.sleep(SETTLED)


def _settled(status: Mapping[str, object]) -> bool:
    claims = status["claims"]
    return bool(status["roster"]) and (claims is None or (isinstance(claims, dict) and bool(claims["store"])))


def _start(lab: Lab, options: Mapping[str, str | None]) -> tuple[float, float]:
    with lab.daemon(0, options) as daemon:
        settle(daemon)
        return daemon.ready_after, daemon.resident() / 1e6


def _idle(lab: Lab, seconds: float) -> list[Row]:
    with lab.daemon(0, S3) as daemon:
        settle(daemon)
        cpu, memory, begin = daemon.cpu(), daemon.resident(), time.monotonic()
        time.sleep(seconds)
        share = 100 * (daemon.cpu() - cpu) / (time.monotonic() - begin)
        grown = (daemon.resident() - memory) / 1e6
    rows = [Row(SECTION, "CPU while idle, of a core", share, "%", most=MOST_IDLE)]
    if seconds >= TEN_MINUTES:
        rows.append(Row(SECTION, "memory added by ten minutes", grown, "MB", most=MOST_SLOPE))
    return rows


def _loaded(lab: Lab, requests: int) -> list[Row]:
    """Load it; memory is compared with that after the first tenth, when buffers and caches have their size."""
    with lab.daemon(0, S3) as daemon:
        settle(daemon)
        asked, first = 0.0, None
        while asked < requests:
            rate = wrk(daemon, "/leader", connections=8, seconds=min(BLOCK, requests / 20_000)).rate
            asked += rate * max(1.0, min(BLOCK, requests / 20_000))
            if first is None and asked >= requests / 10:
                first = daemon.resident()
        last = daemon.resident()
    name = f"memory after {asked:,.0f} requests"
    return [
        Row(SECTION, name, last / 1e6, "MB"),
        Row(SECTION, f"{name}, more than after the first tenth", (last - (first or last)) / 1e6, "MB", most=MOST_SLOPE),
    ]
