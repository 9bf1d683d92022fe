"""The room that the hosts stand in: a network with the pretend AWS on it, and a disk. All of it ends with this process.

Runs in network and mount namespaces of its own. Reads one JSON command a line and answers each with a line.
"""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from aiohttp import web

from leaderd.demo.beanstalk import Beanstalk
from leaderd.demo.cloud import Cloud, Instance
from leaderd.demo.imds import Imds
from leaderd.demo.s3 import S3

IMDS_ADDRESS = "169.254.169.254"
GATEWAY = "10.77.0.1"
EB_PORT, S3_PORT = 8080, 8081
SETUP = f"""
ip link set lo up
ip address add {IMDS_ADDRESS}/32 dev lo
ip link add br0 address 02:00:00:00:00:01 type bridge # its own, or it would change with the cables that are in it
ip address add {GATEWAY}/24 dev br0
ip link set br0 up
mount -t tmpfs -o mode=755 room "$PWD"
cd "$PWD" # into what was just mounted
mkdir cgroup
mount -t cgroup2 cgroup2 cgroup
"""


class Room:
    """The pretend AWS, and what the tests may do with it. Instances are told apart by the address they ask from."""

    def __init__(self) -> None:
        self.cloud = Cloud(seed=1)
        self.beanstalk = Beanstalk(self.cloud)
        self.s3 = S3(self.cloud)
        self.imds = Imds(self.cloud, self._instance_of)
        self._instances: dict[str, Instance] = {}

    async def open(self) -> None:
        """Serve IMDS, Elastic Beanstalk and S3."""
        for service, address, port in (
            (self.imds, IMDS_ADDRESS, 80),
            (self.beanstalk, GATEWAY, EB_PORT),
            (self.s3, GATEWAY, S3_PORT),
        ):
            runner = web.AppRunner(service.app(), access_log=None)
            await runner.setup()
            await web.TCPSite(runner, address, port).start()

    def _instance_of(self, request: web.Request) -> Instance:
        return self._instances[request.remote or ""]

    async def launch(self, address: str) -> str:
        """Launch the instance that has this address."""
        instance = self._instances[address] = self.cloud.launch(len(self._instances) + 1)
        return instance.id

    async def facts(self) -> dict[str, str]:
        """What a real instance finds in its files."""
        return {"envid": self.cloud.environment_id, "region": self.cloud.region}

    async def drop(self, instance_id: str) -> None:
        """Let Elastic Beanstalk forget an instance."""
        self.cloud.drop(instance_id)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def _serve() -> None:
    room = Room()
    await room.open()
    _say("ready")
    commands = {each.__name__: each for each in (room.launch, room.facts, room.drop)}
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, *arguments = json.loads(line)
        _say(json.dumps(await commands[name](*arguments)))


if __name__ == "__main__":
    subprocess.run(["bash", "-euc", SETUP], cwd=Path(sys.argv[1]), check=True)
    asyncio.run(_serve())
