import asyncio
import os
import resource
import shutil
import signal
import socket
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from leaderd.daemon import app
from leaderd.demo.cloud import ImdsFault
from leaderd.demo.faults import Fault
from tests.daemons import PATIENCE, clean_environ, run

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


async def leading(daemon, **options):
    running = await daemon(**options)
    await running.event("role.changed", new="leader")
    return running


async def test_leads(daemon, aws):
    """A daemon finds out who it is, polls, becomes candidate, then leader, and says each once."""
    running = await leading(daemon)
    answer = await running.get()
    assert (answer.status, answer.body["leader"]) == (200, True)
    assert answer.body["instance_id"] == answer.body["leader_id"] == aws.cloud.members[0]
    assert answer.body["members"] == 3
    assert [event for event in running.events() if event != "claims.opened"] == [
        "daemon.listening",
        "daemon.started",
        "settings.unsafe",
        "environment.discovered",
        "region.discovered",
        "instance.introduced",
        "leader.changed",
        "roster.seen",
        "role.changed",
        "role.changed",
    ]


async def test_a_budget_that_cannot_be_kept_is_said_at_the_start(daemon):
    """The first three poll as often as they were told to; the log says what that makes together."""
    running = await daemon(api_budget=0.5)
    warning = await running.event("settings.over_budget")
    assert "--api-budget 0.5" in warning["problem"]
    assert "--poll-interval 0.1" in warning["problem"]


async def test_the_budget_reaches_those_that_are_far_behind(daemon, aws):
    """The fourth of four polls every five minutes where the first three leave nothing."""
    await aws.launch(4)
    running = await daemon(number=3, api_budget=0.5)
    await running.event("role.changed", new="follower")
    status = (await running.get("/status")).body
    assert status["polls_every"] == 300
    assert status["verdict"]["valid_for"] > 600


async def test_follows(daemon, aws):
    """The others know that they are not leader, and who is."""
    running = await daemon(number=1)
    await running.event("role.changed", new="follower")
    answer = await running.get()
    assert (answer.status, answer.body["leader_id"], answer.body["rank"]) == (409, aws.cloud.members[0], 1)


async def test_uneventful_polls_are_silent(daemon, aws):
    """While nothing changes nothing is logged, however many polls there are."""
    running = await leading(daemon)
    await running.get("/claims/invoices")  # so that the store has been opened, which is said as well
    lines = len(running.lines)
    await aws.beanstalk.reached(aws.beanstalk.count() + 15)
    await running.get()
    assert len(running.lines) == lines


async def test_console(daemon):
    """For people the log has another format."""
    running = await daemon(log_format="console", listens=False)
    async with asyncio.timeout(PATIENCE):
        while "role.changed" not in running.output:
            await running._news.wait()
    assert "new=candidate" in running.output
    assert "{" not in running.output


async def test_discovers_its_environment(daemon, aws):
    """Without a setting the environment comes from what the instance knows, and the log says from where."""
    aws.cloud.instances[aws.cloud.members[0]].tags_in_imds = True
    running = await daemon(environment="leave out")
    entry = await running.event("environment.discovered")
    assert entry["source"] == "instance tag elasticbeanstalk:environment-name"
    await running.event("role.changed", new="leader")
    assert (await running.get("/status")).body["settings"]["environment"] == aws.cloud.environment


async def test_metrics(daemon):
    """The metrics of a running daemon tell what it did."""
    running = await leading(daemon)
    text = (await running.get("/metrics")).text
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["leaderd_is_leader",] == 1
    assert values["leaderd_polls_total", "ok"] >= 2
    assert values["leaderd_transitions_total",] == 2
    assert values["leaderd_poll_duration_seconds_count",] == values["leaderd_polls_total", "ok"]


async def test_ends_on_sigterm(daemon):
    """SIGTERM ends the daemon cleanly, which SIGHUP does not: nobody hears a yes any more, and the exit code is 0."""
    running = await leading(daemon)
    running.process.send_signal(signal.SIGHUP)
    assert (await running.get()).status == 200
    running.process.send_signal(signal.SIGTERM)
    await running.event("daemon.stopping")
    with suppress(aiohttp.ClientError):  # nobody listens any more
        assert (await running.get()).status == 503
    assert await running.ended() == 0


async def test_ends_on_sigint(daemon):
    """Ctrl-C does the same."""
    running = await leading(daemon)
    running.process.send_signal(signal.SIGINT)
    assert await running.ended() == 0


@pytest.mark.parametrize("hanging", ["poll", "metadata"])
async def test_ends_while_aws_hangs(daemon, aws, hanging):
    """The end does not wait for AWS."""
    me = aws.cloud.members[0]
    if hanging == "poll":
        aws.cloud.faults.everyone = Fault.HANG
        running = await daemon(request_timeout=1000, max_staleness=2000)
        await aws.beanstalk.reached(1)
    else:
        aws.cloud.instances[me].imds = ImdsFault.HANG
        running = await daemon()
        await running.event("poll.failed", kind="imds_timeout")
    running.process.send_signal(signal.SIGTERM)
    assert await running.ended() == 0


async def test_many_questions_at_its_end(daemon):
    """Whoever asks while the daemon ends gets a whole answer or none."""
    running = await leading(daemon)
    asking = [asyncio.create_task(running.get("/status")) for _ in range(50)]
    while not any(task.done() for task in asking):
        await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    running.process.send_signal(signal.SIGTERM)
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(answer, aiohttp.ClientError) or answer.body["version"] for answer in answers)
    assert await running.ended() == 0


