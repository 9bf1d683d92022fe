import asyncio
import time

import pytest

from leaderd.aws.imds import ENDPOINT, ENDPOINT_IPV6, RENEW_BEFORE, TOKEN_TTL, Imds, endpoint
from leaderd.demo.cloud import ImdsFault
from leaderd.errors import SourceError

TOKEN = "PUT /latest/api/token 200"
ID = "GET /latest/meta-data/instance-id"


@pytest.fixture
def clock():
    return [1_000.0]


@pytest.fixture
def instance(aws):
    return aws.cloud.instances[aws.cloud.members[0]]


@pytest.fixture
def service(aws, instance):
    return aws.imds[instance.id]


@pytest.fixture
async def imds(aws, instance, clock):
    async with Imds(aws.imds_listeners[instance.id].url, lambda: clock[0], timeout=5) as imds:
        yield imds


@pytest.fixture
async def hasty(aws, instance):
    """A client that gives up at once."""
    async with Imds(aws.imds_listeners[instance.id].url, lambda: 0.0, timeout=0.05) as imds:
        yield imds


async def failure(asking):
    with pytest.raises(SourceError) as caught:
        await asking
    return caught.value


async def test_instance_id(imds, instance):
    """The instance learns its id."""
    assert await imds.instance_id() == instance.id


async def test_region(imds, aws):
    """The instance learns its region."""
    assert await imds.region() == aws.cloud.region


async def test_one_token_for_many_requests(imds, service):
    """A token is fetched once, with the longest life there is."""
    await imds.instance_id()
    await imds.region()
    assert service.log[0] == TOKEN
    assert list(service.log).count(TOKEN) == 1
    (_, expiry) = next(iter(service._tokens.values()))
    assert expiry - service.cloud.monotonic() == pytest.approx(TOKEN_TTL, abs=60)


async def test_token_is_renewed_before_its_end(imds, service, clock):
    """Shortly before its end a token is renewed, without any request being refused."""
    await imds.instance_id()
    clock[0] += TOKEN_TTL - RENEW_BEFORE - 1
    await imds.instance_id()
    assert list(service.log).count(TOKEN) == 1
    clock[0] += 1
    await imds.instance_id()
    assert list(service.log) == [TOKEN, f"{ID} 200", f"{ID} 200", TOKEN, f"{ID} 200"]


async def test_token_is_renewed_when_it_is_refused(imds, service, instance):
    """A token that IMDS does not know any more is replaced, and the question asked again."""
    await imds.instance_id()
    service.revoke_tokens()
    assert await imds.instance_id() == instance.id
    assert list(service.log)[2:] == [f"{ID} 401", TOKEN, f"{ID} 200"]


async def test_refused_twice(imds, service, monkeypatch):
    """A new token that is refused as well is an error, not a loop."""
    service._seconds_left = lambda *_: 0.0
    error = await failure(imds.instance_id())
    assert (error.kind, "401" in error.message, "headers" in error.hint) == ("imds_refused", True, True)
    assert list(service.log) == [TOKEN, f"{ID} 401"] * 2


@pytest.mark.parametrize(
    ("fault", "kind", "message", "hint"),
    [
        (ImdsFault.FORBIDDEN, "imds_forbidden", "403", "--http-endpoint enabled"),
        (ImdsFault.UNAVAILABLE, "imds_failing", "503", "asked again"),
        (ImdsFault.DROP, "imds_broken", "broke off", "proxy"),
        (ImdsFault.GARBAGE, "imds_garbage", "not a token", "what answers at"),
    ],
)
async def test_failures(imds, instance, fault, kind, message, hint):
    """Each failure has its own kind, and says what to do."""
    instance.imds = fault
    error = await failure(imds.instance_id())
    assert error.kind == kind
    assert message in error.message
    assert hint in error.hint


@pytest.mark.parametrize("fault", [ImdsFault.HOP_LIMIT, ImdsFault.HANG])
async def test_hop_limit(hasty, instance, fault):
    """A token call without an answer names the hop limit of containers."""
    instance.imds = fault
    error = await failure(hasty.instance_id())
    assert error.kind == "imds_timeout"
    assert "--http-put-response-hop-limit 2" in error.hint


