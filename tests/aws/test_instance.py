import pytest

from leaderd.aws.instance import Instance
from leaderd.core.identity import Identity
from leaderd.core.roster import Order
from leaderd.demo.cloud import ImdsFault
from leaderd.errors import SourceError

pytestmark = pytest.mark.usefixtures("sdk")


@pytest.fixture
def me(aws):
    return aws.cloud.instances[aws.cloud.members[0]]


@pytest.fixture
async def instance(aws, me, tmp_path):
    file = tmp_path / "opt/elasticbeanstalk/config/ebenvinfo/envid"
    file.parent.mkdir(parents=True)
    file.write_text(aws.cloud.environment_id)
    async with Instance(
        None, None, Order.LISTED, "s3", timeout=10, environ=aws.environ(me.id), now=lambda: 0.0, root=tmp_path
    ) as instance:
        yield instance


async def test_introduce(instance, aws, me, logged):
    """An instance finds out who and where it is, and logs what told it so."""
    assert await instance.introduce() == Identity(me.id, aws.cloud.environment_id, aws.cloud.region)
    sources = {entry["event"]: entry["source"].rpartition("/")[2] for entry in logged}
    assert sources == {"environment.discovered": "envid", "region.discovered": "region"}
    assert (await instance.roster()).ids == aws.cloud.members


async def test_introduced_without_credentials(instance, aws, me):
    """Without credentials an instance still knows itself, and the poll says what is missing."""
    me.has_profile = False
    await instance.introduce()
    with pytest.raises(SourceError, match="no AWS credentials"):
        await instance.roster()


async def test_a_failure_can_be_tried_again(instance, me):
    """An introduction that failed for want of IMDS can be repeated."""
    me.imds = ImdsFault.UNAVAILABLE
    with pytest.raises(SourceError, match="503"):
        await instance.introduce()
    with pytest.raises(SourceError, match="not known yet"):
        await instance.roster()
    me.imds = ImdsFault.OK
    assert (await instance.introduce()).instance_id == me.id


async def test_store(instance, aws):
    """The store of the claims is in the account's own bucket; it needs an introduction."""
    with pytest.raises(SourceError, match="not known yet"):
        await instance.store()
    await instance.introduce()
    store = await instance.store()
    assert store.where == f"s3://elasticbeanstalk-eu-west-1-123456789012/leaderd/claims/{aws.cloud.environment_id}"
    assert (await store.read("invoices")).text is None
    await store.close()


async def test_leaving(instance, aws, me):
    """An instance that is being terminated knows it from its metadata."""
    assert await instance.leaving() is False
    aws.cloud.terminate(me.id)
    assert await instance.leaving() is True
