"""The fleet: real daemons on instances of the pretend AWS, and what can be done to them."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from leaderd.core.timing import Timing
from leaderd.demo.cloud import Cloud
from leaderd.demo.pretend import PretendAws
from tests.chaos.record import YES
from tests.chaos.sampler import BREATH, PATIENCE, Sampler
from tests.daemons import Daemon, clean_environ

TIMING = Timing.derive(poll_interval=0.3, request_timeout=0.8, max_staleness=2.0, api_lag=0.2, guard=0.3)
"""Short, with room for polls that a busy machine delays; what is derived from them is as safe as anywhere."""
PATIENT = Timing.derive(poll_interval=0.3, request_timeout=0.8, max_staleness=4.0, api_lag=0.2, guard=0.3)
"""The same, but an answer is believed for as long as a process may need to start on a busy machine."""
SIZE = 4
"""Members of the environment."""


class FickleCloud(Cloud):
    """A cloud whose answers can each be behind the truth by another time, up to `longest_lag` seconds."""

    longest_lag = 0.0

    def told(self):
        """The members as they were a moment ago."""
        self.lag = self.rng.uniform(0, self.longest_lag)
        return super().told()


class Member:
    """The daemon of one instance. Its state file stays when its process is started anew.

    Attributes:
        id: the instance.
        ready: its process has been started, and asks EB.
        asleep: its process is stopped by SIGSTOP.
        dead: the instance itself has ended, and with it all that ran there.
    """

    def __init__(self, instance_id, fleet):
        self.id = instance_id
        self.ready = False
        self.asleep = False
        self.dead = False
        self._fleet = fleet
        self._daemons = []

    @property
    def awake(self):
        """Whether it should answer."""
        return self.ready and not self.asleep

    @property
    def url(self):
        """Where its process listens; None while there is none. Another could listen where a dead one did."""
        running = [daemon for daemon in self._daemons[-1:] if daemon.port and daemon.process.returncode is None]
        return running[0].url if running else None

    @property
    def lines(self):
        """What all its processes logged."""
        return [line for daemon in self._daemons for line in daemon.lines]

    async def start(self):
        """Start its process, and wait until it has been asked and has asked EB."""
        began, calls = time.monotonic(), self._fleet.calls(self)
        environ = _without_coverage(clean_environ(self._fleet.aws.environ(self.id)))
        self._daemons.append(daemon := await Daemon.start(environ, self._fleet.options(self.id)))
        self._fleet.sampler.watch(self.id, (await daemon.listening()).port)
        await self._fleet.sampler.says(self.id, 200, 409, 503)
        await self._fleet.polled(self, calls + 1)
        self.ready = True
        self._fleet.slowest_start = max(self._fleet.slowest_start, time.monotonic() - began)

    async def get(self, path):
        """What its process answers."""
        return await self._daemons[-1].get(path)

    async def event(self, name, **fields):
        """Wait until its process logs this."""
        return await self._daemons[-1].event(name, **fields)

    async def kill(self):
        """End its process as `kill -9` does."""
        self.ready = False
        with suppress(ProcessLookupError):
            self._daemons[-1].process.kill()
        await self._daemons[-1].ended()

    async def die(self):
        """End its process and its instance."""
        self.dead = True
        await self.kill()

    async def stop(self):
        """End its process as systemd does, if it has one."""
        self.ready = False
        for daemon in self._daemons[-1:]:
            code = await daemon.stop()
            assert code in {0, -signal.SIGKILL}, f"{self.id} ended with {code}:\n{daemon.output}"

    def freeze(self):
        """Let its process stand still."""
        self.asleep = True
        self._daemons[-1].process.send_signal(signal.SIGSTOP)

    def thaw(self):
        """Let its process go on."""
        self._daemons[-1].process.send_signal(signal.SIGCONT)
        self.asleep = False


class Fleet:
    """Runs daemons, and keeps as many of them as it should have. Use it as a context manager.

    Attributes:
        order: who is first.
        timing: the settings of all daemons.
        aws: the pretend AWS.
        cloud: its truth.
        sampler: asks all daemons.
        members: the daemons that run, those of instances that EB has dropped included, by instance id.
        lasted: how long the newest fault lasted, in seconds.
        slowest_start: how long the slowest process took until it asked EB, in seconds: a measure of this machine.
    """

    def __init__(self, order, timing, breath=BREATH):
        self.order = order
        self.timing = timing
        self.cloud = FickleCloud(seed=1)
        self.aws = PretendAws(self.cloud)
        self.sampler = Sampler(breath)
        self.members = {}
        self.lasted = 0.0
        self.slowest_start = 0.0
        self._numbers = count(1000)
        self._buried = []
        self._launching = set()
        self._open = AsyncExitStack()

    async def __aenter__(self):
        self._directory = Path(self._open.enter_context(TemporaryDirectory(prefix="leaderd-chaos-")))
        await self._open.enter_async_context(self.aws)
        self._open.push_async_callback(self._stop)
        self._open.push_async_callback(self.sampler.close)
        return self

    async def __aexit__(self, *error):
        await self._open.aclose()

    def options(self, instance_id):
        """The options of a daemon."""
        return {
            "environment": self.cloud.environment,
            "port": 0,
            "order": self.order,
            "poll-interval": self.timing.poll_interval,
            "request-timeout": self.timing.request_timeout,
            "max-staleness": self.timing.max_staleness,
            "api-lag": self.timing.api_lag,
            "guard": self.timing.guard,
            "api-budget": 1000,
            "state-file": self._directory / f"{instance_id}.json",
            "log-format": "json",
        }

    @property
    def first(self):
        """The member that should lead."""
        listed = self.cloud.members
        return self.members[min(listed) if self.order == "id" else listed[0]]

    async def launch(self, number=None, *, first=False, listed=True):
        """Launch an instance, last in EB's list unless it is to be `first` there, and start its daemon.

        One that is not to be `listed` is unknown to EB until it is put first.
        """
        instance = self.cloud.launch(next(self._numbers) if number is None else number)
        if first:
            self.cloud.put_first(instance.id)
        if not listed:
            self.cloud.drop(instance.id)
        member = self.members[instance.id] = Member(instance.id, self)
        await self.aws._serve_metadata(instance)
        await member.start()
        return member

    @contextmanager
    def fault(self):
        """Measure how long a fault lasts."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.lasted = time.monotonic() - began

    def calls(self, member):
        """How often a daemon has called EB."""
        return self.aws.beanstalk.count(caller=member.id)

    async def polled(self, member, calls=None):
        """Wait until a daemon has called EB once more, or so often in all."""
        async with asyncio.timeout(PATIENCE):
            await self.aws.beanstalk.reached(calls or self.calls(member) + 1, caller=member.id)

    async def kept(self, member):
        """Wait until a daemon has seen an answer of EB, and written it down: its next but one call follows that."""
        await self.polled(member, self.calls(member) + 2)

    async def settled(self):
        """Wait until the first member says yes, and nobody else who is awake, all of them asked from now on."""
        now = time.monotonic()

        def settled():
            first = self.first
            awake = [member for member in self.members.values() if member.awake]
            newest = [self.sampler.record.latest[member.id] for member in awake]
            return first in awake and all(
                sample.sent >= now and (sample.status == YES) == (member is first)
                for member, sample in zip(awake, newest, strict=True)
            )

        await self.sampler.until(settled, f"{self.first.id} and nobody else leads")
        unwatched = [each.id for each in self.members.values() if each.ready and not self.sampler.watches(each.id)]
        assert not unwatched, f"not asked any more, though they run: {unwatched}"

    async def tidy(self):
        """End the daemons of instances that EB has dropped, and begin to launch others in their place."""
        gone = [member for member in self.members.values() if member.id not in self.cloud.members]
        for member in gone:
            await member.die()
            self._buried.append(self.members.pop(member.id))
        for _ in range(SIZE - len(self.cloud.members)):
            self._launching.add(asyncio.create_task(self.launch(), name="launch"))

    def logs(self):
        """What each instance logged, by instance id."""
        return {member.id: member.lines for member in (*self._buried, *self.members.values())}

    async def _stop(self):
        """Stop all that runs, whatever goes wrong with one of them."""
        launched = await asyncio.gather(*self._launching, return_exceptions=True)
        stopped = await asyncio.gather(*(each.stop() for each in self.members.values()), return_exceptions=True)
        for error in (*launched, *stopped):
            if isinstance(error, BaseException):
                raise error


def _without_coverage(environ):
    """The same variables, but those that let a process measure its own coverage: it would start twice as slowly."""
    return {name: value for name, value in environ.items() if not name.startswith("COVERAGE_")}
