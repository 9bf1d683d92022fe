"""README.md is true: what it says to type is typed here, or in tests/e2e; its tables and figures are the code's."""

import asyncio
import json
import re
import time

import pytest

from leaderd import __version__
from leaderd.config import OPTIONS
from leaderd.core.cadence import Cadence
from leaderd.core.timing import Timing
from leaderd.daemon.api import INDEX
from tests.daemons import clean_environ, run
from tests.e2e.test_recipes import RUN_IN_E2E
from tests.readme import (
    BLOCKS,
    DAEMON,
    README,
    SITUATIONS,
    TOP,
    WORDS,
    commands,
    in_python,
    in_shell,
    inline,
    lying_proxy,
    on_port,
    only,
    runs,
    situation,
)

ASK = f"curl -fso /dev/null http://{DAEMON}/leader"
CLAIM = f"curl -fso /dev/null -X POST http://{DAEMON}/claims/invoices && /opt/app/send-invoices"
RUN = "/opt/leaderd/bin/leaderd run invoices -- /opt/app/send-invoices"
CRON = f"{ASK} && /opt/app/send-invoices"
AGAIN = CRON.replace("http", "-m 1 --retry 3 --retry-delay 1 --retry-connrefused --retry-max-time 3 http")
CHECK = "/opt/leaderd/bin/leaderd check >/dev/null && /opt/app/send-invoices"
SHOW = f"curl -i http://{DAEMON}/leader"
STATUS = f"curl -s http://{DAEMON}/status"
STORY = "make demo ARGS='--for 40'"

RUN_HERE = {
    "make demo": "what it would do is checked; tests/e2e runs it",
    "make test": "what it would do is checked; it is what runs this, so it cannot be run here",
    SHOW: "asks a daemon, and the next block is compared with the answer",
    CLAIM: "run on two instances at once",
    RUN: "the same",
    CRON: "run in every situation, also with a proxy that lies",
    AGAIN: "run in every situation",
    CHECK: "run in every situation, also with a proxy that lies",
    "python": "run in every situation, also with a proxy that lies",
    "http": "compared with what a daemon answers",
}
"""How each command, and each block that is no list of commands, is run or checked in this file."""

INLINE = {
    STORY: "what it would do is checked; tests/e2e runs it",
    STATUS: "asks a daemon",
    "make evidence": "what it would do is checked; CI runs it",
    "make e2e": "runs tests/e2e",
    "/opt/leaderd/bin/leaderd serve": "the unit says so, which is checked; tests/e2e starts it",
    "leaderd serve": "see there",
    "leaderd run": "part of a recipe",
    "curl -f": "part of a recipe",
    "curl --retry": "part of a recipe",
    "leaderd doctor": "has tests of its own",
    "leaderd policy": "has tests of its own",
    "dnf install python3.11": "the hook does it where Python is missing; there is no dnf here",
    "systemctl status leaderd": "tests/e2e reads the same status",
    "journalctl -u leaderd": "tests/e2e reads the same journal",
}
"""The same for commands in the middle of a text."""


def test_every_block_and_command_is_run_somewhere():
    """No block and no command of the README is forgotten, and the tables name none that is gone."""
    others = {block.language for block in BLOCKS} - {"sh", "bash", "crontab"}
    assert {*commands(), *others} == RUN_HERE.keys() | RUN_IN_E2E.keys()
    assert RUN_HERE.keys().isdisjoint(RUN_IN_E2E)
    assert README.count("\n```") == 2 * len(BLOCKS)


def test_every_command_in_the_text_is_accounted_for():
    """The same holds for commands that are quoted in a sentence."""
    assert {re.sub(r"^(curl -f|curl --retry).*", r"\1", code) for code in inline()} == INLINE.keys()


def test_cron_line_is_the_same_everywhere():
    """The first thing in the README is the line that is also in the bundle's crontab and in the timer's service."""
    assert only_first_crontab() == f"* * * * * root {CLAIM}\n"
    assert f"* * * * * root {CLAIM}\n" in (TOP / "beanstalk/.ebextensions/leaderd-cron.config").read_text()
    assert f"ExecCondition=/usr/bin/{ASK}\n" in (TOP / "systemd/nightly-report.service").read_text()


def only_first_crontab():
    return next(block.text for block in BLOCKS)


@pytest.mark.parametrize(
    ("command", "does"),
    [
        ("make demo", "/bin/leaderd demo"),
        (STORY, "/bin/leaderd demo --for 40"),
        ("make test", "/bin/python -m pytest"),
        ("make evidence", "/bin/python -m pytest"),
        ("make e2e", "/bin/python -m pytest tests/e2e"),
    ],
)
async def test_make(command, does):
    """The targets exist, and would do what the README says. They are not run: `make test` would run itself."""
    code, out, err = await run("/bin/sh", "-c", command.replace("make", "make --dry-run"), environ=make_environ())
    assert code == 0, err
    assert does in out


def make_environ():
    """Without what a make that runs this test hands down."""
    return {name: value for name, value in clean_environ().items() if not name.startswith(("MAKE", "MFLAGS"))}


