import json
from datetime import UTC, datetime

import pytest
from aiohttp import ClientConnectionError
from aiohttp.test_utils import TestClient, TestServer

from leaderd.demo.cloud import Cloud, ImdsFault
from leaderd.demo.imds import Imds

TOKEN = "/latest/api/token"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
INSTANCE_ID = "/latest/meta-data/instance-id"


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def cloud(clock):
    cloud = Cloud(seed=1, monotonic=lambda: clock[0], now=lambda: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    cloud.launch(1)
    cloud.launch(2)
    return cloud


@pytest.fixture
def instance(cloud):
    return cloud.instances[cloud.members[0]]


@pytest.fixture
def imds(cloud, instance):
    """Both instances behind one port: a header says where a request comes from."""
    return Imds(cloud, lambda request: cloud.instances[request.headers.get("From", instance.id)])


@pytest.fixture
async def client(imds):
    async with TestClient(TestServer(imds.app())) as client:
        yield client


@pytest.fixture
async def get(client):
    headers = {"X-aws-ec2-metadata-token": await _token(client)}

    async def get(path, method="GET", **more):
        async with client.request(method, f"/latest/{path}", headers=headers | more) as response:
            return response.status, await response.text()

    return get


async def _token(client, ttl="60", **headers):
    async with client.put(TOKEN, headers={TTL_HEADER: ttl} | headers) as response:
        assert response.status == 200
        assert response.headers["X-Aws-Ec2-Metadata-Token-Ttl-Seconds"] == ttl
        return await response.text()


@pytest.mark.parametrize("ttl", [None, "", "0", "-1", "21601", "1.5", "x", "²", "9" * 5000])
async def test_token_needs_a_ttl(client, ttl):
    """A token without a TTL from 1 to 21600 seconds is a bad request."""
    async with client.put(TOKEN, headers={} if ttl is None else {TTL_HEADER: ttl}) as response:
        assert response.status == 400


async def test_token_refuses_proxies(client):
    """A token call that came through a proxy is forbidden."""
    async with client.put(TOKEN, headers={TTL_HEADER: "60", "X-Forwarded-For": "10.0.0.1"}) as response:
        assert response.status == 403


@pytest.mark.parametrize("headers", [{}, {"X-aws-ec2-metadata-token": "made-up"}])
async def test_no_version_one(client, headers):
    """Without a valid token there is 401 and the page of the real service."""
    async with client.get(INSTANCE_ID, headers=headers) as response:
        assert response.status == 401
        assert response.content_type == "text/html"
        assert "<title>401 - Unauthorized</title>" in await response.text()


async def test_token_expires(get, clock):
    """A token is good for its TTL and not a moment longer."""
    clock[0] = 59.9
    assert (await get("meta-data/instance-id"))[0] == 200
    clock[0] = 60
    assert (await get("meta-data/instance-id"))[0] == 401


async def test_tokens_can_be_revoked(get, imds):
    """After all tokens are revoked, they give 401."""
    imds.revoke_tokens()
    assert (await get("meta-data/instance-id"))[0] == 401


async def test_token_is_of_one_instance(get, cloud):
    """A token that one instance fetched is worth nothing on another."""
    assert (await get("meta-data/instance-id", From=cloud.members[1]))[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", INSTANCE_ID, "OPTIONS, GET, HEAD"),
        ("PUT", INSTANCE_ID, "OPTIONS, GET, HEAD"),
        ("POST", TOKEN, "OPTIONS, PUT"),
        ("GET", TOKEN, "OPTIONS, PUT"),
    ],
)
async def test_methods(client, method, path, allow):
    """A wrong method is refused, with those that are allowed."""
    async with client.request(method, path) as response:
        assert (response.status, response.headers["Allow"]) == (405, allow)


async def test_values(get, cloud, instance):
    """The categories say what is true of the instance and its environment."""
    for path, value in {
        "instance-id": instance.id,
        "placement/region": cloud.region,
        "placement/availability-zone": instance.zone,
        "placement/availability-zone/": instance.zone,  # botocore asks with a slash
        "local-ipv4": instance.private_ip,
        "services/domain": "amazonaws.com",
    }.items():
        assert await get(f"meta-data/{path}") == (200, value)


