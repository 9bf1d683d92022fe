from collections import Counter
from datetime import UTC, datetime

import pytest

from leaderd.aws.beanstalk import Beanstalk
from leaderd.aws.sdk import sdk_session
from leaderd.core.roster import Order
from leaderd.demo.cloud import ImdsFault
from leaderd.demo.faults import CROWD, Fault
from leaderd.errors import SourceError

pytestmark = pytest.mark.usefixtures("sdk")


@pytest.fixture
def me(aws):
    return aws.cloud.members[0]


@pytest.fixture
async def make(aws):
    made = []

    def make(environment="shop-prod", region="eu-west-1", order=Order.LISTED, *, timeout=10.0, environ=None):
        made.append(Beanstalk(environment, region, order, timeout=timeout, environ=environ or {}))
        return made[-1]

    yield make
    for each in made:
        await each.close()


@pytest.fixture
def beanstalk(make):
    return make()


async def failure(beanstalk):
    with pytest.raises(SourceError) as caught:
        await beanstalk.roster()
    return caught.value


async def test_roster(beanstalk, aws):
    """The roster has the members in the order of the answer."""
    assert (await beanstalk.roster()).ids == aws.cloud.members
    aws.cloud.arrange(reversed(aws.cloud.members))
    assert (await beanstalk.roster()).ids == aws.cloud.members


async def test_by_id_of_the_environment(make, aws):
    """An environment may be named by its id."""
    assert (await make(aws.cloud.environment_id).roster()).ids == aws.cloud.members


async def test_smallest_id(make, aws):
    """With the order `id` it does not matter how the answer is ordered."""
    aws.cloud.arrange(reversed(aws.cloud.members))
    assert (await make(order=Order.ID).roster()).ids == tuple(sorted(aws.cloud.members))


async def test_one_client(beanstalk, aws, me):
    """One client asks all polls: credentials are fetched once, and a poll is one call."""
    for _ in range(5):
        await beanstalk.roster()
    assert aws.beanstalk.counts == Counter({(me, "DescribeEnvironmentResources"): 5})
    assert sum("security-credentials/aws" in line for line in aws.imds[me].log) == 1


async def test_connect_makes_that_client(beanstalk, aws):
    """The client can be made ahead, which asks nothing of Elastic Beanstalk."""
    await beanstalk.connect()
    client = beanstalk._connection._client
    await beanstalk.connect()
    await beanstalk.roster()
    assert beanstalk._connection._client is client
    assert aws.beanstalk.count() == 1


@pytest.mark.parametrize(
    ("fault", "kind", "message", "hint"),
    [
        (Fault.THROTTLE, "throttled", "Throttling: Rate exceeded", "poll less often"),
        (Fault.DENY, "denied", "elasticbeanstalk:DescribeEnvironmentResources", "leaderd policy"),
        (Fault.PRIVILEGES, "denied", "autoscaling:DescribeAutoScalingGroups", "leaderd policy"),
        (Fault.ERROR_500, "failing", "InternalFailure", "asked again"),
        (Fault.DROP, "broken", "Connection was closed", ""),
        (Fault.HTML, "broken", "not one of Elastic Beanstalk", "proxy"),
        (Fault.HALF, "broken", "not one of Elastic Beanstalk", "proxy"),
        (Fault.EMPTY, "unusable", "no instance at all", ""),
        (Fault.DUPLICATES, "unusable", "twice", ""),
    ],
)
async def test_failures(beanstalk, aws, fault, kind, message, hint):
    """Each failure has its kind, says what happened in one short line, and passes: the next poll may succeed."""
    aws.cloud.faults.once.append(fault)
    error = await failure(beanstalk)
    assert error.kind == kind
    assert message in error.message
    assert hint in error.hint
    assert "\n" not in error.message
    assert aws.beanstalk.count() == 1
    assert (await beanstalk.roster()).ids == aws.cloud.members


async def test_no_answer(make, aws):
    """An answer that does not come is a timeout, with what a private subnet needs."""
    aws.cloud.faults.everyone = Fault.HANG
    beanstalk = make(timeout=0.1)
    error = await failure(beanstalk)
    assert (error.kind, "NAT gateway" in error.hint) == ("timeout", True)


