import os
from datetime import timedelta

import pytest

from leaderd.aws.s3 import LARGEST, S3Store
from leaderd.aws.store import TRIAL, LostError, try_out
from leaderd.demo.faults import StoreFault
from leaderd.errors import SourceError

BUCKET = "elasticbeanstalk-eu-west-1-123456789012"


@pytest.fixture
async def make_store(sdk):
    """Make stores, which are closed in the end."""
    made = []

    def make(bucket=BUCKET, region="eu-west-1", timeout=5.0, environ=None):
        made.append(S3Store(bucket, "claims/shop", region, timeout=timeout, environ=environ or {}))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def failure(call):
    with pytest.raises(SourceError) as caught:
        await call
    return caught.value


async def test_where_records_are(make_store, aws):
    """An object for each job, as JSON, in the folder of the environment."""
    await make_store().swap("invoices", "{}", None)
    (key,) = aws.s3.buckets[BUCKET].objects
    assert key == "claims/shop/invoices.json"
    assert aws.s3.buckets[BUCKET].objects[key].content_type == "application/json"


async def test_a_request_each(make_store, aws):
    """A read and a write are one request each."""
    store = make_store()
    await store.read("invoices")
    await store.swap("invoices", "{}", None)
    assert [call.action for call in aws.s3.log] == ["GetObject", "PutObject"]


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (StoreFault.DENY, "denied", "not authorized to perform: s3:"),
        (StoreFault.THROTTLE, "throttled", "S3 answered SlowDown: Please reduce your request rate."),
        (StoreFault.ERROR_500, "failing", "S3 answered InternalError"),
        (StoreFault.HANG, "timeout", "S3 did not answer in time"),
        (StoreFault.DROP, "broken", "asking S3 failed"),
    ],
)
@pytest.mark.parametrize("operation", ["read", "write"])
async def test_failures(make_store, aws, fault, kind, words, operation):
    """Each failure has a kind and says what happened, for reads and writes alike."""
    store = make_store(timeout=0.4 if fault is StoreFault.HANG else 5)
    await store.read("warm")
    aws.cloud.store_faults.everyone = fault
    error = await failure(store.read("a") if operation == "read" else store.swap("a", "{}", None))
    assert error.kind == kind
    assert words in error.message
    assert "Elastic Beanstalk" not in error.message


async def test_a_conflict_is_a_lost_write(make_store, aws):
    """409 says that somebody else is writing at this moment."""
    aws.cloud.store_faults.everyone = StoreFault.CONFLICT
    with pytest.raises(LostError):
        await make_store().swap("a", "{}", None)


async def test_a_lost_answer_loses_to_itself(make_store, aws):
    """The SDK sends a request again whose answer was lost: of the two, one wins, and reading shows that it is ours."""
    store = make_store()
    aws.cloud.store_faults.once.append(StoreFault.LOST)
    with pytest.raises(LostError):
        await store.swap("a", "ours", None)
    assert (await store.read("a")).text == "ours"


async def test_a_hiccup_is_not_noticed(make_store, aws):
    """One request that is dropped or throttled is sent again."""
    store = make_store()
    for fault in (StoreFault.DROP, StoreFault.THROTTLE, StoreFault.ERROR_500):
        aws.cloud.store_faults.once.append(fault)
        assert (await store.read("a")).text is None


async def test_buckets_that_cannot_be_used(make_store, aws):
    """A bucket that is not there, or in another region, is named, with what to do."""
    missing = await failure(make_store("nobodys").read("a"))
    assert (missing.kind, missing.message) == ("no_bucket", "there is no bucket nobodys")
    assert "s3://BUCKET" in missing.hint
    aws.s3.add_bucket("far-away", "us-east-1")
    for call in (lambda store: store.read("a"), lambda store: store.swap("a", "{}", None)):
        elsewhere = await failure(call(make_store("far-away")))
        assert elsewhere.kind == "wrong_region"
        assert elsewhere.message.startswith("the bucket far-away is not in eu-west-1")
    malformed = await failure(make_store(region="us-east-1").read("a"))
    assert malformed.kind == "wrong_region"


async def test_a_store_that_ignores_conditions(make_store, aws):
    """It does not pass its trial."""
    aws.cloud.store_faults.everyone = StoreFault.UNCONDITIONAL
    assert (await failure(try_out(make_store()))).kind == "unconditional"


async def test_an_object_too_large_to_be_a_record(make_store, aws):
    """What cannot be a record is not taken into memory."""
    store = make_store()
    await store.swap("a", "x" * LARGEST, None)
    assert len((await store.read("a")).text) == LARGEST
    await store.swap("b", "x" * (LARGEST + 1), None)
    assert (await failure(store.read("b"))).kind == "unusable"


async def test_credentials_that_end(make_store, aws):
    """New credentials are taken where the old ones are refused."""
    store = make_store()
    await store.read("a")
    aws.cloud.expire(aws.cloud.members[0])
    assert (await failure(store.read("a"))).kind == "credentials"
    assert (await store.read("a")).text is None


async def test_clocks_that_differ(make_store, aws):
    """S3 refuses a clock that is far off; that is said as a matter of credentials and clock."""
    now = aws.cloud.now
    store = make_store()
    await store.read("a")
    aws.cloud.now = lambda: now() + timedelta(minutes=20)
    error = await failure(store.read("a"))
    assert error.kind == "credentials"
    assert "clock" in error.hint


async def test_older_keys(make_store, aws, monkeypatch):
    """AWS_KEY and AWS_SECRET are used where the SDK's chain has nothing."""
    aws.cloud.instances[aws.cloud.members[0]].has_profile = False
    keys = aws.cloud.add_user("older")
    assert (await failure(make_store().read("a"))).kind == "credentials"
    store = make_store(environ={"AWS_KEY": keys.access_key, "AWS_SECRET": keys.secret_key})
    assert (await store.read(TRIAL)).text is None
    assert aws.s3.count(caller="older") == 1
    assert "AWS_ACCESS_KEY_ID" not in os.environ


async def test_web_pages(make_store, aws):
    """What a proxy answers in the place of S3 is no answer, to a read and to a write."""
    store = make_store()
    aws.cloud.store_faults.everyone = StoreFault.HTML
    read, written = await failure(store.read("a")), await failure(store.swap("a", "{}", None))
    assert (read.kind, written.kind) == ("broken", "failing")
    assert "the answer is not one of S3" in read.message
