"""What README.md says to type and `make test` cannot run: interpreters that not everybody has, a demo, an installation.

These need no hosts and no root, but php, ruby, node and wget: without one of them its test fails. The installation asks
pip's index.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemons import clean_environ, run
from tests.readme import (
    DAEMON,
    JOB,
    SITUATIONS,
    TOP,
    in_shell,
    lying_proxy,
    on_port,
    only,
    runs,
    situation,
)

WGET = f"wget -qO /dev/null --no-proxy -t 1 -T 3 http://{DAEMON}/leader && {JOB}"
INSTALL = (
    "sudo python3.11 -m venv /opt/leaderd",
    "sudo /opt/leaderd/bin/pip install --quiet --require-hashes -r requirements.lock",
    "sudo /opt/leaderd/bin/pip install --quiet --no-deps --no-build-isolation .",
    "sudo useradd --system --user-group --no-create-home --shell /sbin/nologin leaderd",
    "sudo cp systemd/leaderd.service /etc/systemd/system/leaderd.service",
    "sudo systemctl enable --now leaderd",
)
RUN_IN_E2E = {
    WGET: "run in every situation, with a proxy that lies",
    "php": "run in every situation, with a proxy that lies",
    "ruby": "run in every situation, with a proxy that lies",
    "js": "run in every situation, with a proxy that lies",
    "ini": "its two commands are run in every situation, as systemd runs them; test_fleet has real timers",
    "text": "compared with what `make demo` says",
    **dict.fromkeys(
        INSTALL, "run in a directory in place of /; sudo, useradd and systemctl only write down what they are told"
    ),
}
"""How each command, and each block that is no list of commands, is run here. tests/test_readme.py has the others."""

SKIPPED = range(1, 255)
"""Exit codes of ExecCondition= at which systemd skips a unit without a failure (systemd.service(5))."""


@pytest.fixture(scope="session", autouse=True)
def _can_run():
    """Take the place of what the tests with hosts need: nothing of it is needed here."""


@pytest.fixture
def recipe(request, tmp_path):
    """The words that run a recipe with a job that says so, for a daemon on a port."""
    return {
        "wget": lambda port: in_shell(WGET, port),
        "php": lambda port: ["php", "-r", on_port(only("php"), port) + 'function send_invoices() { echo "ran\\n"; }'],
        "ruby": lambda port: ["ruby", "-w", "-e", "def send_invoices; puts 'ran'; end\n" + on_port(only("ruby"), port)],
        "js": lambda port: ["node", module(tmp_path, on_port(only("js"), port))],
    }[request.param]


def module(directory, text):
    path = directory / "recipe.mjs"
    path.write_text(text + 'async function send_invoices() { console.log("ran"); }\n')
    return str(path)


def in_unit(text):
    """A shell that does with the unit what systemd does: first the condition, then the job."""
    unit = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert (unit.keys(), unit["ExecStart"]) == ({"Type", "ExecCondition", "ExecStart"}, JOB)
    condition = unit["ExecCondition"]
    assert condition.startswith("/")
    return ["/bin/sh", "-c", f"{condition}; code=$?; [ $code = 0 ] && echo ran || exit $code"]


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("recipe", ["wget", "php", "ruby", "js"], indirect=True)
async def test_recipe(recipe, name, aws, daemon):
    """Each recipe runs the job on the leader, and in no other situation."""
    async with situation(name, aws, daemon) as port, lying_proxy() as lies:
        assert await runs(recipe(port), lies) == (name == "leader")


@pytest.mark.parametrize("name", [name for name in SITUATIONS if name != "silent"])  # it waits, as curl does
async def test_unit(name, aws, daemon):
    """The unit runs its job on the leader; elsewhere the exit code of the condition skips it without a failure."""
    async with situation(name, aws, daemon) as port:
        code, out, _ = await run(*in_unit(on_port(only("ini"), port)), environ=clean_environ())
    assert (code, out) == (0, "ran\n") if name == "leader" else (code in SKIPPED, out) == (True, "")


@pytest.mark.timeout(180)
def test_demo():
    """`make demo ARGS='--for 40'` ends well, and tells what the README quotes of it, but for names and numbers."""
    venv = Path(sys.prefix)
    make = ["make", "--old-file", f"{venv}/run.ready", f"VENV={venv}", "demo", "ARGS=--for 40 --port 0"]
    done = subprocess.run(
        make,
        cwd=TOP,
        env=clean_environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = [masked(line) for line in done.stdout.splitlines()]
    assert [line for line in only("text").splitlines() if masked(line) not in told] == []


def masked(line):
    """A line of the story with other instances, of which more or fewer may have run, and other numbers."""
    line = re.sub(r"i-[0-9a-f]+(, i-[0-9a-f]+)*", "i-0", line)
    return re.sub(r"-{9,}", "---", re.sub(r" *\d+(\.\d+)?", " 0", line)).strip()


@pytest.mark.timeout(300)
def test_installation_by_hand(tmp_path):
    """The commands make a leaderd that starts, and put the unit in its place."""
    places = ("opt", "etc/systemd/system", "bin")
    for place in places:
        (tmp_path / place).mkdir(parents=True)
    told = tmp_path / "told"
    for name, does in (
        ("sudo", 'exec "$@"'),
        *((name, f'echo {name} "$@" >>{told}') for name in ("useradd", "systemctl")),
    ):
        stand_in = tmp_path / "bin" / name
        stand_in.write_text(f"#!/bin/sh\n{does}\n")
        stand_in.chmod(0o755)
    script = "\n".join(INSTALL).replace("/opt/", f"{tmp_path}/opt/").replace("/etc/", f"{tmp_path}/etc/")
    script = script.replace("python3.11", shlex.quote(sys.executable))
    environ = clean_environ({"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})
    subprocess.run(["sh", "-eux", "-c", script], cwd=TOP, env=environ, check=True)
    leaderd = tmp_path / "opt/leaderd/bin/leaderd"
    assert (
        "foreground" in subprocess.run([leaderd, "serve", "--help"], check=True, capture_output=True, text=True).stdout
    )
    assert told.read_text().splitlines() == [
        line.removeprefix("sudo ") for line in INSTALL if "useradd" in line or "ctl" in line
    ]
    assert (tmp_path / "etc/systemd/system/leaderd.service").read_text() == (
        TOP / "systemd/leaderd.service"
    ).read_text()
