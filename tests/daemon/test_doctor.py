import socket
from contextlib import AsyncExitStack
from dataclasses import asdict

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from leaderd import __version__
from leaderd.aws.remedies import Place
from leaderd.config import load
from leaderd.daemon import doctor
from leaderd.daemon.doctor import daemon_found, daemon_said, examine, settings_found, state_found

PLACE = Place("i-0a", "shop-prod", "eu-west-1")


def settings(**flags):
    return load({name.replace("_", "-"): str(value) for name, value in flags.items()}, {})


def status(*, version=__version__, staleness="1.5", order="listed", state_file=None, **verdict):
    known = {"role": "leader", "reason": "so it is", "instance_id": "i-0a", "environment": "shop-prod"}
    in_force = {**asdict(settings().timing), "order": order, "state_file": state_file and str(state_file)}
    return {"version": version, "settings": in_force, "verdict": {**known, "staleness": staleness, **verdict}}


@pytest.fixture
async def answering():
    """Serves /status with a body or a text; gives the port."""
    async with AsyncExitStack() as open_:

        async def answering(body=None, text=None):
            async def answer(_):
                return web.json_response(body) if text is None else web.Response(text=text)

            app = web.Application()
            app.router.add_get("/status", answer)
            return (await open_.enter_async_context(TestServer(app))).port

        yield answering


def test_safe_settings():
    """Settings that keep the bounds are well, and say how long a change of leader takes."""
    finding = settings_found(settings())
    assert finding.ok is True
    assert f"within {settings().timing.failover_bound:.0f} s" in finding.finding


def test_unsafe_settings():
    """Settings that could give two leaders are a failure, even if somebody wanted them."""
    finding = settings_found(settings(hold_down=1, unsafe=1))
    assert finding.ok is False
    assert "two instances could both be leader" in finding.finding
    assert "--unsafe" in finding.mend
    assert settings_found(settings(unsafe=1)).ok is True


@pytest.mark.parametrize("role", ["leader", "candidate", "follower"])
async def test_daemon(answering, role):
    """A daemon that knows its role is well, and has its say."""
    port = await answering(status(role=role))
    finding, said = await daemon_found(settings(port=port), PLACE)
    assert (finding.ok, finding.finding) == (True, f"{role}: so it is")
    assert said["settings"]["order"] == "listed"


async def test_daemon_on_a_socket(tmp_path):
    """It is asked over its Unix socket where one is set."""

    async def answer(_):
        return web.json_response(status())

    app = web.Application()
    app.router.add_get("/status", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, tmp_path / "http").start()
    finding, _ = await daemon_found(settings(unix_socket=tmp_path / "http", port=0), PLACE)
    await runner.cleanup()
    assert finding.ok is True


async def test_no_daemon(tmp_path):
    """Where none runs, the mend starts it."""
    for flags in ({"port": 1}, {"host": "::1", "port": 1}, {"unix_socket": tmp_path / "none"}):
        finding, said = await daemon_found(settings(**flags), PLACE)
        assert (finding.ok, said) == (False, None)
        assert finding.finding.startswith("no answer from leaderd at ")
        assert "systemctl enable --now leaderd" in finding.mend
    assert (await daemon_found(settings(port=0), PLACE))[0].ok is None


async def test_silent_daemon(monkeypatch):
    """One that takes the question and says nothing is none."""
    monkeypatch.setattr(doctor, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        finding, _ = await daemon_found(settings(port=silent.getsockname()[1]), PLACE)
    assert (finding.ok, "none in 0.05 s" in finding.finding) == (False, True)


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>"},
        {"text": ""},
        {"text": "[" * 100_000},
        {"body": []},
        {"body": None},
        {"body": "x"},
        {"body": {"verdict": None}},
        {"body": {"verdict": {}}},
        {"body": status() | {"settings": 5}},
        {"body": status() | {"verdict": []}},
    ],
    ids=lambda answer: str(answer)[:40],
)
async def test_somebody_else(answering, answer):
    """What is not leaderd is said to be so, whatever it answers."""
    port = await answering(**answer)
    finding, said = await daemon_found(settings(port=port), PLACE)
    assert (finding.ok, said) == (False, None)
    assert finding.finding == f"what answers at 127.0.0.1:{port} is not leaderd"
    assert "--port" in finding.mend