async def test_unix_socket_is_gone_afterwards(daemon, tmp_path):
    """The Unix socket goes with the daemon, and one that a killed daemon left is replaced."""
    path = tmp_path / "http"
    running = await daemon(unix_socket=path)
    running.process.kill()
    await running.ended()
    assert path.is_socket()
    running = await daemon(unix_socket=path)
    assert await running.stop() == 0
    assert not path.exists()


@pytest.mark.parametrize("abstract", [False, True])
async def test_systemd(daemon, tmp_path, abstract):
    """The service manager hears that the daemon is ready, how it stands, that it lives and that it stops."""
    address = f"@leaderd-{os.getpid()}" if abstract else str(tmp_path / "notify")
    heard = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0", 1))
        systemd.setblocking(False)

        async def hear(beginning):
            async with asyncio.timeout(PATIENCE):
                while not (heard and heard[-1].startswith(beginning)):
                    heard.append((await asyncio.get_running_loop().sock_recv(systemd, 4096)).decode())

        running = await daemon(environ={"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "300000"})
        await hear("READY=1")
        assert len(heard) == 1
        await hear("WATCHDOG=1")
        await hear("STATUS=leader: first of 3, for ")
        await hear("WATCHDOG=1")
        running.process.terminate()
        await hear("STOPPING=1")
        assert await running.ended() == 0


@pytest.mark.looptime
async def test_watchdog_is_not_fed_when_stuck():
    """A watcher that does not take its steps is not called alive, and systemd will start the daemon anew."""
    fed = []
    watcher = SimpleNamespace(alive=True)
    notifier = SimpleNamespace(watchdog=30.0, feed=lambda: fed.append(asyncio.get_running_loop().time()))
    feeding = asyncio.create_task(app._feed_watchdog(watcher, notifier))
    await asyncio.sleep(25)
    assert fed == [0, 10, 20]
    watcher.alive = False
    await asyncio.sleep(100)
    assert len(fed) == 3
    watcher.alive = True
    await asyncio.sleep(10)
    assert len(fed) == 4
    feeding.cancel()


async def test_a_part_that_ends_ends_all(logged):
    """When a part of the daemon ends by itself, that is an error with its name: better a restart than half a daemon."""

    async def fall():
        raise ZeroDivisionError

    tasks = [asyncio.create_task(asyncio.sleep(1000), name="herald"), asyncio.create_task(fall(), name="watcher")]
    with pytest.raises(app.TaskEndedError, match="the watcher ended by itself"):
        await app._wait(asyncio.Event(), tasks)
    assert [(entry["event"], entry["task"]) for entry in logged] == [("task.ended", "watcher")]
    app._cancel(tasks)


async def test_a_thousand_connections(daemon):
    """A thousand clients at once are all answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    running = await leading(daemon)
    clients = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", running.port) for _ in range(1000)))
    for _, writer in clients:
        writer.write(b"GET /leader HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answers = await asyncio.gather(*(reader.read() for reader, _ in clients))
    for _, writer in clients:
        writer.close()
    assert len(answers) == 1000
    assert all(answer.startswith(b"HTTP/1.1 200 ") and b'"leader":true' in answer for answer in answers)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
async def test_a_full_disk(daemon, aws):
    """A log that cannot be written does not end the daemon."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Path("/dev/full").open("w") as full:  # noqa: ASYNC230  a device
        running = await daemon(listens=False, port=port, how={"stderr": full})
    running.port = port
    await aws.beanstalk.reached(20)
    assert (await running.get()).status == 200
    running.process.kill()
    await running.ended()


@needs_curl
async def test_curl(daemon, tmp_path):
    """The line of a crontab: curl ends with 0 on the leader, and with 22 where there is a no or no answer yet."""
    leader, follower = await leading(daemon, unix_socket=tmp_path / "http"), await daemon(number=1)
    await follower.event("role.changed", new="follower")
    curl, environ = ["curl", "-fso", "/dev/null"], clean_environ()
    assert (await run(*curl, f"{leader.url}/leader", environ=environ))[0] == 0
    assert (await run(*curl, "--head", f"{leader.url}/leader", environ=environ))[0] == 0
    assert (await run(*curl, "--unix-socket", str(tmp_path / "http"), "http://localhost/leader", environ=environ))[
        0
    ] == 0
    assert (await run(*curl, f"{follower.url}/leader", environ=environ))[0] == 22
    assert (await run(*curl, f"{leader.url}/leader?min_valid=1000", environ=environ))[0] == 22
    code, out, _ = await run("curl", "-s", "-H", "Accept: text/plain", f"{follower.url}/leader", environ=environ)
    assert (code, out) == (0, "follower\n")


@needs_curl
async def test_curl_never_repeats_a_no(daemon):
    """With --retry curl takes a follower's no for an answer."""
    follower = await daemon(number=1)
    await follower.event("role.changed", new="follower")
    code, _, err = await run("curl", "-f", "--retry", "9", f"{follower.url}/leader", environ=clean_environ())
    assert code == 22
    assert "retry" not in err.lower()


@needs_curl
async def test_curl_repeats_what_cannot_be_told(daemon, aws):
    """With --retry curl asks again where it cannot be told yet, when it was told to, until there is a yes."""
    instance = aws.cloud.instances[aws.cloud.members[0]]
    instance.imds = ImdsFault.UNAVAILABLE
    running = await daemon()
    curl = await asyncio.create_subprocess_exec(
        *("curl", "-f", "--retry", "20", f"{running.url}/leader"),
        env=clean_environ(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        said = b""
        while b"retry" not in said.lower():
            said += await curl.stderr.read(1000)
        instance.imds = ImdsFault.OK
        out, _ = await curl.communicate()
    assert curl.returncode == 0
    assert b'"role":"leader"' in out
