import asyncio

import pytest
from aiohttp import ClientConnectionError, ClientConnectorError, ClientTimeout

from leaderd.demo.cloud import Cloud, ImdsFault
from leaderd.demo.pretend import PretendAws

TTL = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}


async def metadata(session, environ, path):
    endpoint = environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
    async with session.put(f"{endpoint}/latest/api/token", headers=TTL) as response:
        token = await response.text()
    headers = {"X-aws-ec2-metadata-token": token}
    async with session.get(f"{endpoint}/latest/meta-data/{path}", headers=headers) as response:
        return await response.text()


async def test_each_instance_has_its_metadata(aws, session):
    """Each instance finds itself at the endpoint of its own environment."""
    for instance_id in aws.cloud.members:
        assert await metadata(session, aws.environ(instance_id), "instance-id") == instance_id


async def test_launch_while_running(aws, session):
    """An instance that is launched later has metadata at once."""
    instance = await aws.launch()
    assert aws.cloud.members[-1] == instance.id
    assert await metadata(session, aws.environ(instance.id), "instance-id") == instance.id


async def test_cloud_from_before(session):
    """Instances that a cloud has already are served as well."""
    cloud = Cloud()
    instance = cloud.launch()
    async with PretendAws(cloud) as aws:
        assert await metadata(session, aws.environ(instance.id), "instance-id") == instance.id


async def test_environ(aws):
    """The environment leads nowhere but to loopback, and names a region only when asked."""
    environ = aws.environ(aws.cloud.members[0])
    urls = [value for value in environ.values() if "://" in value]
    assert len(urls) == 3
    assert all(url.startswith("http://127.0.0.1:") for url in urls)
    assert environ["AWS_CONFIG_FILE"] == environ["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert not {name for name in environ if "REGION" in name}
    assert aws.environ(aws.cloud.members[0], region=True)["AWS_DEFAULT_REGION"] == aws.cloud.region


@pytest.mark.parametrize("service", ["beanstalk", "s3", "imds"])
async def test_close_and_open(aws, session, service):
    """A closed service refuses connections, and is back on the same port afterwards."""
    instance_id = aws.cloud.members[0]
    listener = {"beanstalk": aws.beanstalk_listener, "s3": aws.s3_listener, "imds": aws.imds_listeners[instance_id]}[
        service
    ]
    url = listener.url
    await listener.close()
    with pytest.raises(ClientConnectorError):
        await session.get(url)
    await listener.open()
    await listener.open()
    assert listener.url == url
    async with session.get(url) as response:
        assert response.status in {401, 403}


async def test_ends_while_calls_hang(session):
    """The end does not wait for those who wait."""
    async with PretendAws() as aws:
        instance = await aws.launch()
        instance.imds = ImdsFault.HANG
        arrived = asyncio.Event()
        aws.imds[instance.id].instance_of = lambda _: arrived.set() or instance
        url = f"{aws.environ(instance.id)['AWS_EC2_METADATA_SERVICE_ENDPOINT']}/latest/api/token"
        hanging = asyncio.create_task(session.put(url, headers=TTL, timeout=ClientTimeout(total=None)))
        await arrived.wait()
    with pytest.raises(ClientConnectionError):
        await hanging
