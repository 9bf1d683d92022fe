"""The pretend AWS as a whole: one cloud, its EB API, its S3 and a metadata service per instance, on loopback."""

import asyncio
from types import TracebackType
from typing import Self

from leaderd.demo.beanstalk import Beanstalk
from leaderd.demo.cloud import Cloud, Instance
from leaderd.demo.imds import Imds
from leaderd.demo.listener import Listener
from leaderd.demo.s3 import S3


class PretendAws:
    """Runs a `Cloud` on loopback while the context is entered.

        async with PretendAws() as aws:
            instance = await aws.launch()
            variables = aws.environ(instance.id)

    Attributes:
        cloud: The truth; change it to change what the services answer.
        beanstalk: The EB API, with its log of calls.
        s3: S3, with its buckets and its log of calls.
        imds: The metadata services by instance id, each with its log.
        beanstalk_listener: Where EB listens: `close` it for "connection refused", then `open` it again.
        s3_listener: Where S3 listens.
        imds_listeners: Where the metadata services listen, by instance id.
    """

    def __init__(self, cloud: Cloud | None = None) -> None:
        self.cloud = cloud or Cloud()
        self.beanstalk = Beanstalk(self.cloud)
        self.beanstalk_listener = Listener(self.beanstalk.app)
        self.s3 = S3(self.cloud)
        self.s3_listener = Listener(self.s3.app)
        self.imds: dict[str, Imds] = {}
        self.imds_listeners: dict[str, Listener] = {}

    async def __aenter__(self) -> Self:
        """Listen, for the instances that the cloud has already as well."""
        await self.beanstalk_listener.open()
        await self.s3_listener.open()
        for instance in self.cloud.instances.values():
            await self._serve_metadata(instance)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything at once; calls that hang are cut off."""
        listeners = [self.beanstalk_listener, self.s3_listener, *self.imds_listeners.values()]
        await asyncio.gather(*(listener.close() for listener in listeners))

    async def launch(self, number: int | None = None) -> Instance:
        """Launch an instance and start its metadata service; `number` fixes its id."""
        instance = self.cloud.launch(number)
        await self._serve_metadata(instance)
        return instance

    def environ(self, instance_id: str, *, region: bool = False) -> dict[str, str]:
        """Return the variables that lead an SDK to this instance's metadata, and to nothing of this machine.

        Put them in place of all variables that begin with AWS_. The region is to be found through the
        metadata service; `region` names it, for boto3 and the AWS CLI, which do not look there.
        """
        variables = {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.imds_listeners[instance_id].url,
            "AWS_EC2_METADATA_V1_DISABLED": "true",
            "AWS_ENDPOINT_URL_ELASTIC_BEANSTALK": self.beanstalk_listener.url,
            "AWS_ENDPOINT_URL_S3": self.s3_listener.url,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        if region:
            variables |= {"AWS_REGION": self.cloud.region, "AWS_DEFAULT_REGION": self.cloud.region}
        return variables

    async def _serve_metadata(self, instance: Instance) -> None:
        imds = self.imds[instance.id] = Imds(self.cloud, lambda _: instance)
        listener = self.imds_listeners[instance.id] = Listener(imds.app)
        await listener.open()
