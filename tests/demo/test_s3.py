"""leaderd.demo.s3, as a client that signs its requests itself sees it."""

import asyncio
import hashlib
from datetime import timedelta

import aiohttp
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from leaderd.demo.faults import StoreFault

BUCKET = "elasticbeanstalk-eu-west-1-123456789012"


@pytest.fixture
def ask(aws):
    """Sign and send a request, as the first instance unless told otherwise; status, headers and body."""

    async def ask(method, path, body=b"", *, headers=None, keys=None, region="eu-west-1", sent=None):
        keys = keys or aws.cloud.credentials(aws.cloud.members[0])
        request = AWSRequest(method, aws.s3_listener.url + path, data=body, headers=headers or {})
        signer = S3SigV4Auth(Credentials(keys.access_key, keys.secret_key, keys.token), "s3", region)
        signer.add_auth(request)
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, request.url, data=body if sent is None else sent, headers=dict(request.headers.items())
            ) as response,
        ):
            return response.status, response.headers, await response.text()

    return ask


def code(answer):
    """The code in an error's document."""
    status, headers, text = answer
    assert headers["Content-Type"].startswith("application/xml")
    assert f"<RequestId>{headers['x-amz-request-id']}</RequestId>" in text
    return status, text.partition("<Code>")[2].partition("</Code>")[0]


async def test_put_and_get(ask):
    """What was written is read, with its ETag, which is the MD5 in quotes."""
    status, headers, _ = await ask("PUT", f"/{BUCKET}/a/b.json", b"hello", headers={"Content-Type": "text/x"})
    assert (status, headers["ETag"]) == (200, f'"{hashlib.md5(b"hello").hexdigest()}"')
    status, headers, text = await ask("GET", f"/{BUCKET}/a/b.json")
    assert (status, text, headers["Content-Type"]) == (200, "hello", "text/x")
    status, headers, text = await ask("HEAD", f"/{BUCKET}/a/b.json")
    assert (status, text, headers["Content-Length"]) == (200, "", "5")


async def test_what_is_not_there(ask):
    """A missing key and a missing bucket are told apart."""
    assert code(await ask("GET", f"/{BUCKET}/a")) == (404, "NoSuchKey")
    assert code(await ask("GET", "/nobodys-bucket/a")) == (404, "NoSuchBucket")
    assert (await ask("HEAD", f"/{BUCKET}"))[0] == 200


async def test_conditions_of_writes(ask):
    """If-None-Match: * makes an object once; If-Match replaces one version; a condition on nothing is no match."""
    absent = {"If-None-Match": "*"}
    _, headers, _ = await ask("PUT", f"/{BUCKET}/a", b"1", headers=absent)
    assert code(await ask("PUT", f"/{BUCKET}/a", b"2", headers=absent)) == (412, "PreconditionFailed")
    assert (await ask("PUT", f"/{BUCKET}/a", b"2", headers={"If-Match": headers["ETag"]}))[0] == 200
    assert code(await ask("PUT", f"/{BUCKET}/a", b"3", headers={"If-Match": headers["ETag"]}))[0] == 412
    assert code(await ask("PUT", f"/{BUCKET}/b", b"3", headers={"If-Match": headers["ETag"]})) == (404, "NoSuchKey")
    assert code(await ask("PUT", f"/{BUCKET}/a", b"3", headers={"If-None-Match": '"x"'})) == (501, "NotImplemented")
    assert (await ask("GET", f"/{BUCKET}/a"))[2] == "2"


async def test_conditions_of_reads(ask):
    """304 for what the caller has, 412 for what it does not want."""
    _, headers, _ = await ask("PUT", f"/{BUCKET}/a", b"1")
    assert (await ask("GET", f"/{BUCKET}/a", headers={"If-None-Match": headers["ETag"]}))[0] == 304
    assert code(await ask("GET", f"/{BUCKET}/a", headers={"If-Match": '"x"'})) == (412, "PreconditionFailed")


async def test_listing(ask):
    """Keys in their order, below a prefix, with their sizes."""
    for key in ("b", "a/2", "a/1"):
        await ask("PUT", f"/{BUCKET}/{key}", b"xyz")
    _, _, text = await ask("GET", f"/{BUCKET}?list-type=2&prefix=a%2F")
    assert [part.partition("<")[0] for part in text.split("<Key>")[1:]] == ["a/1", "a/2"]
    assert "<KeyCount>2</KeyCount>" in text
    assert "<Size>3</Size>" in text


async def test_deleting_and_other_methods(ask):
    """As with the stock instance profile nobody may delete; what S3 does not know is refused."""
    assert code(await ask("DELETE", f"/{BUCKET}/a")) == (403, "AccessDenied")
    assert code(await ask("PATCH", f"/{BUCKET}/a")) == (405, "MethodNotAllowed")


async def test_a_bucket_elsewhere(ask, aws):
    """A bucket of another region is not served from here."""
    aws.s3.add_bucket("far-away", "us-east-1")
    assert code(await ask("GET", "/far-away/a")) == (301, "PermanentRedirect")