def test_coverage_is_demanded_as_the_readme_says():
    """The figures that `make test` holds the tests to."""
    makefile = (TOP / "Makefile").read_text()
    assert "--include='leaderd/core/*' --fail-under=100" in makefile
    assert "coverage report --fail-under=95" in makefile
    assert "must be 100 % for the rules (`leaderd/core`), and at least 95 % for everything" in WORDS


@pytest.mark.parametrize("names", [*([name] for name in SITUATIONS[:3]), SITUATIONS[3:]], ids=", ".join)
async def test_recipes(names, aws, daemon):
    """Each recipe runs the job on the leader, and in no other situation. Those that wait do it together."""
    done = await asyncio.gather(*(ran_in(name, aws, daemon) for name in names))
    assert dict(zip(names, done, strict=True)) == {name: {name == "leader"} for name in names}


async def ran_in(name, aws, daemon):
    async with situation(name, aws, daemon) as port, lying_proxy() as lies:
        done = await asyncio.gather(
            runs(in_shell(CRON.replace("curl", "curl -m 1 --noproxy '*'"), port), lies),
            runs(in_shell(CHECK, port), lies),
            runs(in_python(only("python"), port), lies),
            timed(runs(in_shell(AGAIN, port))),
            *([runs(in_shell(CRON, port))] if name != "silent" else []),  # it waits: see below
        )
    return set(done)


@pytest.mark.parametrize("line", [CLAIM, RUN], ids=["curl", "leaderd run"])
async def test_claims(aws, daemon, line):
    """Of two instances that run the line at once one runs the job, in each tick that was claimed."""
    ports = [(await daemon(number=number)).port for number in (0, 1)]
    ran = await asyncio.gather(*(runs(in_shell(line, port)) for port in ports))
    _, out, _ = await run("curl", "-s", f"http://127.0.0.1:{ports[0]}/claims/invoices", environ=clean_environ())
    claims = json.loads(out)["claims"]
    assert sum(ran) == len(claims) == len({claim["key"] for claim in claims})


async def timed(recipe):
    """All tries of a recipe together fit into the time in which no two instances are told yes."""
    started = time.monotonic()
    ran = await recipe
    assert time.monotonic() - started < Timing.derive().guard
    return ran


async def test_plain_curl_believes_a_proxy(aws, daemon):
    """The warning in the README is needed: curl asks the proxy of its environment, even for 127.0.0.1."""
    async with situation("follower", aws, daemon) as port, lying_proxy() as lies:
        assert await runs(in_shell(CRON, port), lies)


async def test_plain_curl_waits_for_a_silent_daemon(aws, daemon):
    """The cron line has no limit of its own; the job is not run while it waits."""
    async with situation("silent", aws, daemon) as port:
        code, out, _ = await run("timeout", "0.5", *in_shell(CRON, port), environ=clean_environ())
    assert (code, out) == (124, "")


async def test_asking_again(daemon):
    """A daemon that leads a moment later is asked again, and the job is run."""
    leads_soon = await daemon(hold_down=1)
    await leads_soon.event("role.changed", new="candidate")
    assert not await runs(in_shell(CRON, leads_soon.port))
    assert await runs(in_shell(AGAIN, leads_soon.port))


async def test_example_of_an_answer(aws, daemon):
    """The example has the headers and the fields of a real answer, in their order, and is itself possible."""
    async with situation("leader", aws, daemon) as port:
        _, out, _ = await run("/bin/sh", "-c", on_port(SHOW, port), environ=clean_environ())
        status = json.loads((await run("/bin/sh", "-c", on_port(STATUS, port), environ=clean_environ()))[1])
    real, example = (re.split(r"\r?\n\r?\n", text) for text in (out, only("http")))
    assert shape(real[0].replace("\r", "")) == shape(example[0])
    assert [*json.loads(real[1])] == [*json.loads(example[1])]
    assert shape(json.loads(real[1])["reason"]) == shape(json.loads(example[1])["reason"])
    assert f"Content-Length: {len(example[1])}\n" in example[0]
    assert f"Server: leaderd/{__version__}\n" in example[0]
    body = json.loads(example[1])
    assert body["staleness"] + body["valid_for"] == Timing.derive().max_staleness
    assert "last_error" in status


def shape(text):
    """A text with its numbers left out, and the dates of headers."""
    return re.sub(r"\d+", "0", re.sub(r"(?m)^Date: .*$", "Date:", text))


def test_settings():
    """The table has every option in order, with its default and its meaning."""
    rows = re.findall(r"^\| `--([a-z-]+)` \| (.*?) \| (.*) \|$", README, re.MULTILINE)
    assert [name for name, _, _ in rows] == [option.name for option in OPTIONS]
    for option, (_, default, meaning) in zip(OPTIONS, rows, strict=True):
        if option.is_flag:
            assert default == "off"
        elif option.default is not None:
            assert default == f"`{option.default}`"
        help_text = re.sub(r" \[.*\]$", "", option.help)
        assert without_quotes(meaning).startswith(without_quotes(help_text)), option.name


def without_quotes(text):
    return text.replace("`", "")