async def test_refused_connection(beanstalk, aws):
    """A service that cannot be reached is told from one that refuses."""
    await aws.beanstalk_listener.close()
    assert (await failure(beanstalk)).kind == "unreachable"
    await aws.beanstalk_listener.open()
    assert (await beanstalk.roster()).ids == aws.cloud.members


async def test_without_this_instance(beanstalk, aws, me):
    """A list of others is an answer like any other."""
    aws.cloud.faults.everyone = Fault.WITHOUT_CALLER
    assert (await beanstalk.roster()).ids == tuple(member for member in aws.cloud.members if member != me)


async def test_thousands(beanstalk, aws):
    """An answer of 5,000 ids is read like one of three."""
    aws.cloud.faults.everyone = Fault.MANY
    roster = await beanstalk.roster()
    assert len(roster) == CROWD
    assert set(aws.cloud.members) < set(roster.ids)


@pytest.mark.parametrize("environment", ["nope", "e-nope"])
async def test_no_environment(make, environment):
    """An environment that does not exist is named, with the settings to check."""
    error = await failure(make(environment))
    assert error.kind == "no_environment"
    assert environment in error.message
    assert "--environment and --region" in error.hint


async def test_wrong_region(make):
    """A region that is not the service's is refused as a wrong signature."""
    error = await failure(make(region="us-east-1"))
    assert (error.kind, "us-east-1" in error.message) == ("credentials", True)


async def test_no_region(make, aws):
    """What cannot be a region is said to be none, with the setting to check; nobody is asked."""
    error = await failure(make(region="EU WEST"))
    assert (error.kind, "EU WEST" in error.message, "--region" in error.hint) == ("no_environment", True, True)
    assert aws.beanstalk.count() == 0


async def test_unknown_error(make, aws, monkeypatch):
    """Any other refusal keeps its code and words."""
    monkeypatch.setattr("leaderd.demo.beanstalk.VERSION", "2011-01-01")
    error = await failure(make())
    assert (error.kind, error.hint) == ("refused", "")
    assert "InvalidAction: Could not find operation" in error.message


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ("<html xmlns='http://www.w3.org/1999/xhtml'><body/></html>", "broken"),
        ("<a><DescribeEnvironmentResourcesResult/></a>", "unusable"),
    ],
)
async def test_no_list(make, monkeypatch, document, kind):
    """A document without a list of instances, be it a well-formed page, is of no use."""
    monkeypatch.setattr("leaderd.demo.beanstalk.result_document", lambda *_: document)
    assert (await failure(make())).kind == kind


async def test_no_instance_ids(beanstalk, aws):
    """What is no instance id does not get into a roster."""
    aws.cloud.instances["<b>"] = None
    aws.cloud.arrange([*aws.cloud.members, "<b>"])
    error = await failure(beanstalk)
    assert (error.kind, "'<b>'" in error.message) == ("unusable", True)


async def test_refused_credentials(beanstalk, aws, me):
    """Credentials that expire early cost one poll: the next one asks IMDS for new ones."""
    await beanstalk.roster()
    aws.cloud.expire(me)
    error = await failure(beanstalk)
    assert (error.kind, "ExpiredToken" in error.message, "clock" in error.hint) == ("credentials", True, True)
    assert (await beanstalk.roster()).ids == aws.cloud.members


async def test_no_credentials_at_first(beanstalk, aws, me):
    """An instance profile that is attached later is used without a restart."""
    aws.cloud.instances[me].has_profile = False
    for _ in range(2):
        error = await failure(beanstalk)
        assert (error.kind, error.message) == ("credentials", "there are no AWS credentials")
        assert "instance profile" in error.hint
    assert aws.beanstalk.count() == 0
    aws.cloud.instances[me].has_profile = True
    assert (await beanstalk.roster()).ids == aws.cloud.members


@pytest.mark.parametrize(
    "fault", [ImdsFault.DROP, ImdsFault.FORBIDDEN, ImdsFault.UNAVAILABLE, ImdsFault.GARBAGE, ImdsFault.HOP_LIMIT]
)
async def test_imds_gives_no_credentials(beanstalk, aws, me, fault, monkeypatch):
    """Whatever ails IMDS, no credentials are a matter of credentials, and version 1 is not tried."""
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "1")
    aws.cloud.instances[me].imds = fault
    error = await failure(beanstalk)
    assert error.kind == "credentials"
    assert "IMDS" in error.hint
    assert {line.split()[0] for line in aws.imds[me].log} == {"PUT"}
    aws.cloud.instances[me].imds = ImdsFault.OK
    assert (await beanstalk.roster()).ids == aws.cloud.members


