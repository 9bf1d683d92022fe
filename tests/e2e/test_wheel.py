"""The two forms that leaderd comes in, each in an empty place."""

import subprocess
import sys
from pathlib import Path

import pytest

from leaderd import __version__
from tests.e2e.hosts import TOP

pytestmark = pytest.mark.timeout(300)


def run(*command, cwd=TOP):
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def single_file(system_python, tmp_path_factory):
    """The daemon as a single file."""
    directory = tmp_path_factory.mktemp("pyz")
    run("make", "pyz", f"VENV={sys.prefix}", f"BUNDLE_PYTHON={system_python}", f"PYZ_DIR={directory}")
    return next(directory.glob("*.pyz"))


def test_wheel_installs_into_an_empty_environment(bundle, tmp_path):
    """The wheel and its locked requirements, with hashes and without an index, make a leaderd that runs."""
    run("/usr/bin/python3", "-m", "venv", str(tmp_path))
    pip = [str(tmp_path / "bin" / "pip"), "install", "--quiet", "--no-index"]
    wheels = bundle / ".leaderd"
    run(*pip, "--find-links", str(wheels), "--require-hashes", "--requirement", str(wheels / "requirements.lock"))
    run(*pip, "--no-deps", str(next(wheels.glob("leaderd-*.whl"))))
    assert run(str(tmp_path / "bin" / "leaderd"), "--version", cwd=tmp_path) == f"leaderd {__version__}\n"
    run(str(tmp_path / "bin" / "pip"), "check")


def test_hook_installs_the_single_file_with_a_python_of_dnf(fleet, bundle, single_file):
    """On an instance without Python the hook has dnf install one, and runs the single file with it."""
    host = fleet.add("web4")
    host.boot()
    host.copy(bundle, "/var/app/current")
    host.run("sh", "-c", "rm /var/app/current/.leaderd/*.whl")
    host.copy(single_file.parent, "/var/app/current/.leaderd")
    host.run("sh", "-c", "mkdir /hidden && mv /usr/bin/python3* /hidden")
    host.write("/usr/bin/dnf", "#!/bin/sh\necho $* >/root/dnf\nmv /hidden/* /usr/bin\n", 0o755)
    assert f"installed leaderd {__version__}" in fleet.set_up(host, with_bundle=False)
    assert (
        host.says("cat", "/root/dnf") == f"install -y -q {Path(host.says('readlink', '-f', '/usr/bin/python3')).name}"
    )
    assert host.property("ActiveState") == "active"
    assert host.status()["version"] == __version__
    assert "nothing has changed" in fleet.deploy(host)