def test_defaults_that_are_derived_or_discovered():
    """The defaults that are no plain value."""
    assert {option.name for option in OPTIONS if option.default is None} == {
        *("environment", "region", "unix-socket", "hold-down", "state-file"),
    }
    assert f"| `--hold-down` | {Timing.derive().hold_down}, derived |" in README


def test_figures():
    """Each time in the text is computed from the default settings."""
    timing = Timing.derive()
    everybody_new = timing.failover_bound - timing.hold_down + timing.probation
    for said in (
        f"Every {timing.poll_interval:g} s it asks",
        f"first for {timing.hold_down:g} s and listed for {timing.probation:g} s",
        f"believed for {timing.max_staleness:g} s",
        f"the next instance leads within {timing.failover_bound:.1f} s",
        f"up to {timing.failover_bound:.1f} s from when EB drops",
        f"to {everybody_new:.1f} s where all",
        f"shorter than `--guard` ({timing.guard:g} s)",
    ):
        assert said in WORDS, said
    known = {f"{seconds:.1f}" for seconds in (timing.hold_down, timing.probation, timing.failover_bound, everybody_new)}
    assert set(re.findall(r"(\d+\.\d) s", WORDS)) == known


def test_answers():
    """The table of answers has what the daemon itself lists at `/`."""
    listed = re.findall(r"^([A-Z]+ /[\w/]*)", INDEX, re.MULTILINE)
    assert re.findall(r"^\| `([A-Z]+ /[\w/]*)` \|", README, re.MULTILINE) == listed


def test_permissions():
    """The permissions are those that beanstalk/iam.yaml grants."""
    template = (TOP / "beanstalk/iam.yaml").read_text()
    granted = {
        action for actions in re.findall(r"Action: (.*)", template) for action in re.findall(r"\w+:\w+", actions)
    }
    assert set(re.findall(r"`((?:elasticbeanstalk|autoscaling|s3):[A-Z]\w+)`", README)) == granted


def test_unit():
    """What is said of the unit stands in it."""
    unit = (TOP / "systemd/leaderd.service").read_text()
    for line in ("ExecStart=/opt/leaderd/bin/leaderd serve", "EnvironmentFile=-/etc/leaderd.env", "User=leaderd"):
        assert f"{line}\n" in unit


@pytest.mark.parametrize("page", ["README.md", "docs/http.md", "docs/design.md", "CHANGELOG.md"])
def test_links(page):
    """What a page links to, in this repository, is there."""
    linked = re.findall(r"\]\((?!https?:)([^)#]+)", (TOP / page).read_text())
    assert [path for path in linked if not ((TOP / page).parent / path).exists()] == []


def test_changelog():
    """The changelog has the version of the code."""
    assert f"\n## [{__version__}] - " in (TOP / "CHANGELOG.md").read_text()


async def test_fields_of_answers(aws, daemon):
    """docs/http.md has every field of `/leader` and `/status`, in order."""
    page = (TOP / "docs/http.md").read_text()
    fields = [
        re.findall(r"^\| `(\w+)` \| ", part, re.MULTILINE)
        for part in re.split(r"^\| field .*\n", page, flags=re.MULTILINE)
    ]
    running = await daemon()
    assert fields[1] == [*(await running.get("/leader")).body]
    status = (await running.get("/status")).body
    assert fields[2] == [*status]
    assert all(f"`{name}`" in page for name in ("leads_in", *status["streak"]))


def test_figures_of_http():
    """The time for which a yes holds at the worst, in docs/http.md, is computed from the default settings."""
    timing = Timing.derive()
    least = timing.max_staleness - timing.longest_pause - timing.request_timeout
    page = " ".join((TOP / "docs/http.md").read_text().split())
    assert f"from {timing.max_staleness:g} to {least:g} at the worst" in page


def test_figures_of_the_budget():
    """The tables of docs/safety.md that say who polls how often, and what that means for a failover, are computed."""
    page, cadence = (TOP / "docs/safety.md").read_text(), Cadence(Timing.derive())
    sizes = (3, 5, 10, 50, 100, 300, 1000)
    calls = [sum(1 / cadence.interval(rank, size) for rank in range(size)) for size in sizes]
    assert cells(page, "calls per second") == [f"{round(each, 2):g}" for each in calls]
    fourth = [f"{cadence.interval(3, size):.0f} s" for size in sizes[1:]]
    assert cells(page, "the fourth polls every") == ["", *fourth]
    assert cells(page, "the last polls every") == [f"{cadence.interval(size - 1, size):,.0f} s" for size in sizes]
    for lost, said in ((1, "the first, or the first two"), (3, "the first three")):
        assert cells(page, said) == [f"{cadence.failover_bound(lost, size):.0f} s" for size in (4, 10, 50, 1000)]
    last = [f"{cadence.failover_bound(size - 1, size):,.0f} s" for size in (4, 10, 50, 1000)]
    assert cells(page, "all but the last") == last


def cells(page, heading):
    """The cells of a table's row."""
    (row,) = re.findall(rf"^\| {heading} \|(.*)\|$", page, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]