async def test_never_version_one():
    """The SDK is told not to fall back to version 1 of IMDS."""
    assert sdk_session().get_config_variable("ec2_metadata_v1_disabled") in {"true", True}


async def test_old_variables(make, aws, me):
    """AWS_KEY and AWS_SECRET are used where there is nothing else."""
    keys = aws.cloud.add_user("ops")
    aws.cloud.instances[me].has_profile = False
    await make(environ={"AWS_KEY": keys.access_key, "AWS_SECRET": keys.secret_key}).roster()
    assert [call.caller for call in aws.beanstalk.log] == ["ops"]


async def test_old_variables_come_last(make, aws, me):
    """An instance profile wins over AWS_KEY and AWS_SECRET."""
    keys = aws.cloud.add_user("ops")
    await make(environ={"AWS_KEY": keys.access_key, "AWS_SECRET": keys.secret_key}).roster()
    assert [call.caller for call in aws.beanstalk.log] == [me]


@pytest.mark.parametrize("name", ["AWS_KEY", "AWS_SECRET"])
async def test_half_of_the_old_variables(make, aws, me, name):
    """One of AWS_KEY and AWS_SECRET is as good as none."""
    aws.cloud.instances[me].has_profile = False
    assert (await failure(make(environ={name: "x"}))).kind == "credentials"


async def test_no_secret_in_a_refusal(make, aws, me):
    """A wrong signature is told without the key, the token or the signature."""
    keys = aws.cloud.credentials(me)
    aws.cloud._keys[keys.access_key] = type(keys)(keys.owner, keys.arn, keys.access_key, "another", keys.token)
    error = await failure(make())
    assert "SignatureDoesNotMatch" in error.message
    assert not any(secret in str(error) for secret in (keys.access_key, keys.secret_key, keys.token))


def launch_at(aws, minutes):
    """Launch times, in minutes after midnight, by the order of the ids."""
    for instance, minute in zip(aws.cloud.instances.values(), minutes, strict=True):
        instance.launched = datetime(2026, 1, 2, 0, minute, tzinfo=UTC)


def health_calls(aws):
    return aws.beanstalk.count(action="DescribeInstancesHealth")


async def test_oldest(make, aws):
    """With the order `oldest` the earliest launch is first, and one launched in the same second goes by id."""
    launch_at(aws, (5, 1, 5))
    first, second, third = aws.cloud.members
    assert (await make(order=Order.OLDEST).roster()).ids == (second, first, third)


async def test_launch_times_are_asked_once(make, aws):
    """Launch times are asked for when an id is new, and only then."""
    beanstalk = make(order=Order.OLDEST)
    for _ in range(3):
        await beanstalk.roster()
    assert health_calls(aws) == 1
    aws.cloud.drop(aws.cloud.members[0])
    await beanstalk.roster()
    assert health_calls(aws) == 1
    await aws.launch(9)
    assert len(await beanstalk.roster()) == 3
    assert health_calls(aws) == 2


async def test_gone_are_forgotten(make, aws):
    """Launch times of those that left are not kept for ever."""
    beanstalk = make(order=Order.OLDEST)
    await beanstalk.roster()
    aws.cloud.drop(gone := aws.cloud.members[0])
    await beanstalk.roster()
    assert gone not in beanstalk._launched


async def test_launch_times_come_in_pages(make, aws):
    """All pages of launch times are read."""
    aws.cloud.health_page = 1
    assert len(await make(order=Order.OLDEST).roster()) == 3
    assert health_calls(aws) == 3


async def test_missing_launch_time(make, aws, monkeypatch):
    """An instance whose launch time is not known yet makes the answer unusable: its place cannot be told."""
    monkeypatch.setattr("leaderd.demo.answers._attributes", lambda _: set())
    error = await failure(make(order=Order.OLDEST))
    assert error.kind == "unusable"
    assert "--order id" in error.hint


async def test_no_enhanced_health(make, aws):
    """Without enhanced health reporting the refusal is told in the service's words."""
    aws.cloud.enhanced_health = False
    error = await failure(make(order=Order.OLDEST))
    assert "DescribeInstancesHealth is not supported" in error.message
