"""The unit files, as systemd judges them."""

import re
import subprocess

import pytest

from tests.e2e.hosts import TOP

UNITS = TOP / "systemd"
MOST = 1.5  # exposure, of 10


def test_unit_is_exposed_little(capsys):
    """The exposure that `systemd-analyze security` finds for the unit is 1.5 or less."""
    command = ["systemd-analyze", "security", "--no-pager", "--offline=yes", str(UNITS / "leaderd.service")]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    *lines, verdict = report.strip().splitlines()
    with capsys.disabled():
        open_ = [line.split("  ")[0].removeprefix("✗ ") for line in lines if line.startswith("✗")]
        print(f"\n{verdict.removeprefix('→ ')} (open: {', '.join(open_)})")
    assert float(re.search(r": ([0-9.]+) ", verdict)[1]) <= MOST


def test_what_is_left_open_is_explained():
    """Each setting that `systemd-analyze security` still names has a line in the unit that says why."""
    command = ["systemd-analyze", "security", "--no-pager", "--offline=yes", str(UNITS / "leaderd.service")]
    report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = set(re.findall(r"^✗ (\w+)=", report, re.MULTILINE))
    explained = set(re.findall(r"^# - (\w+): ", (UNITS / "leaderd.service").read_text(), re.MULTILINE))
    assert names == explained


@pytest.mark.parametrize("unit", ["leaderd.service", "nightly-report.service", "nightly-report.timer"])
def test_unit_is_well_formed(unit, tmp_path):
    """`systemd-analyze verify` has nothing to say of a unit, once its programs are where it looks for them."""
    for each in UNITS.iterdir():
        text = re.sub(r"^(ExecStart|ExecCondition)=/opt\S+", r"\1=/bin/true", each.read_text(), flags=re.MULTILINE)
        (tmp_path / each.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
