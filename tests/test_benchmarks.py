"""benchmarks: they run, and say what they should. What they measure fails no test."""

import shutil
import sys
from xml.etree import ElementTree as ET

import pytest

from benchmarks import claims, process, question, server
from benchmarks.lab import lab, of_the_unit
from benchmarks.plot import chart
from benchmarks.row import Row, table

WRK = """
  Latency Distribution
     50%  812.00us
     75%    0.91ms
     90%    1.02ms
     99%    1.50s
  25020 requests in 2.00s, 8.78MB read
Requests/sec:  12508.52
"""
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is a package of its own")


@pytest.fixture(scope="module")
def place():
    with lab(sys.executable) as place:
        yield place


def named(rows):
    return {row.name: row for row in rows}


def test_a_question_is_asked_in_every_way(place):
    """Each way is measured, and compared with ours."""
    rows = named(question.measure(place, times=1))
    assert {
        f"{way}: CPU" for way in ("curl /leader", "leaderd check", "boto3 script", "AWS CLI", "shell recipe")
    } <= set(rows)
    assert rows["boto3 script: CPU of one, in that of curl /leader"].least == 30
    assert all(row.value > 0 for row in rows.values())


@needs_wrk
def test_the_server_is_loaded_beside_a_bare_handler(place):
    """Leaders and refusals are asked for, and both beside the same bytes."""
    rows = named(server.measure(place, seconds=1, rounds=1, connections=(2,)))
    assert all(f"{what}, 2 conn.: share of a bare handler" in rows for what in ("/leader", "a refused claim"))
    assert rows["/leader at 100/s while polls go on: p99"].most == 2


@needs_wrk
def test_the_process_is_started_left_alone_and_loaded(place):
    """Its memory is said with claims and without."""
    rows = named(process.measure(place, times=1, requests=100, idle=0.2))
    assert rows["memory after start, --claims off"].value < rows["memory after start"].value
    assert "CPU while idle, of a core" in rows


def test_a_claim_costs_what_it_may():
    """Two requests by the winner, one by each loser: counted, so it is a promise."""
    assert all(row.met is not False for row in claims.measure((2, 7), 3))


def test_what_wrk_prints_is_read():
    """Its units differ from line to line."""
    assert server.read(WRK) == server.Load(rate=12508.52, p50=0.812, p99=1500.0)


def test_rows_are_shown_with_their_goals():
    """In a table, and as bars of which those of missed goals look different."""
    rows = [
        Row("all", "fast", 0.5, "s", most=1),
        Row("all", "slow & <fat>", 2, "MB", most=1),
        Row("all", "free", 9, ""),
    ]
    assert [line.count("yes") + 2 * line.count("no**") for line in table(rows).splitlines()] == [0, 0, 0, 1, 2, 0]
    svg = ET.fromstring(chart(rows))
    kinds = [bar.get("class") for bar in svg.iter("{http://www.w3.org/2000/svg}rect")]
    assert kinds == [None, "yes", "no"]


def test_the_daemon_is_measured_with_the_variables_of_its_unit():
    """They belong to how it is installed."""
    assert of_the_unit()["MALLOC_ARENA_MAX"] == "1"
