"""A fleet of real hosts, from the installation by the hook to the end of two leaders. The tests build on each other."""

import json
import shlex
from itertools import pairwise

import pytest

from tests.e2e import ledgers
from tests.e2e.conftest import CONFIG_HOOK, HOOK, SECRET
from tests.e2e.hosts import TOP
from tests.e2e.ledgers import CLAIMED, JOBS, runs
from tests.e2e.waiting import until

LEADER = "http://127.0.0.1:5323/leader"
ANY_TIME = 40  # seconds, for what takes a few
SLACK = 5  # seconds above what the protocol promises, for a busy machine
CLAIMS = "http://127.0.0.1:5323/claims"
TIMER_LEDGER = "/var/log/timer.ledger"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def leader(fleet):
    """The host that leads now."""
    return fleet.leader(ANY_TIME)


@pytest.fixture
def followers(fleet, leader):
    """The hosts that do not lead now."""
    return [host for host in fleet.alive if host is not leader]


def test_hook_installs_and_starts_the_daemon(fleet, timing):
    """The hook makes a service that runs as a user of its own, and the first instance comes to lead."""
    for host in fleet.hosts:
        assert host.property("ActiveState") == "active"
        assert host.property("NRestarts") == "0"
        pid = host.property("MainPID")
        assert host.says("ps", "-o", "user=", "-p", pid) == "leaderd"
    assert fleet.leader(timing.probation + ANY_TIME) is fleet.hosts[0]


def test_only_the_daemons_own_settings_reach_it(leader):
    """Of the environment's properties the daemon gets its settings, and none of the application's secrets."""
    environ = leader.says("cat", f"/proc/{leader.property('MainPID')}/environ")
    assert SECRET not in environ
    assert "LEADERD_GUARD=0.5" in environ


def test_cron_jobs_are_set_up_by_ebextensions(fleet):
    """The .ebextensions file puts its crontab in place, and leaves no second copy that cron would run."""
    ledgers.install(fleet)
    for host in fleet.hosts:
        assert host.says("ls", "/etc/cron.d").split() == ["leaderd-jobs", "more-jobs"]


def test_any_user_may_ask(leader, followers):
    """Cron jobs of any user are answered, over TCP and over the Unix socket."""
    for ask in (
        ["curl", "-f", LEADER],
        ["curl", "-f", "--unix-socket", "/run/leaderd/http", "http://localhost/leader"],
    ):
        assert leader.ok("runuser", "-u", "nobody", "--", *ask)
        assert not any(host.ok("runuser", "-u", "nobody", "--", *ask) for host in followers)


@pytest.mark.parametrize(
    "recipe",
    [
        f"curl -fso /dev/null {LEADER} && echo ran",
        f"wget -qO /dev/null {LEADER} && echo ran",
        f"""php -r 'exit(@file_get_contents("{LEADER}") === false ? 1 : 0);' && echo ran""",
        f"""ruby -rnet/http -e 'exit Net::HTTP.get_response(URI("{LEADER}")).is_a?(Net::HTTPOK)' && echo ran""",
        f"""python3 -c 'import urllib.request as r; r.urlopen("{LEADER}")' 2>/dev/null && echo ran""",
        "/opt/leaderd/bin/leaderd check >/dev/null && echo ran",
    ],
    ids=lambda recipe: shlex.split(recipe)[0].rpartition("/")[2],
)
def test_recipe_runs_on_the_leader_alone(leader, followers, recipe):
    """Each recipe for a crontab runs the job on the leader, and on no follower."""
    assert leader.run("sh", "-c", recipe, check=False).stdout == "ran\n"
    assert [host.run("sh", "-c", recipe, check=False).stdout for host in followers] == [""] * len(followers)


def test_timer_runs_on_the_leader_alone(fleet, leader, followers):
    """The systemd timer starts the job on the leader; on the others it is skipped, which is no failure."""
    for host in fleet.alive:
        host.write(
            "/opt/app/nightly-report", f"#!/bin/sh\n: ${{DATABASE_PASSWORD:?}}\necho report >>{TIMER_LEDGER}\n", 0o755
        )
        for name in ("nightly-report.service", "nightly-report.timer"):
            host.write(f"/etc/systemd/system/{name}", (TOP / "systemd" / name).read_text())
        soon = "[Timer]\nOnCalendar=\nOnCalendar=*-*-* *:*:*\n"
        host.write("/etc/systemd/system/nightly-report.timer.d/soon.conf", soon)
        host.run("systemctl", "daemon-reload")
        host.run("systemctl", "start", "nightly-report.timer")
    until(lambda: "report" in leader.read_disk(TIMER_LEDGER), ANY_TIME, "the timer's job has run")
    for host in followers:
        until(
            lambda host=host: host.property("Result", "nightly-report") == "exec-condition", ANY_TIME, "it was skipped"
        )
        assert host.read_disk(TIMER_LEDGER) == ""
        assert host.ok("systemctl", "is-system-running")
    for host in fleet.alive:
        host.run("systemctl", "stop", "nightly-report.timer")


