import pytest

from leaderd.aws.claims import account_of, open_store
from leaderd.core.identity import Identity
from leaderd.demo.cloud import ImdsFault
from leaderd.errors import SourceError

IDENTITY = Identity("i-0a", "shop-prod", "eu-west-1")


class Metadata:
    """An IMDS that has one document."""

    def __init__(self, document):
        self._document = document

    async def get(self, path):
        assert path == "dynamic/instance-identity/document"
        return self._document


GOOD = Metadata('{"accountId": "123456789012", "region": "eu-west-1"}')


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ("s3", "s3://elasticbeanstalk-eu-west-1-123456789012/leaderd/claims/shop-prod"),
        ("s3://my-bucket", "s3://my-bucket/shop-prod"),
        ("s3://my-bucket/", "s3://my-bucket/shop-prod"),
        ("s3://my-bucket/a/b", "s3://my-bucket/a/b/shop-prod"),
        ("s3://my-bucket/a/b/", "s3://my-bucket/a/b/shop-prod"),
        ("dynamodb://jobs", "dynamodb://jobs/shop-prod"),
    ],
)
async def test_where(sdk, setting, where):
    """Each setting has its place, with a part of its own for each environment."""
    store = await open_store(setting, IDENTITY, GOOD, timeout=5, environ={})
    assert store.where == where
    await store.close()


@pytest.mark.parametrize("document", [None, "", "{}", "[]", "<html>", '{"accountId": "12"}', '{"accountId": null}'])
async def test_an_account_that_is_not_known(document):
    """Without the account there is no bucket to guess; the hint says how to name one."""
    with pytest.raises(SourceError, match="does not say the account") as caught:
        await account_of(Metadata(document))
    assert "--claims s3://BUCKET" in caught.value.hint


async def test_the_account_is_not_needed_for_a_bucket_that_is_named(sdk):
    """Nothing is asked where nothing needs to be."""
    store = await open_store("s3://my-bucket", IDENTITY, Metadata(None), timeout=5, environ={})
    await store.close()


async def test_imds_that_does_not_answer(aws, daemon):
    """A daemon whose IMDS goes away before its store was opened says so in its claims."""
    running = await daemon(number=0)
    await running.event("claims.opened")
    aws.cloud.instances[aws.cloud.members[1]].imds = ImdsFault.UNAVAILABLE
    lost = await daemon(number=1)
    answer = await lost.get("/claims/a", method="POST")
    assert answer.status == 503
    assert "does not know yet who it is: IMDS answered 503" in answer.body["reason"]


async def test_no_credentials(aws, sdk):
    """A store that cannot be asked for want of credentials is none."""
    aws.cloud.instances[aws.cloud.members[0]].has_profile = False
    with pytest.raises(SourceError, match="there are no AWS credentials"):
        await open_store("s3", IDENTITY, GOOD, timeout=5, environ={})
