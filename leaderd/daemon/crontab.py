"""Checks what starts the jobs, cron or a systemd timer, and what Elastic Beanstalk leaves among the crontabs."""

from collections.abc import Iterator
from pathlib import Path

from leaderd.aws.finding import Finding

CRONS = {"crond", "cron", "fcron", "busybox-crond"}
"""Names of processes: Amazon Linux has crond, of cronie."""
INSTALL = "dnf install -y cronie && systemctl enable --now crond; or use a systemd timer, which needs no cron"
ASKING = ("/leader", "leaderd check", "leaderd run")
"""What a unit says that asks leaderd."""


def cron_found(root: Path) -> Finding:
    """Whether something can start jobs."""
    if running := sorted(CRONS & set(_processes(root))):
        return Finding("cron", True, f"{running[0]} runs")
    if units := sorted(_asking_units(root)):
        return Finding("cron", True, f"no cron daemon runs; {', '.join(units)} asks leaderd")
    for name in ("crond", "cron"):
        if (root / "usr/sbin" / name).exists():
            return Finding("cron", False, f"{name} is installed, but does not run", f"systemctl enable --now {name}")
    return Finding("cron", False, "no cron daemon is installed, and no systemd unit asks leaderd", INSTALL)


def _processes(root: Path) -> Iterator[str]:
    for comm in root.glob("proc/[0-9]*/comm"):
        try:
            yield comm.read_text().strip()
        except OSError:  # it has ended meanwhile
            continue


def _asking_units(root: Path) -> Iterator[str]:
    """Services with a timer that ask leaderd, in the place for an administrator's own."""
    for timer in root.glob("etc/systemd/system/*.timer"):
        service = timer.with_suffix(".service")
        try:
            if any(words in service.read_text() for words in ASKING):
                yield timer.name
        except (OSError, UnicodeDecodeError):
            continue


def backups_found(root: Path) -> Finding:
    """Whether old crontabs lie beside the new ones.

    Elastic Beanstalk renames a file that it replaces to NAME.bak, and cronie runs every file in /etc/cron.d whose name
    does not end with ~, .rpmsave, .rpmorig or .rpmnew (cron(8)).
    """
    directory = root / "etc/cron.d"
    try:
        backups = sorted(path.name for path in directory.iterdir() if path.suffix == ".bak")
    except FileNotFoundError:
        return Finding("backups", True, f"there is no {directory}")
    except OSError as error:
        return Finding("backups", None, f"{directory}: {error.strerror} (try it as root)")
    if not backups:
        return Finding("backups", True, f"no old crontabs in {directory}")
    hint = f"rm -f {directory}/*.bak, here and as a command in .ebextensions: each deployment leaves them"
    return Finding("backups", False, f"cron runs {', '.join(backups)} as well: jobs run twice", hint)
