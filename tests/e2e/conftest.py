"""The fleet that the tests share: it is booted and installed once, as a user would install it."""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leaderd.core.timing import Timing
from tests.e2e import cloud, hosts
from tests.e2e.waiting import until

TOOLS = (
    *("cron", "curl", "ip", "make", "nsenter", "php", "promtool", "ruby", "setpriv", "shellcheck"),
    *("systemd-analyze", "tar", "unshare", "wget"),
)
TIMING = {"poll_interval": 1.0, "request_timeout": 0.8, "max_staleness": 6.0, "api_lag": 0.2, "guard": 0.5}
"""Seconds: short, with room for one restart of a daemon on a busy machine before an answer is too old."""
SECRET = "hunter2"  # of the application, among its environment properties
LEFT = "leaderd-e2e-run-"
"""Directories of runs begin so, then comes the number of the process."""
HOOK = "/var/app/current/.platform/hooks/postdeploy/50_leaderd.sh"
CONFIG_HOOK = "/var/app/current/.platform/confighooks/postdeploy/50_leaderd.sh"
RESTART = """
[Service]
# Sooner than in real life, so that a test need not wait for half a minute.
WatchdogSec=4
# The hosts share a kernel, but each of their boots has an id of its own, which the service's own /proc would hide.
BindReadOnlyPaths=/etc/boot_id:/proc/sys/kernel/random/boot_id
"""


@pytest.fixture(scope="session", autouse=True)
def _can_run():
    """Fail at once, and say why, where the hosts cannot be made."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0:
        pytest.exit("make e2e boots hosts: run it as root", returncode=1)
    if missing:
        pytest.exit(f"make e2e lacks {', '.join(missing)}: run tests/e2e/install-debian.sh", returncode=1)


@pytest.fixture(scope="session")
def timing():
    """The numbers that the fleet runs with."""
    return Timing.derive(**TIMING)


@pytest.fixture(scope="session")
def system_python():
    """The version of the Python that the hosts have."""
    show = ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def bundle(system_python):
    """What a user puts into an application bundle, made for the Python of the hosts."""
    with tempfile.TemporaryDirectory(prefix="leaderd-bundle-") as directory:
        make = ["make", "bundle", "OFFLINE=1", f"BUNDLE={directory}", f"BUNDLE_PYTHON={system_python}"]
        subprocess.run([*make, f"VENV={sys.prefix}"], cwd=hosts.TOP, check=True)
        yield Path(directory)


@pytest.fixture(scope="session")
def room():
    """The room with the pretend AWS."""
    for left in Path(tempfile.gettempdir()).glob(f"{LEFT}*"):  # by a run that was killed
        if not Path(f"/proc/{left.name.removeprefix(LEFT).partition('-')[0]}").exists():
            shutil.rmtree(left)
    directory = Path(tempfile.mkdtemp(prefix=f"{LEFT}{os.getpid()}-"))
    opened = hosts.Room(directory / "room")
    try:
        yield opened
    finally:
        opened.close()
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def fleet(room, bundle):
    """Three instances of one environment, with leaderd installed by its hook and a leader among them."""
    fleet = Fleet(room, bundle)
    for number in (1, 2, 3):
        fleet.add(f"web{number}").boot()  # not in a thread: what is started in one ends with it
    with ThreadPoolExecutor() as at_once:
        list(at_once.map(fleet.set_up, fleet.hosts))
    return fleet


class Fleet:
    """The hosts of one environment."""

    def __init__(self, room, bundle):
        self.room = room
        self.bundle = bundle
        self.hosts = []
        self._facts = room.ask("facts")

    def add(self, name):
        """Launch an instance."""
        self.hosts.append(self.room.host(name))
        return self.hosts[-1]

    def set_up(self, host, *, with_bundle=True):
        """Make an instance of Elastic Beanstalk of a host, and deploy to it; return what the hook says."""
        for name, fact in self._facts.items():
            host.write(f"/opt/elasticbeanstalk/config/ebenvinfo/{name}", f"{fact}\n")
        properties = f'DATABASE_PASSWORD={SECRET}"\\$\nLEADERD_GUARD={TIMING["guard"]}\nINSTALL_LEADERD_REQUIRED=1\n'
        host.write("/opt/elasticbeanstalk/deployment/env", properties, 0o600)
        settings = [f"LEADERD_{name.upper()}={value}" for name, value in TIMING.items() if name != "guard"]
        endpoints = [
            f"AWS_ENDPOINT_URL_{name}=http://{cloud.GATEWAY}:{port}"
            for name, port in (("ELASTIC_BEANSTALK", cloud.EB_PORT), ("S3", cloud.S3_PORT))
        ]
        settings += [*endpoints, "LEADERD_UNIX_SOCKET=/run/leaderd/http", "LEADERD_API_BUDGET=1000"]
        host.write("/etc/leaderd.env", "\n".join([*settings, ""]))
        host.write("/etc/systemd/system/leaderd.service.d/e2e.conf", RESTART)
        if with_bundle:
            host.copy(self.bundle, "/var/app/current")
        return self.deploy(host)

    def deploy(self, host, hook=HOOK):
        """Run the hook as Elastic Beanstalk does, and return what it says."""
        done = host.run("bash", "-c", f"cd /var/app/current && {hook}", check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def leader(self, within):
        """Wait until one of the hosts leads, and return it."""
        return until(lambda: next((host for host in self.alive if host.leads()), None), within, self.verdicts)

    def verdicts(self):
        """What the daemons say."""
        said = [f"{host.name}: {host.status().get('verdict')}" for host in self.alive]
        return "\n".join(["one of the hosts leads", *said])

    @property
    def alive(self):
        """The hosts that run."""
        return [host for host in self.hosts if host.alive]
