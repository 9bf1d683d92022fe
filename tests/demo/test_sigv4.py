from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest
from botocore.credentials import Credentials as Keys

from tests.demo.documents import code, message


async def test_unsigned(aws, session):
    """An unsigned call is refused before anything else."""
    async with session.get(f"{aws.beanstalk_listener.url}/?Action=DescribeEnvironments") as response:
        assert response.status == 403
        assert code(ET.fromstring(await response.text())) == "MissingAuthenticationToken"


async def test_half_signed(aws, session):
    """An authorization header with parts missing is told what belongs there."""
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/elasticbeanstalk/aws4_request"}
    async with session.post(aws.beanstalk_listener.url, headers=headers) as response:
        assert response.status == 400
        assert code(ET.fromstring(await response.text())) == "IncompleteSignature"


async def test_unknown_key(call):
    """A key that was never issued is no key."""
    status, document, _ = await call(keys=Keys("AKIAUNKNOWN", "secret"))
    assert (status, code(document)) == (403, "InvalidClientTokenId")


async def test_token_belongs_to_its_key(aws, call):
    """Temporary keys without their session token are no keys."""
    keys = aws.cloud.credentials(aws.cloud.members[0])
    _, document, _ = await call(keys=Keys(keys.access_key, keys.secret_key))
    assert code(document) == "InvalidClientTokenId"


async def test_expired_key(aws, call):
    """Credentials end when they say so."""
    keys = aws.cloud.credentials(aws.cloud.members[0])
    aws.cloud.expire(aws.cloud.members[0])
    status, document, _ = await call(keys=keys)
    assert (status, code(document)) == (403, "ExpiredToken")


@pytest.mark.parametrize("scope", [{"service": "s3"}, {"region": "us-east-1"}])
async def test_scope(call, scope):
    """A signature for another service or region does not match."""
    status, document, _ = await call(**scope)
    assert (status, code(document)) == (403, "SignatureDoesNotMatch")
    assert "Credential should be scoped" in message(document)


async def test_wrong_secret(aws, call):
    """The signature is really calculated: a wrong secret does not pass."""
    keys = aws.cloud.credentials(aws.cloud.members[0])
    _, document, _ = await call(keys=Keys(keys.access_key, "wrong", keys.token))
    assert code(document) == "SignatureDoesNotMatch"
    assert message(document).startswith("The request signature we calculated does not match")


@pytest.mark.parametrize(("minutes", "words"), [(6, "Signature expired"), (-6, "Signature not yet current")])
async def test_clock_skew(aws, call, minutes, words):
    """A caller whose clock is off by more than five minutes is refused."""
    aws.cloud.now = lambda: datetime.now(UTC) + timedelta(minutes=minutes)
    _, document, _ = await call(keys=aws.cloud.add_user("ops"))
    assert code(document) == "SignatureDoesNotMatch"
    assert words in message(document)


async def test_no_date(aws, session):
    """A signature without a date is refused."""
    key = aws.cloud.add_user("ops").access_key
    scope = f"{key}/20260101/{aws.cloud.region}/elasticbeanstalk/aws4_request"
    signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"
    async with session.post(aws.beanstalk_listener.url, headers={"Authorization": signature}) as response:
        assert code(ET.fromstring(await response.text())) == "SignatureDoesNotMatch"
