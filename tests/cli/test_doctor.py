"""`leaderd doctor` as a command: real processes against the pretend AWS."""

import asyncio
import json
import os
import pty
import re

import pytest

from leaderd.demo.cloud import ImdsFault
from leaderd.demo.faults import Fault
from tests.daemons import PATIENCE, clean_environ, command, leaderd, secrets

SAFE = {
    "environment": "shop-prod",
    "poll-interval": "0.1",
    "request-timeout": "2",
    "max-staleness": "3",
    "api-lag": "0",
    "guard": "0.1",
}
"""Quick, and within the bounds."""
LINE = re.compile(r"[✓✗?] [a-z]+ +\S.*")
MEND = re.compile(r" {15}\S.*")


@pytest.fixture
def host(tmp_path):
    """The root of a host with a running cron and no old crontabs."""
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/comm").write_text("crond\n")
    (tmp_path / "etc/cron.d").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def doctor(aws, host):
    """Run the command on the first instance; its exit code, stdout and stderr, none of which may tell a secret."""

    async def doctor(*environs, **options):
        options = {name.replace("_", "-"): value for name, value in options.items()}
        environ = aws.environ(aws.cloud.members[0])
        for _ in range(5):
            code, out, err = await leaderd("doctor", {"root": host} | SAFE | options, environ, *environs)
            if "in 1 s" not in out:  # a loaded machine can be too slow for IMDS, whose timeout is no setting
                break
        assert "Traceback" not in out + err
        assert [secret for secret in secrets(aws) if secret in out + err] == []
        return code, out, err

    return doctor


async def test_all_is_well(doctor, daemon):
    """On an instance where all is well, each check is one line, and the exit code is 0."""
    left_out = dict.fromkeys(("hold_down", "unsafe"), "leave out")
    running = await daemon(**{name.replace("-", "_"): value for name, value in SAFE.items()} | left_out)
    await running.event("role.changed")
    code, out, err = await doctor(port=running.port)
    *lines, blank, last = out.splitlines()
    assert (code, err, blank) == (0, "", "")
    assert last == "nothing to mend in 16 checks"
    assert len(lines) == 16
    for line in lines:
        assert re.fullmatch(r"✓ [a-z]+ +\S.*", line)


async def test_something_is_not(doctor, aws):
    """What fails is marked, with its mend below it, what hangs on it is marked too, and the exit code is 1."""
    aws.cloud.faults.everyone = Fault.DENY
    code, out, err = await doctor(port=1)
    *lines, blank, last = out.splitlines()
    assert (code, err, blank) == (1, "", "")
    assert last == "2 to mend in 16 checks, 2 not checked"
    assert sum(LINE.fullmatch(line) is not None for line in lines) == 16
    assert all(LINE.fullmatch(line) or MEND.fullmatch(line) for line in lines)
    at = next(number for number, line in enumerate(lines) if line.startswith("✗ roster"))
    assert lines[at + 1].strip().startswith("→ allow elasticbeanstalk:DescribeEnvironmentResources to the role")
    assert json.loads(lines[at + 2])["Effect"] == "Allow"
    assert lines[at + 3].startswith("? member")


async def test_nothing_works(doctor, aws, host):
    """Not even the worst instance makes it stumble: a sick IMDS, no roster, no daemon, no cron, old crontabs."""
    aws.cloud.instances[aws.cloud.members[0]].imds = ImdsFault.FORBIDDEN
    (host / "proc/7/comm").write_text("bash\n")
    (host / "etc/cron.d/jobs.bak").write_text("")
    code, out, err = await doctor(port=1)
    assert (code, err) == (1, "")
    assert [line.split()[1] for line in out.splitlines() if line.startswith("✗")] == [
        "token",
        "region",
        "credentials",
        "daemon",
        "cron",
        "backups",
    ]


async def test_json(doctor, aws):
    """The same as JSON, for programs."""
    aws.cloud.faults.everyone = Fault.PRIVILEGES
    code, out, err = await doctor(json=None, port=1)
    assert (code, err) == (1, "")
    findings = json.loads(out)
    assert len(findings) == 16
    for finding in findings:
        assert list(finding) == ["check", "ok", "finding", "mend"]
        assert finding["ok"] in {True, False, None}
    by_name = {finding["check"]: finding for finding in findings}
    assert "autoscaling:DescribeAutoScalingGroups" in by_name["roster"]["mend"]
    assert by_name["member"] == {"check": "member", "ok": None, "finding": "not checked: needs roster", "mend": ""}


async def test_bad_settings(doctor):
    """A configuration that is refused is exit 2, and nothing is checked."""
    code, out, err = await doctor({"LEADERD_PROT": "1"}, order="age")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 2


async def test_poor_character_set(doctor, aws):
    """A character set without the marks gets others."""
    aws.cloud.faults.everyone = Fault.DENY
    code, out, err = await doctor({"PYTHONIOENCODING": "ascii"}, port=1)
    assert (code, err) == (1, "")
    assert "\n+ member" not in out
    assert "\nx roster" in out
    assert " -> allow " in out


async def test_terminal(aws, host):
    """On a terminal lines are wrapped to its width, in colour, and a statement stays whole."""
    aws.cloud.faults.everyone = Fault.DENY
    ours, theirs = pty.openpty()
    environ = clean_environ(aws.environ(aws.cloud.members[0]), {"COLUMNS": "80", "TERM": "xterm"})
    process = await asyncio.create_subprocess_exec(
        *command("doctor", {"root": host, "port": "1"} | SAFE), env=environ, stdout=theirs
    )
    os.close(theirs)
    out = await asyncio.to_thread(_read, ours)
    async with asyncio.timeout(PATIENCE):
        assert await process.wait() == 1
    assert "\x1b[31m✗\x1b[0m roster" in out
    lines = re.sub(r"\x1b\[\d+m", "", out).splitlines()
    long = [line for line in lines if len(line) > 79]
    assert len(long) >= 1
    assert all("arn:aws" in line or "/" in line for line in long)


def _read(terminal):
    """Everything up to the end; Linux ends a terminal with an error."""
    with os.fdopen(terminal, "rb", buffering=0) as ours:
        parts = []
        try:
            while part := ours.read(65_536):
                parts.append(part)
        except OSError:
            pass
    return b"".join(parts).decode()


async def test_help_leaves_out_the_root(doctor):
    """What is for tests alone is not in the help."""
    code, out, _ = await leaderd("doctor", {"help": None})
    assert (code, "--root" in out, "--json" in out) == (0, False, True)
