"""The metrics and the alerts, as Prometheus' own tool judges them."""

import subprocess

import pytest

from tests.e2e.hosts import TOP
from tests.e2e.waiting import until

METRICS = "http://127.0.0.1:5323/metrics"
ALERTS = TOP / "docs" / "alerts.yml"


def promtool(*arguments, text=""):
    """What promtool has to complain of."""
    done = subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True, input=text)
    return done.stdout + done.stderr if done.returncode else done.stderr


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ["leader", "follower", "unknown"])
def test_metrics_are_without_fault(fleet, timing, role):
    """Promtool has no complaint about the metrics of a real daemon, whatever its role is."""
    leader = fleet.leader(timing.probation + 30)
    host = leader if role == "leader" else next(host for host in fleet.alive if host is not leader)
    if role == "unknown":
        host.unplug()
    try:
        until(lambda: host.status()["verdict"]["role"] == role, timing.max_staleness + 30, f"it is {role}")
        metrics = host.says("curl", "-s", METRICS)
    finally:
        host.plug()
    assert f'leaderd_role{{role="{role}"}} 1.0' in metrics
    assert promtool("check", "metrics", text=f"{metrics}\n") == ""


def test_alerts_are_without_fault():
    """Promtool finds the alert rules sound."""
    assert promtool("check", "rules", str(ALERTS)) == ""


def test_alerts_fire_when_they_should():
    """Each alert fires in the case that it is for, and keeps quiet in its neighbours."""
    assert promtool("test", "rules", str(TOP / "tests" / "e2e" / "alerts-test.yml")) == ""