@pytest.mark.parametrize(
    ("said", "words", "mend"),
    [
        ({"version": "0.0.0"}, "version 0.0.0 runs", "systemctl restart"),
        ({"instance_id": "i-0b"}, "it takes itself for i-0b", "systemctl restart"),
        ({"environment": "shop-test"}, "it watches shop-test", "--environment"),
        ({"order": "id"}, "it runs with --order id (here listed)", "/etc/leaderd.env"),
        ({"role": "unknown", "reason": "no answer"}, "unknown: no answer", "journalctl"),
    ],
)
def test_daemon_that_disagrees(said, words, mend):
    """A daemon that is another, or elsewhere, or has other settings, is told with the difference."""
    finding = daemon_said(status(**said), settings(), PLACE)
    assert finding.ok is False
    assert words in finding.finding
    assert mend in finding.mend


def test_other_timing():
    """Every number that differs is named as its option; what has none, and follows from them, is not named."""
    finding = daemon_said(status(), settings(poll_interval=5, guard=6), PLACE)
    assert "--poll-interval 10.0 (here 5.0)" in finding.finding
    assert "--guard 5.0 (here 6.0)" in finding.finding
    assert "probation" not in daemon_said(status(), settings(max_staleness=60), PLACE).finding


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"environment": "e-abcdefghij"}, PLACE),
        ({}, Place("i-0a", "e-abcdefghij")),
        ({}, Place()),
        ({"instance_id": None, "environment": None}, PLACE),
    ],
)
def test_what_cannot_be_compared(said, place):
    """A name is not compared with an id, nor anything with what is not known."""
    assert daemon_said(status(**said), settings(), place).ok is True


def test_state_file_of_the_daemon(tmp_path):
    """The running daemon's own state file counts, whatever is set here."""
    path = tmp_path / "view.json"
    here = settings(state_file=tmp_path / "missing" / "view.json")
    running = status(state_file=path)
    finding = state_found(here, running)
    assert (finding.ok, "could not write" in finding.finding) == (False, True)
    path.write_text("{}")
    finding = state_found(here, running)
    assert (finding.ok, finding.finding) == (True, f"{path}, written 0 s ago")


def test_state_file_before_the_first_answer(tmp_path):
    """A daemon that had no answer yet has nothing to keep."""
    assert state_found(settings(), status(state_file=tmp_path / "x", staleness=None)).ok is None


def test_state_file_out_of_sight(tmp_path):
    """What cannot be looked at is not judged."""
    (tmp_path / "file").write_text("")
    assert state_found(settings(), status(state_file=tmp_path / "file" / "x")).ok is None


def test_state_file_without_a_daemon(tmp_path):
    """Without a daemon it is looked whether one could write."""
    assert state_found(settings(state_file=tmp_path / "x"), None).ok is True
    finding = state_found(settings(state_file=tmp_path / "missing" / "x"), None)
    assert (finding.ok, "--state-file" in finding.mend) == (False, True)
    assert state_found(settings(state_file=tmp_path), None).ok is False
    assert list(tmp_path.iterdir()) == []


def test_no_state_file():
    """None is set: that is well, and what it costs is said."""
    finding = state_found(settings(), None)
    assert (finding.ok, "s to lead again" in finding.finding) == (True, True)


async def test_all_checks(tmp_path):
    """All checks are made, in order, whatever fails."""
    findings = []
    await examine(settings(port=1), Place(), findings.append, root=tmp_path)
    assert [finding.check for finding in findings] == ["settings", "daemon", "state", "cron", "backups"]
    assert [finding.ok for finding in findings] == [True, False, True, False, True]
