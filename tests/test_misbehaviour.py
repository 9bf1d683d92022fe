"""A whole daemon, and all that can go wrong around it."""

import asyncio
import signal
import time
from dataclasses import replace

import pytest

from leaderd.demo.cloud import ImdsFault
from leaderd.demo.faults import Fault
from tests.daemons import PATIENCE, SHORT, secrets

SHORT = {name.replace("-", "_"): value for name, value in SHORT.items()}


@pytest.fixture
def me(aws):
    return aws.cloud.instances[aws.cloud.members[0]]


async def role(running, wanted):
    """Wait until the daemon has a role."""
    return await running.event("role.changed", new=wanted)


async def answers(running, *statuses):
    """Ask until the answer is one of these; a loaded machine may put another in between."""
    async with asyncio.timeout(PATIENCE):
        while (answer := await running.get()).status not in statuses:
            pass
    return answer


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(ImdsFault.UNAVAILABLE, "imds_failing"), (ImdsFault.DROP, "imds_broken"), (ImdsFault.GARBAGE, "imds_garbage")],
)
async def test_imds_is_late(daemon, me, fault, kind):
    """A daemon that starts before IMDS answers waits for it, says what it waits for, and then leads."""
    me.imds = fault
    running = await daemon()
    entry = await running.event("poll.failed", kind=kind)
    assert entry["hint"]
    answer = await running.get()
    assert (answer.status, answer.body["instance_id"]) == (503, None)
    assert entry["error"] in answer.body["reason"]
    assert (await running.get("/livez")).status == 200
    me.imds = ImdsFault.OK
    await running.event("poll.recovered")
    await role(running, "leader")
    assert (await running.get()).status == 200


async def test_imds_fails_later(daemon, aws, me):
    """A daemon that knows itself goes on leading while IMDS is away."""
    running = await daemon()
    await role(running, "leader")
    me.imds = ImdsFault.UNAVAILABLE
    await aws.beanstalk.reached(aws.beanstalk.count() + 10)
    assert (await running.get()).status == 200


def break_down(aws, me, fault):
    if fault == "no credentials":
        me.has_profile = False
        aws.cloud.expire(me.id)
    else:
        aws.cloud.faults.everyone = fault


async def heal(aws, me):
    aws.cloud.faults.clear()
    me.has_profile = True
    await aws.beanstalk_listener.open()


@pytest.mark.parametrize(
    "faults",
    [
        {Fault.DENY: "denied", Fault.PRIVILEGES: "denied", Fault.THROTTLE: "throttled", Fault.ERROR_500: "failing"},
        {Fault.HANG: "timeout", Fault.DROP: "broken", Fault.HTML: "broken", Fault.HALF: "broken"},
        {
            Fault.EMPTY: "unusable",
            Fault.DUPLICATES: "unusable",
            "refused": "unreachable",
            "no credentials": "credentials",
        },
    ],
    ids=["refusals", "broken", "unusable"],
)
async def test_beanstalk_misbehaves(daemon, aws, me, faults):
    """Whatever Elastic Beanstalk does, the daemon stays up, says 503 when it cannot know, and leads again by itself."""
    running = await daemon(**SHORT)
    await role(running, "leader")
    for fault, kind in faults.items():
        if fault == "refused":
            await aws.beanstalk_listener.close()
        break_down(aws, me, Fault.NONE if fault == "refused" else fault)
        await running.event("poll.failed", kind=kind)
        await role(running, "unknown")
        answer = await running.get()
        assert (answer.status, "Retry-After" in answer.headers) == (503, True)
        assert (await running.get("/livez")).status == 200
        assert (await running.get("/readyz")).status == 503
        assert (await running.get("/status")).body["last_error"]
        await heal(aws, me)
        await running.event("poll.recovered")
        await role(running, "leader")
        await answers(running, 200)


async def test_a_fault_that_passes_in_time(daemon, aws):
    """Errors change nothing while the newest answer is still believed."""
    running = await daemon()
    await role(running, "leader")
    aws.cloud.faults.once.extend([Fault.ERROR_500, Fault.EMPTY, Fault.DUPLICATES, Fault.HTML])
    await running.event("poll.recovered")
    assert (await running.get()).status == 200
    assert running.events().count("role.changed") == 2


async def test_without_this_instance(daemon, aws):
    """A list of others is a definite no, and ends the streak."""
    running = await daemon()
    await role(running, "leader")
    aws.cloud.faults.everyone = Fault.WITHOUT_CALLER
    assert "not in the list of 2" in (await role(running, "follower"))["reason"]
    assert (await running.get()).status == 409
    aws.cloud.faults.clear()
    await role(running, "candidate")
    await role(running, "leader")


async def test_thousands_of_members(daemon, aws):
    """An environment of 5,000 instances is like any other."""
    running = await daemon()
    await role(running, "leader")
    aws.cloud.faults.everyone = Fault.MANY
    await running.event("roster.changed", members=5_000)
    answer = await running.get()
    assert (answer.status, answer.body["members"]) == (409, 5_000)
    assert len((await running.get("/status")).body["roster"]) == 5_000
    aws.cloud.faults.clear()
    await role(running, "leader")
    assert max(len(line) for line in running.lines) < 2_000


async def test_reordered(daemon, aws):
    """The same members in another order are warned of, with the mend."""
    running = await daemon()
    await role(running, "leader")
    aws.cloud.arrange(reversed(aws.cloud.members))
    assert "--order id" in (await running.event("roster.reordered"))["hint"]
    await role(running, "follower")