def test_deployment_of_the_same_version_changes_nothing(fleet, leader):
    """A second deployment installs nothing and restarts nothing, and the same instance leads."""
    before = [(host.property("MainPID"), host.says("readlink", "/opt/leaderd")) for host in fleet.alive]
    for host in fleet.alive:
        for hook in (HOOK, CONFIG_HOOK):
            said = fleet.deploy(host, hook)
            assert "nothing has changed" in said
            assert "installed" not in said
    assert [(host.property("MainPID"), host.says("readlink", "/opt/leaderd")) for host in fleet.alive] == before
    assert leader.leads()


def test_changed_property_restarts_the_daemon_which_leads_at_once(fleet, leader):
    """A changed property reaches the daemon by a restart, over which it keeps its streak."""
    ledgers.harmless(takes=5)
    pid = leader.property("MainPID")
    leader.run("sh", "-c", "echo LEADERD_LOG_LEVEL=debug >>/opt/elasticbeanstalk/deployment/env")
    assert "started" in fleet.deploy(leader, CONFIG_HOOK)
    assert leader.property("MainPID") != pid
    until(leader.leads, ANY_TIME, "it leads again")
    assert leader.log("state.recalled")
    assert leader.status()["settings"]["log_level"] == "debug"
    assert_led_on(leader)


def test_upgrade_restarts_the_daemon_which_leads_at_once(fleet, leader):
    """Another version is installed beside the one that runs, takes its place with its streak, and the old one goes."""
    ledgers.harmless(takes=20)
    before = leader.says("readlink", "/opt/leaderd")
    leader.run("sh", "-c", "echo '# another' >>/var/app/current/.leaderd/requirements.lock")
    said = fleet.deploy(leader)
    assert "installed" in said
    assert "started" in said
    after = leader.says("readlink", "/opt/leaderd")
    assert after != before
    assert leader.says("find", "/opt/leaderd-versions", "-mindepth", "1", "-type", "d", "-prune") == after
    until(leader.leads, ANY_TIME, "it leads again")
    assert_led_on(leader)


def test_failed_installation_does_not_fail_the_deployment(fleet, leader):
    """A bundle that cannot be installed leaves the version that runs alone, and fails the deployment only on demand."""
    pid = leader.property("MainPID")
    wheel = leader.says("sh", "-c", "ls /var/app/current/.leaderd/aiohttp-*")
    leader.run("mv", wheel, "/root")
    for required, expected in (("0", 0), ("1", 1)):
        done = leader.run("env", f"INSTALL_LEADERD_REQUIRED={required}", HOOK, check=False, timeout=120)
        assert done.returncode == expected
        assert "is not installed" in done.stderr
    assert leader.property("MainPID") == pid
    assert leader.leads()
    leader.run("sh", "-c", f"mv /root/aiohttp-* {wheel}")
    assert "nothing has changed" in fleet.deploy(leader)


def test_cron_runs_each_job_on_one_host_in_each_minute(fleet):
    """Real cron, at real minutes: every minute has one run of each job, in the whole fleet together."""
    for job, (program, _) in JOBS.items():
        until(lambda job=job: len(runs(fleet, job)) >= 2, 150, f"cron has run {job} in two minutes")
        for host in fleet.alive:
            until(lambda host=host, program=program: program in cron_log(host), ANY_TIME, f"cron of {host.name} asked")
        assert set(runs(fleet, job).values()) == {1}


def cron_log(host):
    """What cron says that it has started."""
    return host.says("journalctl", "--unit=crond", "--output=cat", "--no-pager")


def test_killed_daemon_is_back_and_leads_at_once(leader, timing):
    """After kill -9 systemd starts the daemon again, and it leads without a new hold-down, by its state file."""
    ledgers.harmless()
    pid = leader.property("MainPID")
    leader.run("kill", "-KILL", pid)
    until(lambda: leader.property("MainPID") not in {pid, "0"}, ANY_TIME, "systemd has started it again")
    until(leader.leads, ANY_TIME, "it leads again")
    assert_led_on(leader)


def assert_led_on(host):
    """The streak is older than the daemon: it was not begun anew."""
    status = host.status()
    assert status["streak"]["first_for"] > status["uptime"]


def test_stopped_daemon_is_restarted_by_the_watchdog(leader):
    """A daemon that hangs is ended and started again by systemd."""
    ledgers.harmless()
    pid = leader.property("MainPID")
    leader.run("kill", "-STOP", pid)
    until(lambda: leader.property("MainPID") not in {pid, "0"}, ANY_TIME, "the watchdog has restarted it")
    assert "Watchdog timeout" in leader.says("journalctl", "--unit=leaderd", "--no-pager", "--output=cat")
    until(leader.leads, ANY_TIME, "it leads again")