async def test_signatures(ask, aws):
    """Unknown keys, wrong regions, old credentials, clocks that are off and bodies that were changed are refused."""
    strange = aws.cloud.add_user("stranger")
    assert (await ask("PUT", f"/{BUCKET}/a", b"x", keys=strange))[0] == 200
    aws.cloud._keys.pop(strange.access_key)
    assert code(await ask("GET", f"/{BUCKET}/a", keys=strange)) == (403, "InvalidAccessKeyId")
    assert code(await ask("GET", f"/{BUCKET}/a", region="us-east-1")) == (400, "AuthorizationHeaderMalformed")
    assert code(await ask("PUT", f"/{BUCKET}/a", b"x", sent=b"y")) == (400, "XAmzContentSHA256Mismatch")
    now = aws.cloud.now
    aws.cloud.now = lambda: now() + timedelta(minutes=20)
    assert code(await ask("GET", f"/{BUCKET}/a", keys=aws.cloud.add_user("late"))) == (403, "RequestTimeTooSkewed")
    aws.cloud.now = now
    keys = aws.cloud.credentials(aws.cloud.members[0])
    aws.cloud.expire(aws.cloud.members[0])
    assert code(await ask("GET", f"/{BUCKET}/a", keys=keys)) == (403, "ExpiredToken")


async def test_no_signature(aws):
    """Nobody reads anonymously."""
    async with aiohttp.ClientSession() as session, session.get(f"{aws.s3_listener.url}/{BUCKET}/a") as response:
        assert code((response.status, response.headers, await response.text())) == (403, "AccessDenied")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (StoreFault.THROTTLE, (503, "SlowDown")),
        (StoreFault.DENY, (403, "AccessDenied")),
        (StoreFault.ERROR_500, (500, "InternalError")),
        (StoreFault.CONFLICT, (409, "ConditionalRequestConflict")),
    ],
)
async def test_refusals(ask, aws, fault, expected):
    """A fault is answered as S3 words it, changes nothing, and meets only whom it is for."""
    aws.cloud.store_faults.of[aws.cloud.members[0]] = fault
    answer = await ask("PUT", f"/{BUCKET}/a", b"x", headers={"If-None-Match": "*"})
    assert code(answer) == expected
    assert aws.s3.buckets[BUCKET].objects == {}
    assert (await ask("PUT", f"/{BUCKET}/a", b"x", keys=aws.cloud.credentials(aws.cloud.members[1])))[0] == 200
    assert [call.outcome for call in aws.s3.log] == [expected[1], "ok"]


async def test_a_conflict_is_of_conditional_writes_only(ask, aws):
    """Reads, and writes without a condition, know no conflict."""
    aws.cloud.store_faults.everyone = StoreFault.CONFLICT
    assert (await ask("PUT", f"/{BUCKET}/a", b"x"))[0] == 200
    assert (await ask("GET", f"/{BUCKET}/a"))[0] == 200


@pytest.mark.parametrize(("fault", "done"), [(StoreFault.DROP, False), (StoreFault.LOST, True)])
async def test_cut_connections(ask, aws, fault, done):
    """A connection is closed without an answer, before or after the work was done."""
    aws.cloud.store_faults.everyone = fault  # not once: aiohttp sends a PUT again
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask("PUT", f"/{BUCKET}/a", b"x")
    assert bool(aws.s3.buckets[BUCKET].objects) is done


@pytest.mark.parametrize(("fault", "done"), [(StoreFault.HANG, False), (StoreFault.LATE, True)])
async def test_silence(ask, aws, fault, done):
    """A request is taken and never answered, before or after the work was done."""
    aws.cloud.store_faults.once.append(fault)
    asking = asyncio.create_task(ask("PUT", f"/{BUCKET}/a", b"x"))
    await aws.s3.reached(1)
    assert bool(aws.s3.buckets[BUCKET].objects) is done
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_conditions_ignored(ask, aws):
    """A look-alike that lets everybody win."""
    aws.cloud.store_faults.everyone = StoreFault.UNCONDITIONAL
    for body in (b"1", b"2"):
        assert (await ask("PUT", f"/{BUCKET}/a", body, headers={"If-None-Match": "*"}))[0] == 200
    assert (await ask("GET", f"/{BUCKET}/a"))[2] == "2"


async def test_a_web_page(ask, aws):
    """What a proxy or a sign-in page would answer."""
    aws.cloud.store_faults.everyone = StoreFault.HTML
    status, headers, _ = await ask("GET", f"/{BUCKET}")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")


async def test_calls_are_counted(ask, aws):
    """By caller and operation."""
    await ask("PUT", f"/{BUCKET}/a", b"x")
    await ask("GET", f"/{BUCKET}/a")
    me = aws.cloud.members[0]
    assert (aws.s3.count(caller=me), aws.s3.count(action="PutObject")) == (2, 1)