async def test_listings(get):
    """A directory lists what is in it, one a line, directories with a slash."""
    assert await get("") == (200, "dynamic/\nmeta-data/")
    assert await get("meta-data/placement/") == (200, "availability-zone\nregion")
    lines = (await get("meta-data/"))[1].splitlines()
    assert {"iam/", "instance-id", "placement/"} <= set(lines)
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    "path", ["meta-data/public-ipv4", "meta-data/place", "user-data", "meta-data/autoscaling/", "../1.0/"]
)
async def test_unknown_path(get, path):
    """What is not there gives 404 and a page."""
    status, body = await get(path)
    assert status == 404
    assert "404 - Not Found" in body


async def test_lifecycle_state(get, cloud, instance):
    """There is no target lifecycle state until there is one."""
    assert (await get("meta-data/autoscaling/target-lifecycle-state"))[0] == 404
    cloud.terminate(instance.id)
    assert await get("meta-data/autoscaling/target-lifecycle-state") == (200, "Terminated")


async def test_tags_are_off(get, cloud, instance):
    """Tags are served only where they were turned on."""
    assert (await get("meta-data/tags/instance/"))[0] == 404
    instance.tags_in_imds = True
    assert (await get("meta-data/tags/instance/elasticbeanstalk:environment-name"))[1] == cloud.environment
    assert "elasticbeanstalk:environment-id" in (await get("meta-data/tags/instance/"))[1].splitlines()


async def test_credentials(get, cloud, instance):
    """The role's credentials are those that EB knows."""
    _, role = await get("meta-data/iam/security-credentials/")
    _, body = await get(f"meta-data/iam/security-credentials/{role}")
    keys = json.loads(body)
    assert keys["AccessKeyId"] == cloud.credentials(instance.id).access_key
    assert (keys["Code"], keys["Type"]) == ("Success", "AWS-HMAC")
    assert (keys["LastUpdated"], keys["Expiration"]) == ("2026-01-02T03:04:05Z", "2026-01-02T09:04:05Z")


async def test_no_instance_profile(get, instance):
    """Without an instance profile there are no credentials and no iam category."""
    instance.has_profile = False
    assert (await get("meta-data/iam/security-credentials/"))[0] == 404
    assert "iam/" not in (await get("meta-data/"))[1]


async def test_identity_document(get, cloud, instance):
    """The identity document names account, region and instance."""
    document = json.loads((await get("dynamic/instance-identity/document"))[1])
    assert document["instanceId"] == instance.id
    assert document["accountId"] == cloud.account
    assert document["region"] == cloud.region
    assert document["pendingTime"] == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    ("fault", "status"), [(ImdsFault.FORBIDDEN, 403), (ImdsFault.UNAVAILABLE, 503), (ImdsFault.GARBAGE, 200)]
)
async def test_faults_that_answer(client, instance, fault, status):
    """Some faults answer all requests alike, even for a token."""
    instance.imds = fault
    async with client.put(TOKEN, headers={TTL_HEADER: "60"}) as response:
        assert response.status == status


async def test_drop(client, instance):
    """A dropped request gets no answer at all."""
    instance.imds = ImdsFault.DROP
    with pytest.raises(ClientConnectionError):
        await client.put(TOKEN, headers={TTL_HEADER: "60"})


@pytest.mark.parametrize("fault", [ImdsFault.HANG, ImdsFault.HOP_LIMIT])
async def test_hang(client, instance, fault):
    """A token call that hangs runs into the client's own timeout."""
    instance.imds = fault
    with pytest.raises(TimeoutError):
        await client.put(TOKEN, headers={TTL_HEADER: "60"}, timeout=0.01)


async def test_hop_limit_lets_others_through(client, instance):
    """Behind a hop limit only the answer to the token call is lost."""
    instance.imds = ImdsFault.HOP_LIMIT
    async with client.get(INSTANCE_ID) as response:
        assert response.status == 401


async def test_log(get, imds):
    """What was asked is remembered, in order."""
    await get("meta-data/instance-id")
    assert list(imds.log) == [f"PUT {TOKEN} 200", f"GET {INSTANCE_ID} 200"]