@pytest.mark.parametrize("run_survives", [False, True], ids=["run is empty", "run survived"])
def test_state_file_of_another_boot_is_not_believed(leader, timing, run_survives):
    """After a reboot the instance that EB still lists first waits out its probation, even with the file in place."""
    ledgers.harmless()
    leader.reboot(run_survives=run_survives)
    until(leader.leads, ANY_TIME, "it leads again")
    assert leader.status()["uptime"] > timing.probation
    ignored = [line["reason"] for line in leader.log("state.ignored")]
    assert any("boot_id" in reason for reason in ignored) is run_survives


def test_leader_without_network_stops_saying_yes(fleet, leader, timing):
    """A leader whose cable is pulled says no in time; once EB has dropped it another one leads."""
    leader.unplug()
    until(lambda: not leader.leads(), timing.max_staleness + 2, "it says yes no more")
    assert leader.status()["verdict"]["role"] == "unknown"
    fleet.room.ask("drop", leader.id)
    others = [host for host in fleet.alive if host is not leader]
    assert fleet.leader(timing.failover_bound + SLACK) in others
    leader.plug()
    until(lambda: leader.status()["verdict"]["role"] == "follower", ANY_TIME, "it knows that it is no member any more")


def test_another_leads_after_the_leader_was_terminated(fleet, leader, timing):
    """When the leader's host is gone, and EB has dropped it, another one leads within the bound.

    A minute begins meanwhile: that no one leads is no reason to leave out a job that is claimed.
    """
    fleet.last_minute = ledgers.before_a_minute()
    leader.kill()
    fleet.room.ask("drop", leader.id)
    others = [host for host in fleet.alive if host is not leader]
    assert fleet.leader(timing.failover_bound + SLACK) in others
    ledgers.await_runs(fleet, fleet.last_minute)


def test_no_two_hosts_ever_said_yes_at_once(fleet):
    """In all that has happened no two hosts said yes at the same time, as witnesses beside each daemon saw it."""
    until(lambda: all(yeses(host) for host in fleet.hosts), ANY_TIME, "the witnesses have seen each of them lead")
    spans = sorted((start, end, host.name) for host in fleet.hosts for start, end in yeses(host))
    for (_, end, one), (start, _, other) in pairwise(spans):
        assert end < start, f"{one} and {other}"


def test_no_minute_had_two_runs(fleet):
    """In all that has happened cron ran the job of the leader at most once in a minute."""
    assert max(runs(fleet, "leader").values()) == 1


@pytest.mark.parametrize("job", CLAIMED)
def test_every_minute_had_one_run_of_what_is_claimed(fleet, job, capsys):
    """In all that has happened no minute was without a run, and none had two, until after the leader was terminated."""
    minutes = ledgers.minutes(fleet.first_minute, fleet.last_minute)
    ran = runs(fleet, job)
    assert {minute: ran[minute] for minute in minutes} == dict.fromkeys(minutes, 1)
    with capsys.disabled():
        led = sum(runs(fleet, "leader")[minute] for minute in minutes)
        print(f"\n{job} ran once in each of {len(minutes)} minutes; the job that asks /leader in {led}")


@pytest.mark.parametrize("job", CLAIMED)
def test_record_agrees_with_the_ledgers(fleet, job):
    """`GET /claims/JOB` shows who ran in which minute, with tokens that grow by one."""
    minutes = ledgers.minutes(fleet.first_minute, fleet.last_minute)
    shown = claims(fleet.alive[0], job)
    ran = {(minute, host.id) for host in fleet.hosts for minute in host.read_disk(ledgers.ledger(job)).split()}
    told = {(claim["key"], claim["holder"]) for claim in shown}
    assert {each for each in told if each[0] in minutes} == {each for each in ran if each[0] in minutes}
    tokens = [claim["token"] for claim in reversed(shown)]
    assert tokens == list(range(1, len(tokens) + 1))


def test_record_says_how_the_job_ended(fleet):
    """`leaderd run` has written down how each run ended, whatever befell the hosts between two minutes."""
    minutes = ledgers.minutes(fleet.first_minute, fleet.last_minute)

    def outcomes():
        return [claim["outcome"] for claim in claims(fleet.alive[0], "report") if claim["key"] in minutes]

    until(lambda: all(outcomes()), ANY_TIME, outcomes)
    assert {outcome["exit_code"] for outcome in outcomes()} == {0}


def claims(host, job):
    """The claims of a job, as a host's daemon shows them."""
    return json.loads(host.says("curl", "-sf", f"{CLAIMS}/{job}"))["claims"]


def yeses(host):
    """The spans of time in which a host said yes: from the answer to the first yes to the question of the last."""
    spans, open_ = [], False
    for line in host.witnessed.read_text().splitlines():
        asked, answered, yes = line.split()
        if yes == "1" and open_:
            spans[-1] = (spans[-1][0], float(asked))
        elif yes == "1":
            spans.append((float(answered), float(asked)))
        open_ = yes == "1"
    return spans
