"""The roster of the environment, from the Elastic Beanstalk API.

https://docs.aws.amazon.com/elasticbeanstalk/latest/api/API_DescribeEnvironmentResources.html
https://docs.aws.amazon.com/elasticbeanstalk/latest/api/API_DescribeInstancesHealth.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from leaderd.aws.imds import INSTANCE_ID
from leaderd.aws.sdk import Connection, Service
from leaderd.core.roster import Order, Roster, arrange
from leaderd.errors import UnusableAnswerError
from leaderd.log import scrub

BEANSTALK = Service("elasticbeanstalk", "Elastic Beanstalk")


class Beanstalk:
    """Asks for the members of one environment, with one client that is kept until its credentials are refused.

    Args:
        environment: the name, or the id (`e-…`).
        region: the AWS region.
        order: who is first.
        timeout: seconds that one request may take. The caller limits the whole poll.
        environ: the environment variables, for AWS_KEY and AWS_SECRET.
    """

    def __init__(
        self, environment: str, region: str, order: Order, *, timeout: float, environ: Mapping[str, str]
    ) -> None:
        self._which = {"EnvironmentId" if environment.startswith("e-") else "EnvironmentName": environment}
        self._order = order
        self._connection = Connection(
            BEANSTALK,
            region,
            timeout=timeout,
            environ=environ,
            max_pool_connections=1,
            # A connection of its own for each poll: what is left over on a kept one would answer the next question.
            connector_args={"keepalive_timeout": 0.001},
        )
        self._launched: dict[str, float] = {}

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def roster(self) -> Roster:
        """Ask once for the roster.

        Raises:
            SourceError: the call failed, or its answer cannot be used.
        """
        async with self._connection.asking() as client:
            ids = await self._ask(client)
        return arrange(ids, self._order, self._launched)

    async def _ask(self, client: Any) -> list[str]:
        ids = _instance_ids(await client.describe_environment_resources(**self._which))
        if self._order is Order.OLDEST:
            await self._learn_launch_times(client, ids)
        return ids

    async def connect(self) -> Any:
        """The client. Made ahead of the first poll, it does not slow it: loading the SDK's model takes a while.

        Raises:
            SourceError: there are no credentials.
        """
        async with self._connection.asking() as client:
            return client

    async def launch_times(self, ids: Sequence[str]) -> Mapping[str, float]:
        """Ask when these members were launched (Unix time, seconds); those that are not known yet are left out.

        Raises:
            SourceError: the call failed: it needs a permission of its own, and enhanced health reporting.
        """
        async with self._connection.asking() as client:
            await self._learn_launch_times(client, list(ids))
        return dict(self._launched)

    async def _learn_launch_times(self, client: Any, ids: list[str]) -> None:
        """Ask for launch times, if an id is unknown; forget those of ids that are gone."""
        self._launched = {member: at for member, at in self._launched.items() if member in ids}
        token: str | None = None
        while not self._launched.keys() >= set(ids):
            more = {"NextToken": token} if token else {}
            answer = await client.describe_instances_health(AttributeNames=["LaunchedAt"], **self._which, **more)
            for health in answer.get("InstanceHealthList", []):
                if "LaunchedAt" in health:
                    self._launched[health["InstanceId"]] = health["LaunchedAt"].timestamp()
            token = answer.get("NextToken")
            if not token:
                return


def _instance_ids(answer: Any) -> list[str]:
    try:
        ids = [instance["Id"] for instance in answer["EnvironmentResources"]["Instances"]]
    except (KeyError, TypeError) as error:
        raise UnusableAnswerError("the answer of Elastic Beanstalk has no list of instances") from error
    for member in ids:
        if not (isinstance(member, str) and INSTANCE_ID.fullmatch(member)):
            raise UnusableAnswerError(f"Elastic Beanstalk listed {scrub(str(member)[:40])!r}, which is no instance id")
    return ids
