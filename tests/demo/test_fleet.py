"""Real daemons in a fleet: started, asked, killed, terminated, and none of them left over."""

import os
import signal
import socket

import pytest

from leaderd.core.election import Role
from leaderd.demo.fleet import Fleet
from leaderd.demo.ports import Ports
from leaderd.demo.sidecar import SILENT, leader_of, nobody_can_tell
from leaderd.errors import CannotStartError
from tests.demo.shows import FAST, listens, small_stage, until, until_answers


async def test_variables_of_the_user(monkeypatch):
    """What the user has set for AWS, leaderd or systemd does not reach the daemons."""
    for name in ("AWS_ENDPOINT_URL_ELASTIC_BEANSTALK", "AWS_PROFILE", "LEADERD_POL_INTERVAL", "NOTIFY_SOCKET"):
        monkeypatch.setenv(name, "nonsense")
    async with small_stage(1) as (stage, _):
        answers = await until_answers(stage.fleet, lambda answers: not nobody_can_tell(answers))
        assert set(answers) == set(stage.aws.cloud.members)
        assert SILENT not in answers.values()


async def test_killed_daemon_comes_back():
    """A daemon that was killed is started again, on its port and with its state, and that is told."""
    async with small_stage(1) as (stage, news):
        (sidecar,) = stage.fleet.sidecars.values()
        await until(lambda: sidecar.files.with_suffix(".json").exists())
        killed = sidecar.pid
        os.kill(killed, signal.SIGKILL)
        await until(lambda: sidecar.pid not in {None, killed})
        await until_answers(stage.fleet, lambda answers: SILENT not in answers.values())
        (told,) = news
        assert told.endswith(f"pid {killed}, died of SIGKILL; started again as pid {sidecar.pid}, as systemd would")
        await until(lambda: '"state.recalled"' in sidecar.log.read_text())


async def test_terminated_instance():
    """A terminated instance is told first, then EB forgets it, then it is gone with its daemon and its metadata."""
    async with small_stage(2) as (stage, _):
        fleet, (gone, stays) = stage.fleet, stage.aws.cloud.members
        port = fleet.sidecars[gone].port
        await until_answers(fleet, lambda answers: answers[stays].role == Role.FOLLOWER)
        fleet.terminate(gone)
        fleet.terminate(gone)
        await until_answers(fleet, lambda answers: "terminated" in answers[gone].reason)
        await until(lambda: gone in fleet.forgotten)
        assert stage.aws.cloud.members == (stays,)
        await until(lambda: gone not in fleet.sidecars)
        assert not listens(port)
        await until_answers(fleet, lambda answers: leader_of(answers) == stays)


async def test_added_instance():
    """An added instance comes last in EB's list, and its daemon answers after a moment."""
    async with small_stage(1) as (stage, _):
        added = await stage.fleet.add()
        assert stage.aws.cloud.members[-1] == added.instance_id
        await until_answers(stage.fleet, lambda answers: answers[added.instance_id].role == Role.FOLLOWER)


async def test_nothing_is_left_over():
    """Whatever ends the fleet, its daemons end with it."""

    class DefectError(Exception):
        pass

    async def show():
        async with small_stage(2) as (stage, _):
            stage.fleet.terminate(stage.aws.cloud.members[0])
            seen.append(stage)
            raise DefectError

    seen = []
    with pytest.raises(DefectError):
        await show()
    ports = [sidecar.port for sidecar in seen[0].fleet.sidecars.values()]
    assert len(ports) == 2
    assert [port for port in ports if listens(port)] == []
    assert not seen[0].directory.exists()


async def test_daemon_that_does_not_start(aws, tmp_path):
    """Why a daemon does not start is said, in its own words."""
    ports = Ports(0, 1)
    with socket.socket() as quicker:
        quicker.bind(("127.0.0.1", ports.reserved[0]))
        quicker.listen()
        async with Fleet(aws, tmp_path, ports, [].append, FAST) as fleet:
            with pytest.raises(CannotStartError, match="cannot listen on"):
                await fleet.start()


async def test_daemon_that_cannot_be_run(aws, tmp_path, monkeypatch):
    """A machine that refuses new processes for a while is asked again."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "missing"))
    news = []
    async with Fleet(aws, tmp_path, Ports(0, 0), news.append, FAST) as fleet:
        added = await fleet.add()
        await until(lambda: added.deaths)
        monkeypatch.undo()
        await until(lambda: news)
        assert "could not be started: No such file or directory; started again" in news[0]
