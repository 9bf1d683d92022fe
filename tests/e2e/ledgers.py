"""The jobs that cron starts on the hosts, and the ledgers that they keep on the hosts' disks: who ran when."""

import time
from collections import Counter
from datetime import UTC, datetime

from tests.e2e import ebextensions
from tests.e2e.waiting import until

MINUTE = 60
JOBS = {
    "invoices": ("/opt/app/send-invoices", "$(date -u +%FT%H:%M:00Z)"),
    "report": ("/opt/app/make-report", "$LEADERD_KEY"),
    "leader": ("/opt/app/lead", "$(date -u +%FT%H:%M:00Z)"),
}
"""The program of each job, and its minute: the first is claimed by curl, the second by `leaderd run`, the third asks
/leader."""
CLAIMED = ("invoices", "report")
CRONTAB = """SHELL=/bin/bash
* * * * * root /opt/leaderd/bin/leaderd run report -- /opt/app/make-report
* * * * * root curl -fso /dev/null http://127.0.0.1:5323/leader && /opt/app/lead
"""
"""Beside that of the .ebextensions file, which has the job `invoices`."""
HARMLESS = range(10, 57)
"""Seconds of a minute in which no job is being started where a leader lives. A claim is at most once: what ends a
daemon or a host between the claim of a minute and its run takes that run along."""
LATEST = 30
"""Seconds after its beginning in which each minute has its run, if anybody lives: the last place in the roster waits
for 12 s, and the machine is busy."""


def ledger(job):
    """The file that a job writes to."""
    return f"/var/log/{job}.ledger"


def install(fleet):
    """Put the jobs and their crontabs in place, and note the first minute that finds all of them there."""
    harmless(takes=15)
    for host in fleet.hosts:
        for job, (program, minute) in JOBS.items():
            host.write(program, f'#!/bin/bash\necho "{minute}" >>{ledger(job)}\n', 0o755)
        for _ in range(2):
            ebextensions.apply(host, fleet.bundle / ".ebextensions" / "leaderd-cron.config")
    for host in fleet.hosts:
        host.write("/etc/cron.d/more-jobs", CRONTAB)
        # Cron, which the .ebextensions have just started, goes by whole seconds: what changes again in the second in
        # which it looked it never sees.
        host.run("systemctl", "restart", "crond")
    fleet.first_minute = (int(time.time()) // MINUTE + 1) * MINUTE


def runs(fleet, job):
    """How often a job ran in each minute, in the fleet as a whole."""
    return Counter(minute for host in fleet.hosts for minute in host.read_disk(ledger(job)).split())


def minutes(first, last):
    """The minutes from one moment to another, both included."""
    return [shown(at) for at in range(int(first), int(last) + 1, MINUTE)]


def shown(at):
    """A minute, as the ledgers have it."""
    return datetime.fromtimestamp(at // MINUTE * MINUTE, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def harmless(takes=0):
    """Wait for a moment in which no job is being started, nor will be while something takes so many seconds."""
    span = range(HARMLESS.start, HARMLESS.stop - takes)
    until(lambda: int(time.time()) % MINUTE in span, MINUTE, "no job is being started")


def before_a_minute():
    """Wait until a minute begins in a few seconds. Returns when that is."""
    until(lambda: MINUTE - 5 <= time.time() % MINUTE <= MINUTE - 3, MINUTE + 5, "a minute begins soon")
    return (int(time.time()) // MINUTE + 1) * MINUTE


def await_runs(fleet, minute):
    """Wait until each job that is claimed has run in a minute."""
    for job in CLAIMED:
        within = max(0, minute - time.time()) + LATEST
        until(lambda job=job: runs(fleet, job)[shown(minute)], within, f"{job} has run at {shown(minute)}")
