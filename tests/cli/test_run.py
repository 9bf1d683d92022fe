import asyncio
import json
import os
import signal
import sys

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from leaderd.demo.faults import StoreFault
from tests.daemons import PATIENCE, clean_environ, leaderd

ME = "i-00000000000000001"


def words(*options):
    return [sys.executable, "-m", "leaderd", "run", *map(str, options)]


async def run(*options, environ=None):
    """Run the command to its end; its exit code, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *words(*options),
        env=clean_environ(environ or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def running(daemon):
    """A daemon whose store is open."""
    running = await daemon()
    await running.event("claims.opened")
    return running


@pytest.fixture
async def scripted():
    """Stands for a daemon: answers as it is told, one after the other, and keeps what it was asked."""
    answers, asked = [], []

    async def answer(request):
        asked.append((request.method, request.path_qs, dict(request.headers), await request.text()))
        status, body, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.json_response(body, status=status, headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", answer)
    async with TestServer(app) as server:
        yield server.port, answers, asked


def unsure(retry_after="0"):
    body = {"job": "a", "key": "k", "claimed": False, "reason": "S3 answered SlowDown", "hint": "wait"}
    return 503, body, {"Retry-After": retry_after}


YES = (200, {"job": "a", "key": "k", "claimed": True, "token": 7, "holder": ME}, {})
RECORDED = (200, {"job": "a", "token": 7, "recorded": True}, {})


async def test_a_tick_is_run_once(running):
    """The command runs, with its job, key and token; asked again in the same tick nothing runs, and nothing is said."""
    how = ("nightly", "--every", 604_800, "--port", running.port, "--")
    code, out, err = await run(*how, "sh", "-c", "echo $LEADERD_JOB $LEADERD_KEY $LEADERD_TOKEN; echo oops >&2")
    job, key, token = out.split()
    assert (code, job, token, err) == (0, "nightly", "1", "oops\n")
    assert key.endswith("T00:00:00Z")
    assert await run(*how, "echo", "again") == (0, "", "")


async def test_the_outcome_is_recorded(running):
    """The exit code is passed on, and stands in the record with the time that the job took."""
    how = ("report", "--key", "v7", "--port", running.port)
    assert (await run(*how, "--", "sh", "-c", "exit 3"))[0] == 3
    claim = (await running.get("/claims/report")).body["claims"][0]
    assert (claim["holder"], claim["key"], claim["outcome"]["exit_code"]) == (ME, "v7", 3)
    assert claim["outcome"]["duration"] >= 0


async def test_not_ours(running, daemon):
    """Another instance that has the tick: exit 0 and silence, or the code that was chosen."""
    other = await daemon(number=1)
    await other.event("claims.opened")
    how = ("weekly", "--every", 604_800, "--", "echo", "ran")
    assert await run("--port", running.port, *how) == (0, "ran\n", "")
    assert await run("--port", other.port, *how) == (0, "", "")
    assert await run("--port", other.port, "--skipped-code", 9, *how) == (9, "", "")


async def test_a_command_may_itself_be_run_by_leaderd(running):
    """What the command is told of its claim is no mistake in its settings."""
    inner = words("inner", "--key", "x", "--port", running.port, "--", "echo", "in")
    assert await run("outer", "--key", "x", "--port", running.port, "--", *inner) == (0, "in\n", "")


async def test_variables_lead_to_the_daemon(running, daemon, tmp_path):
    """The daemon is found by the same settings that it has."""
    environ = {"LEADERD_PORT": str(running.port)}
    assert await run("a", "--key", "x", "--", "echo", "1", environ=environ) == (0, "1\n", "")
    await daemon(number=1, unix_socket=tmp_path / "http")
    assert await run("a", "--key", "y", "--unix-socket", tmp_path / "http", "--", "echo", "2") == (0, "2\n", "")


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [(["/nowhere/x"], 127, "No such file or directory"), (["/"], 126, "Permission denied")],
)
async def test_commands_that_cannot_be_run(running, command, code, says):
    """As in a shell; the claim is spent, and the record says so."""
    result = await run("broken", "--key", str(code), "--port", running.port, "--", *command)
    assert result[:2] == (code, "")
    assert result[2].startswith(f"leaderd: cannot run {command[0]}: {says}")
    assert (await running.get("/claims/broken")).body["claims"][0]["outcome"]["exit_code"] == code


async def test_signals_are_passed_on(running):
    """A job that catches a signal ends as it likes."""
    await asyncio.gather(*(passed_on(running, number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)))


async def passed_on(running, number):
    script = f"""
