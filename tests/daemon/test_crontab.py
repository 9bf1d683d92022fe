import pytest

from leaderd.daemon.crontab import backups_found, cron_found

ASKING = "[Service]\nExecCondition=/usr/bin/curl -fso /dev/null http://127.0.0.1:5323/leader\n"


@pytest.fixture
def write(tmp_path):
    def write(path, text=""):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return write


@pytest.mark.parametrize("name", ["crond", "cron"])
def test_running(tmp_path, write, name):
    """A cron daemon is found among the processes, whichever it is."""
    write("proc/1/comm", "systemd\n")
    write("proc/77/comm", f"{name}\n")
    (tmp_path / "proc/99").mkdir()  # one that ended meanwhile
    finding = cron_found(tmp_path)
    assert (finding.ok, finding.finding) == (True, f"{name} runs")


def test_process_that_ends(tmp_path, write):
    """A process that is gone when it is looked at is passed over."""
    write("proc/1/comm", "crond\n")
    (tmp_path / "proc/2/comm").mkdir(parents=True)
    assert cron_found(tmp_path).ok is True


def test_stopped(tmp_path, write):
    """One that is installed and does not run is to be started."""
    write("proc/1/comm", "systemd\n")
    write("usr/sbin/crond")
    finding = cron_found(tmp_path)
    assert (finding.ok, finding.mend) == (False, "systemctl enable --now crond")


def test_missing(tmp_path):
    """Amazon Linux 2023 has none: the mend installs one, and names the other way."""
    finding = cron_found(tmp_path)
    assert finding.ok is False
    assert "dnf install -y cronie && systemctl enable --now crond" in finding.mend
    assert "systemd timer" in finding.mend


@pytest.mark.parametrize("asks", [ASKING, "ExecCondition=/opt/leaderd/bin/leaderd check\n"])
def test_timers(tmp_path, write, asks):
    """Timers do without cron, if one asks leaderd."""
    write("etc/systemd/system/nightly.timer")
    write("etc/systemd/system/nightly.service", asks)
    write("etc/systemd/system/alone.timer")
    assert cron_found(tmp_path).finding == "no cron daemon runs; nightly.timer asks leaderd"
    write("etc/systemd/system/nightly.service", "[Service]\nExecStart=/bin/true\n")
    assert cron_found(tmp_path).ok is False


def test_no_backups(tmp_path, write):
    """Crontabs of today are well, and so is no directory for them."""
    assert backups_found(tmp_path).ok is True
    write("etc/cron.d/jobs")
    write("etc/cron.d/jobs.bakery")
    assert backups_found(tmp_path).ok is True


def test_backups(tmp_path, write):
    """What Elastic Beanstalk leaves behind is run as well, so it is a failure, named file by file."""
    for name in ("jobs", "jobs.bak", "other.bak"):
        write(f"etc/cron.d/{name}")
    finding = backups_found(tmp_path)
    assert finding.ok is False
    assert "jobs.bak, other.bak" in finding.finding
    assert f"rm -f {tmp_path}/etc/cron.d/*.bak" in finding.mend


def test_no_directory(tmp_path, write):
    """Something else in its place is no accident either."""
    write("etc/cron.d")
    finding = backups_found(tmp_path)
    assert (finding.ok, "Not a directory" in finding.finding) == (None, True)
