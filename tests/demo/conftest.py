"""Calls to the pretend EB API, signed by botocore and sent by aiohttp, so that a test can change every part."""

from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from aiohttp import ClientSession
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys


@pytest.fixture
async def session():
    async with ClientSession() as session:
        yield session


@pytest.fixture
def call(aws, session):
    """Make a signed call; give status, parsed document and headers."""

    async def call(
        action="DescribeEnvironmentResources", *, keys=None, service="elasticbeanstalk", region=None, **parameters
    ):
        keys = keys or aws.cloud.credentials(aws.cloud.members[0])
        form = {
            "Action": action,
            "Version": "2010-12-01",
            "EnvironmentName": aws.cloud.environment,
        } | parameters
        body = urlencode({name: value for name, value in form.items() if value is not None})
        request = AWSRequest("POST", f"{aws.beanstalk_listener.url}/", data=body.encode())
        request.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        signer = Keys(keys.access_key, keys.secret_key, keys.token)
        SigV4Auth(signer, service, region or aws.cloud.region).add_auth(request)
        async with session.post(request.url, data=request.data, headers=dict(request.headers)) as response:
            return response.status, ET.fromstring(await response.text()), response.headers

    return call