import signal, sys
signal.signal({int(number)}, lambda *_: sys.exit(5))
print("up", flush=True)
signal.pause()
"""
    process = await asyncio.create_subprocess_exec(
        *words("long", "--key", int(number), "--port", running.port, "--", sys.executable, "-c", script),
        env=clean_environ(),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        assert await process.stdout.readline() == b"up\n"
        process.send_signal(number)
        assert await process.wait() == 5


async def test_a_signal_that_comes_early(running):
    """One that comes while the command is being started is passed on as well: no command is left alone."""
    for number in range(5):
        how = ("race", "--key", number, "--port", running.port, "--", "sh", "-c", "kill -TERM $PPID; exec sleep 60")
        assert (await run(*how))[0] == 128 + signal.SIGTERM


async def test_a_job_that_is_killed(running):
    """128 and the number of the signal."""
    assert (await run("k", "--key", 1, "--port", running.port, "--", "sh", "-c", "kill -9 $$"))[0] == 137


async def test_it_asks_again_while_nobody_can_tell(scripted):
    """By the same name each time, so that an answer that was lost is given again."""
    port, answers, asked = scripted
    answers += [unsure(), unsure(), YES, RECORDED]
    assert await run("a", "--every", 3600, "--port", port, "--", "echo", "ran") == (0, "ran\n", "")
    questions = [(method, path) for method, path, _, _ in asked]
    assert questions == [*[("POST", "/claims/a?every=3600")] * 3, ("PUT", "/claims/a/7")]
    assert len({headers["Idempotency-Key"] for method, _, headers, _ in asked if method == "POST"}) == 1
    assert json.loads(asked[-1][3])["exit_code"] == 0


async def test_a_tick_that_is_over(scripted):
    """After the tick it gives up: 75, with a line that cron mails, and nothing has run."""
    port, answers, asked = scripted
    answers += [unsure()]
    code, out, err = await run("a", "--every", 1, "--port", port, "--", "echo", "ran")
    assert (code, out) == (75, "")
    assert err == "leaderd: a was not run here: S3 answered SlowDown (wait)\n"
    assert asked


async def test_no_daemon():
    """A daemon that does not run may yet come back: until the tick is over."""
    code, out, err = await run("a", "--every", 1, "--port", 1, "--", "echo", "ran")
    assert (code, out) == (75, "")
    assert err.startswith("leaderd: a was not run here: no answer from leaderd at 127.0.0.1:1: Connection refused")


async def test_a_daemon_that_comes_back(running, daemon, aws):
    """A store that cannot say for a while, and then can."""
    aws.cloud.store_faults.everyone = StoreFault.THROTTLE
    process = await asyncio.create_subprocess_exec(
        *words("a", "--every", 3600, "--port", running.port, "--", "echo", "ran"),
        env=clean_environ(),
        stdout=asyncio.subprocess.PIPE,
    )
    await running.event("claims.failed", kind="throttled")
    aws.cloud.store_faults.clear()
    async with asyncio.timeout(PATIENCE):
        assert (await process.communicate())[0] == b"ran\n"
    assert process.returncode == 0


async def test_an_outcome_that_is_refused(scripted):
    """The exit code stays the job's own, and a line says what was not recorded."""
    port, answers, _ = scripted
    answers += [YES, (404, {"error": "this instance has no claim 7 of a", "hint": "look"}, {})]
    assert await run("a", "--key", "k", "--port", port, "--", "sh", "-c", "exit 4") == (
        4,
        "",
        "leaderd: the outcome of /claims/a/7 was not recorded: this instance has no claim 7 of a\n",
    )


async def test_an_outcome_that_is_recorded_late(scripted):
    """While the store cannot say, the outcome is offered again."""
    port, answers, asked = scripted
    answers += [YES, (503, {"error": "Rate exceeded", "hint": "wait"}, {}), RECORDED]
    assert await run("a", "--key", "k", "--port", port, "--", "true") == (0, "", "")
    assert [method for method, *_ in asked] == ["POST", "PUT", "PUT"]


BAD = (
    (("a b", "--", "true"), "'a b' is no name of a job"),
    (("a/b", "--", "true"), "'a/b' is no name of a job"),
    (("a", "--key", "b c", "--", "true"), "key='b c' is of no use"),
    (("a", "--key", "", "--", "true"), "key='' is of no use"),
    (("a", "--key", "x", "--every", "60", "--", "true"), "--every and --key are both given"),
)


async def test_bad_questions(running):
    """What is wrong is said, with exit code 2, and nothing runs."""
    done = await asyncio.gather(*(run("--port", running.port, *options) for options, _ in BAD))
    for (code, out, err), (_, says) in zip(done, BAD, strict=True):
        assert (code, out) == (2, "")
        assert err.startswith(f"leaderd: {says}")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    "options", [(), ("a",), ("a", "--every", "0", "--", "true"), ("a", "--port", "x", "--", "true")]
)
async def test_bad_options(options):
    """A wrong option is exit 2 as well."""
    code, out, _ = await run(*options)
    assert (code, out) == (2, "")


async def test_claims_that_are_off(daemon):
    """A daemon without claims says so at once."""
    running = await daemon(claims="off")
    code, _, err = await run("a", "--port", running.port, "--", "true")
    assert (code, err) == (2, "leaderd: claims are off (start leaderd without --claims off, or ask GET /leader)\n")


async def test_help():
    """The help shows how a crontab has it."""
    code, out, _ = await leaderd("run", {"help": None})
    assert code == 0
    assert "leaderd run invoices -- /opt/app/send-invoices" in out


def test_it_starts_fast():
    """A command that cron starts loads no client of AWS and no server."""
    heavy = ("aiohttp", "aiobotocore", "botocore", "structlog", "prometheus_client")
    code = f"import leaderd.cli.main, sys; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-c", code]) == 0