async def test_succession(daemon, aws, me):
    """When the leader is dropped, the next one leads; the old one says no."""
    first, second = await daemon(), await daemon(number=1)
    await role(first, "leader")
    await role(second, "follower")
    aws.cloud.drop(me.id)
    await role(first, "follower")
    await role(second, "leader")
    assert [(await each.get()).status for each in (first, second)] == [409, 200]


async def test_terminated(daemon, me):
    """An instance that Auto Scaling terminates says no at once, though it is still listed first."""
    running = await daemon()
    await role(running, "leader")
    me.lifecycle = "Terminated"
    assert (await role(running, "follower"))["reason"] == "this instance is being terminated"
    answer = await running.get()
    assert (answer.status, answer.body["reason"]) == (409, "this instance is being terminated")
    assert (await running.get("/status")).body["terminating"] is True


async def test_suspended(daemon):
    """After a suspension that outlasts its answers a daemon does not say yes, not even to who asked meanwhile."""
    running = await daemon(**SHORT)
    await role(running, "leader")
    await answers(running, 200)
    running.process.send_signal(signal.SIGSTOP)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(b"GET /leader HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await asyncio.sleep(float(SHORT["max_staleness"]) + 0.1)  # the time itself is what has to pass
    running.process.send_signal(signal.SIGCONT)
    assert (await reader.readline()).startswith(b"HTTP/1.1 503 ")
    writer.close()
    await role(running, "leader")


async def test_killed(daemon, tmp_path):
    """A daemon that was killed leads again at once when it finds its state file, and waits without one."""
    options = {"hold_down": 1, "max_staleness": 20}
    for state_file, first_role in ((tmp_path / "view.json", "leader"), (tmp_path / "another.json", "candidate")):
        running = await daemon(state_file=tmp_path / "view.json", **options)
        await role(running, "leader")
        running.process.kill()
        await running.ended()
        running = await daemon(state_file=state_file, **options)
        assert (await running.event("role.changed"))["new"] == first_role
        assert await running.stop() == 0


@pytest.mark.parametrize("content", [b"\x00\xff", b"[" * 100_000], ids=["binary", "nested"])
async def test_damaged_state_file(daemon, tmp_path, content):
    """A damaged state file is ignored with a warning, and replaced."""
    file = tmp_path / "view.json"
    file.write_bytes(content)
    running = await daemon(state_file=file)
    assert (await running.event("state.ignored"))["level"] == "warning"
    await role(running, "leader")
    assert file.read_bytes().startswith(b'{"format": 1, ')


async def test_state_file_becomes_unwritable(daemon, aws, tmp_path):
    """A state file that cannot be written any more is one warning; the daemon goes on."""
    running = await daemon(state_file=tmp_path / "view.json")
    await role(running, "leader")
    (tmp_path / "view.json.new").mkdir()
    await running.event("state.unwritable")
    await aws.beanstalk.reached(aws.beanstalk.count() + 5)
    assert (await running.get()).status == 200
    assert running.events().count("state.unwritable") == 1


JUMPING = """
import os, time
real = time.time
time.time = lambda: real() - 3600 * os.path.exists(os.environ["JUMP"])
from leaderd.cli.main import main
main()
"""


async def test_wall_clock_is_set_back(daemon, aws, tmp_path):
    """Whoever sets the wall clock back by an hour changes no verdict."""
    jump = tmp_path / "jump"
    running = await daemon(environ={"JUMP": str(jump)}, how={"code": JUMPING})
    await role(running, "leader")

    async def observed():
        text = (await running.get("/metrics")).text
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("leaderd_observation_t"))

    for set_back in (True, False):
        jump.touch() if set_back else jump.unlink()
        await aws.beanstalk.reached(aws.beanstalk.count() + 10)
        assert (await running.get()).status == 200
        assert (await observed() < time.time() - 3000) is set_back
    assert running.events().count("role.changed") == 2


async def test_no_secret_is_shown(daemon, aws, me):
    """Wrong signatures, refusals and garbage from IMDS are told without any key, token or signature."""
    keys = aws.cloud.credentials(me.id)
    shown = []

    async def look(running):
        shown.extend([(await running.get(path)).text for path in ("/status", "/metrics", "/leader", "/readyz")])

    running = await daemon(log_level="debug")
    await role(running, "leader")
    aws.cloud._keys[keys.access_key] = replace(keys, secret_key="another")
    assert "SignatureDoesNotMatch" in (await running.event("poll.failed", kind="credentials"))["error"]
    await look(running)
    aws.cloud._keys[keys.access_key] = keys
    await running.event("poll.recovered")
    aws.cloud.faults.everyone = Fault.DENY
    await running.event("poll.failed", kind="denied")
    await look(running)
    aws.cloud.faults.clear()
    await running.event("poll.recovered")
    me.imds = ImdsFault.GARBAGE
    aws.imds[me.id].revoke_tokens()
    aws.cloud.expire(me.id)
    await running.event("poll.failed", kind="credentials")
    await look(running)
    me.imds = ImdsFault.OK
    await running.event("poll.recovered")
    everything = running.output + "".join(shown)
    assert len(secrets(aws)) > 5
    assert [secret for secret in secrets(aws) | {keys.secret_key} if secret in everything] == []
    assert "Signature=" not in everything
    assert "AWS4-HMAC-SHA256" not in everything