async def test_a_later_timeout_is_no_hop_limit(hasty, instance):
    """With a token in hand a hop limit is no explanation."""
    await hasty.instance_id()
    instance.imds = ImdsFault.HANG
    error = await failure(hasty.instance_id())
    assert (error.kind, "hop" in error.hint) == ("imds_timeout", False)


async def test_nothing_listens(imds, aws, instance):
    """Where nothing listens, the error says so and asks whether this is an instance."""
    await aws.imds_listeners[instance.id].close()
    error = await failure(imds.instance_id())
    assert error.kind == "imds_unreachable"
    assert "is this an EC2 instance" in error.hint


@pytest.mark.parametrize("body", ["<html>", "", "i-", "i-0a\nx", "ami-0a", "i-0a " + "b" * 5000, "I-0A"])
async def test_no_instance_id(imds, monkeypatch, body):
    """A body that is no instance id is never taken for one, and is shown in part only."""
    monkeypatch.setattr("leaderd.demo.imds.read", lambda *_: body or None)
    error = await failure(imds.instance_id())
    assert error.kind == "imds_garbage"
    assert len(error.message) < 200


async def test_no_region(imds, monkeypatch):
    """A body that is no region is refused as well."""
    monkeypatch.setattr("leaderd.demo.imds.read", lambda *_: "Frankfurt")
    assert "'Frankfurt'" in (await failure(imds.region())).message


async def test_never_version_one(imds, service, instance):
    """No request is ever made without a token, whatever fails."""
    for fault in ImdsFault:
        if fault not in {ImdsFault.HANG, ImdsFault.HOP_LIMIT}:
            instance.imds = fault
            service.revoke_tokens()
            imds._token = ""
            await asyncio.gather(imds.instance_id(), return_exceptions=True)
    gets = [line for line in service.log if line.startswith("GET")]
    assert gets == [f"{ID} 200"]


async def test_proxies_are_not_asked(aws, instance, monkeypatch):
    """A proxy of the environment never sees a token."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with Imds(aws.imds_listeners[instance.id].url, lambda: 0.0) as imds:
        assert await imds.instance_id() == instance.id


async def test_nothing_there(imds):
    """A path without anything is a normal answer: None."""
    assert await imds.get("meta-data/public-ipv4") is None
    assert await imds.tag("elasticbeanstalk:environment-name") is None


async def test_tag(imds, aws, instance):
    """A tag can be read where tags in metadata are on."""
    instance.tags_in_imds = True
    assert await imds.tag("elasticbeanstalk:environment-id") == aws.cloud.environment_id


@pytest.mark.parametrize(
    ("state", "leaving"), [(None, False), ("InService", False), ("Detached", False), ("Terminated", True)]
)
async def test_leaving(imds, instance, state, leaving):
    """An instance leaves when its target state is Terminated, and not before there is one."""
    instance.lifecycle = state
    assert await imds.leaving() is leaving


async def test_must_be_entered():
    """Without its context there is no session to ask with."""
    with pytest.raises(RuntimeError, match="context manager"):
        await Imds("http://127.0.0.1:1", lambda: 0.0).instance_id()
    await Imds("http://127.0.0.1:1", lambda: 0.0).__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, ENDPOINT),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9/"}, "http://127.0.0.1:9"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, ENDPOINT_IPV6),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv4"}, ENDPOINT),
    ],
)
def test_endpoint(environ, url):
    """IMDS is where the SDKs look for it."""
    assert endpoint(environ) == url


async def test_an_answer_in_pieces_is_read_to_its_end():
    """Half of an instance id would be another one, and nobody would lead."""

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        body = b"token" if head.startswith(b"PUT") else b"i-0729e53abc1234567"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body))
        for place in range(len(body)):
            writer.write(body[place : place + 1])
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, Imds(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", time.monotonic) as imds:
        assert await imds.instance_id() == "i-0729e53abc1234567"


async def test_an_endless_answer_is_refused():
    """What is far too long is not read to its end, and is an error."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 100_000)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, Imds(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", time.monotonic) as imds:
        error = await failure(imds.instance_id())
        assert (error.kind, "65536 bytes" in error.message) == ("imds_broken", True)
