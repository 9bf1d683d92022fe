"""The server under load: how much it answers and how fast, beside a bare aiohttp handler with the same bytes."""

import http.client
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil
from statistics import median

from benchmarks.lab import HERE, LEADS_SOON, Lab, Server, until
from benchmarks.row import Row

SECTION = "the server"
CONNECTIONS = (1, 8, 64)
LEAST_SHARE = 0.8
"""Of the requests per second of a bare handler."""
MOST_P99 = 2.0
"""Milliseconds at a hundred questions per second."""
PACE = 100
"""Questions per second."""
POLLS_OFTEN = {"poll-interval": "0.5", "api-budget": "1000"}
"""Twenty times as often as by default: so that what a poll does to an answer is seen."""
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
TAKEN = "/claims/bench?key=taken"


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: requests per second, milliseconds of half of them and of all but one in a hundred."""

    rate: float
    p50: float
    p99: float


def wrk(server: Server, path: str, *, connections: int, seconds: float, post: bool = False) -> Load:
    """Ask as fast as answers come, over connections that are kept."""
    words = ["wrk", "--latency", "-t1", f"-c{connections}", f"-d{ceil(seconds)}s"]
    words += ["-s", str(HERE / "post.lua")] if post else []
    done = subprocess.run([*words, server.url + path], check=True, capture_output=True, text=True)  # noqa: S603
    return read(done.stdout)


def read(printed: str) -> Load:
    """Read what wrk prints."""
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1])
    times = {name: float(value) * UNITS[unit] for name, value, unit in re.findall(r"(\d\d)%\s+([\d.]+)(\w+)", printed)}
    return Load(rate, times["50"], times["99"])


def measure(lab: Lab, seconds: float = 1.0, rounds: int = 7, connections: tuple[int, ...] = CONNECTIONS) -> list[Row]:
    """Load `/leader` and a claim that is refused, then ask at a pace."""
    rows = []
    with _fleet(lab, LEADS_SOON) as (first, second):
        until(lambda: first.ask("GET", "/leader").status == 200)
        until(lambda: second.ask("POST", TAKEN).status == 200)  # so that the leader, which does not wait, refuses it
        until(lambda: first.ask("POST", TAKEN).status == 409)
        for name, path in (("/leader", "/leader"), ("a refused claim", TAKEN)):
            with lab.bare(first.ask("POST" if path == TAKEN else "GET", path)) as bare:
                for number in connections:
                    pairs = [
                        [
                            wrk(each, path, connections=number, seconds=seconds, post=path == TAKEN)
                            for each in (bare, first)
                        ]
                        for _ in range(rounds)
                    ]
                    rows += _compared(f"{name}, {number} conn.", pairs, LEAST_SHARE if path == "/leader" else None)
    with _fleet(lab, LEADS_SOON | POLLS_OFTEN) as (first, _):
        until(lambda: first.ask("GET", "/leader").status == 200)
        times = paced(first, ceil(PACE * 10 * seconds))
    return [*rows, *_percentiles(times)]


@contextmanager
def _fleet(lab: Lab, options: dict[str, str]) -> Iterator[tuple[Server, Server]]:
    with ExitStack() as open_:
        yield open_.enter_context(lab.daemon(0, options)), open_.enter_context(lab.daemon(1, options))


def _compared(name: str, pairs: list[list[Load]], share: float | None) -> list[Row]:
    ours = [pair[1] for pair in pairs]
    ratio = median(loaded.rate / bare.rate for bare, loaded in pairs)
    return [
        Row(SECTION, f"{name}: rate", median(load.rate for load in ours), "/s"),
        Row(SECTION, f"{name}: p50", median(load.p50 for load in ours), "ms"),
        Row(SECTION, f"{name}: p99", median(load.p99 for load in ours), "ms"),
        Row(SECTION, f"{name}: share of a bare handler", ratio, "of 1", least=share),
    ]


def paced(server: Server, number: int) -> list[float]:
    """Ask `/leader` at a pace over one connection; the milliseconds that each answer took, in order of size."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    times, begin = [], time.perf_counter()
    for turn in range(number):
        time.sleep(max(0.0, begin + turn / PACE - time.perf_counter()))
        asked = time.perf_counter()
        connection.request("GET", "/leader")
        connection.getresponse().read()
        times.append(1000 * (time.perf_counter() - asked))
    connection.close()
    return sorted(times)


def _percentiles(times: list[float]) -> list[Row]:
    name = f"/leader at {PACE}/s while polls go on"
    return [
        Row(SECTION, f"{name}: p50", median(times), "ms"),
        Row(SECTION, f"{name}: p99", times[ceil(len(times) * 0.99) - 1], "ms", most=MOST_P99),
    ]
