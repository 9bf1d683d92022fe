"""The pretend AWS as a process: so that what it costs is not counted with what is measured."""

import asyncio
import json
import sys

from leaderd.demo.pretend import PretendAws


async def run(instances: int) -> None:
    """Launch instances, print the variables that lead to each, and serve until stdin ends."""
    async with PretendAws() as aws:
        launched = [await aws.launch() for _ in range(instances)]
        print(json.dumps([aws.environ(instance.id, region=True) for instance in launched]), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1])))
