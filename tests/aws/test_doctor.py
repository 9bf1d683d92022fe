import json
import time
from collections import Counter

import pytest

from leaderd.aws.doctor import AwsDoctor
from leaderd.config import load
from leaderd.demo.cloud import ImdsFault
from leaderd.demo.faults import Fault, StoreFault
from tests.daemons import secrets

CHECKS = [
    "metadata",
    "token",
    "instance",
    "environment",
    "region",
    "credentials",
    "roster",
    "member",
    "order",
    "clock",
    "claims",
]
ROSTER = "DescribeEnvironmentResources"


@pytest.fixture
def me(aws, sdk, monkeypatch):
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "10")
    return aws.cloud.instances[aws.cloud.members[0]]


@pytest.fixture
def examine(aws, me, tmp_path):
    """Make the checks as the first instance; gives the findings by name."""

    async def examine(*, environ=None, wall=time.time, pauses=None, imds_timeout=10, **flags):
        flags = {"environment": "shop-prod", "request-timeout": "8"} | {
            name.replace("_", "-"): value for name, value in flags.items()
        }
        findings = []

        async def pause(seconds):
            if pauses is not None:
                pauses.append(seconds)

        doctor = AwsDoctor(
            load(flags, {}),
            aws.environ(me.id) | (environ or {}),
            root=tmp_path,
            pause=pause,
            wall=wall,
            imds_timeout=imds_timeout,
        )
        await doctor.examine(findings.append)
        assert [finding.check for finding in findings] == CHECKS
        for finding in findings:
            assert finding.finding
            assert "\n" not in finding.finding
            assert bool(finding.mend) >= (finding.ok is False), finding
            assert finding.ok is not True or not finding.mend
            assert [secret for secret in secrets(aws) if secret in str(finding)] == []
        return {finding.check: finding for finding in findings}

    return examine


def failed(findings):
    return [name for name, finding in findings.items() if finding.ok is False]


def unchecked(findings):
    return [name for name, finding in findings.items() if finding.ok is None]


async def test_all_is_well(examine, aws, me):
    """On a healthy instance every check is well, and says what it found and from where."""
    findings = await examine()
    assert failed(findings) + unchecked(findings) == []
    key = aws.cloud.credentials(me.id).access_key
    for name, words in {
        "metadata": "reached in",
        "instance": f"{me.id}, in eu-west-1a, account 123456789012",
        "environment": "shop-prod, from settings",
        "region": "eu-west-1, from IMDS placement/region",
        "credentials": f"the instance profile, role aws-elasticbeanstalk-ec2-role, key …{key[-4:]}",
        "roster": "lists 3 instances",
        "member": "place 1 of 3, by --order listed",
        "order": "the same over 3 calls",
        "clock": "within",
    }.items():
        assert words in findings[name].finding


async def test_it_asks_little(examine, aws, me):
    """It costs four calls, with pauses of a second at most, and one instance costs a single one."""
    pauses = []
    await examine(pauses=pauses)
    assert aws.beanstalk.counts == Counter({(me.id, ROSTER): 3, (me.id, "DescribeInstancesHealth"): 1})
    assert pauses == [1.0, 1.0]
    aws.cloud.arrange([me.id])
    findings = await examine()
    assert aws.beanstalk.count() == 5
    assert "one instance" in findings["order"].finding


@pytest.mark.parametrize(
    ("fault", "token", "words"),
    [
        (ImdsFault.HOP_LIMIT, "did not answer PUT api/token", "hop limit"),
        (ImdsFault.HANG, "did not answer PUT api/token", "hop limit"),
        (ImdsFault.DROP, "broke off", "proxy"),
        (ImdsFault.FORBIDDEN, "403", "turned off"),
        (ImdsFault.UNAVAILABLE, "503", "is asked again"),
        (ImdsFault.GARBAGE, "not a token", "what answers"),
    ],
)
async def test_metadata_in_trouble(examine, me, monkeypatch, fault, token, words):
    """Where IMDS gives no token, that is said with its mend, and what needs one is not checked."""
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "1")
    me.imds = fault
    findings = await examine(region="eu-west-1", imds_timeout=0.5)
    assert failed(findings) == ["token", "credentials"]
    assert token in findings["token"].finding
    assert words in findings["token"].mend
    assert unchecked(findings) == ["instance", "roster", "member", "order", "clock", "claims"]
    assert findings["roster"].finding == "not checked: needs credentials"


async def test_no_metadata(examine, aws, me):
    """Where nobody listens, the rest that needs IMDS is not asked for."""
    await aws.imds_listeners[me.id].close()
    findings = await examine()
    assert failed(findings) == ["metadata", "region", "credentials"]
    assert "is this an EC2 instance" in findings["metadata"].mend
    assert findings["token"].finding == "not checked: needs metadata"
    assert findings["roster"].finding == "not checked: needs region, credentials"


async def test_broken_address(examine):
    """An address of IMDS that is none is a finding, not an accident."""
    findings = await examine(environ={"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[::1"})
    assert failed(findings)[0] == "metadata"


async def test_metadata_breaks_after_the_token(examine, monkeypatch):
    """An instance id that is none is said, and no membership is looked for."""
    monkeypatch.setattr("leaderd.demo.metadata._instance", lambda *_: {"instance-id": "nonsense"})
    findings = await examine(region="eu-west-1")
    assert "which is not an instance id" in findings["instance"].finding
    assert findings["member"].finding == "not checked: needs instance"


async def test_without_identity_document(examine, monkeypatch):
    """A document that cannot be read costs the details, and the bucket, which has the account in its name."""
    monkeypatch.setattr("leaderd.demo.metadata._identity", lambda *_: "[1")
    findings = await examine()
    assert failed(findings) == ["claims"]
    assert "s3://BUCKET" in findings["claims"].mend
    assert findings["instance"].finding == "i-00000000000000001"


async def test_environment_is_found(examine, aws, tmp_path):
    """An environment that is not set is found where the daemon finds it."""
    file = tmp_path / "opt/elasticbeanstalk/config/ebenvinfo/envid"
    file.parent.mkdir(parents=True)
    file.write_text(aws.cloud.environment_id)
    findings = await examine(environment=None)
    assert failed(findings) == []
    assert findings["environment"].finding == f"{aws.cloud.environment_id}, from {file}"


async def test_environment_is_nowhere(examine):
    """Where no source knows the environment, all that was tried is listed, and nobody is asked for the roster."""
    findings = await examine(environment=None)
    assert failed(findings) == ["environment"]
    for source in ("settings", "envid", "get-config", "instance tag", "deployment/env"):
        assert source in findings["environment"].finding
    assert "--environment" in findings["environment"].mend
    assert findings["roster"].finding == "not checked: needs environment"


async def test_another_region(examine):
    """A region that is not this instance's own is a mistake."""
    findings = await examine(region="us-east-1")
    assert findings["region"].finding == "us-east-1, from settings, but this instance is in eu-west-1"
    assert failed(findings)[0] == "region"


async def test_no_profile(examine, me):
    """Without an instance profile the mend is to attach one."""
    me.has_profile = False
    findings = await examine()
    assert failed(findings) == ["credentials"]
    assert "attach an instance profile" in findings["credentials"].mend
    findings = await examine(environ={"AWS_EC2_METADATA_DISABLED": "true"})
    assert "unset AWS_EC2_METADATA_DISABLED" in findings["credentials"].mend


async def test_given_keys(examine, aws, me, monkeypatch):
    """Keys of the environment are told apart by where they are from, and by their last characters."""
    me.has_profile = False
    user = aws.cloud.add_user("cron")
    findings = await examine(environ={"AWS_KEY": user.access_key, "AWS_SECRET": user.secret_key})
    assert failed(findings) == []
    assert findings["credentials"].finding == f"AWS_KEY and AWS_SECRET, key …{user.access_key[-4:]}"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", user.secret_key)
    findings = await examine()
    assert findings["credentials"].finding.startswith("AWS_ACCESS_KEY_ID in the environment, key …")


async def test_wrong_keys(examine, me):
    """Keys that AWS does not know are told by the roster; a short one is not even shown in part."""
    me.has_profile = False
    findings = await examine(environ={"AWS_KEY": "short", "AWS_SECRET": "x"})
    assert "short," not in findings["credentials"].finding
    assert failed(findings) == ["roster", "claims"]
    assert "InvalidClientTokenId" in findings["roster"].finding
    assert "InvalidAccessKeyId" in findings["claims"].finding
    assert "the keys that are set" in findings["roster"].mend


@pytest.mark.parametrize(
    ("fault", "action", "resource"),
    [
        (
            Fault.DENY,
            "elasticbeanstalk:DescribeEnvironmentResources",
            "arn:aws:elasticbeanstalk:eu-west-1:123456789012:environment/*/shop-prod",
        ),
        (Fault.PRIVILEGES, "autoscaling:DescribeAutoScalingGroups", "*"),
    ],
)
async def test_denied(examine, aws, fault, action, resource):
    """A missing permission is named, whichever of the two it is, and mended by its statement."""
    aws.cloud.faults.everyone = fault
    findings = await examine()
    assert failed(findings) == ["roster"]
    assert findings["roster"].finding.endswith(f": {action} is not allowed")
    statement = json.loads(findings["roster"].mend.splitlines()[1])
    assert statement == {"Effect": "Allow", "Action": action, "Resource": resource}
    assert unchecked(findings) == ["member", "order"]


@pytest.mark.parametrize(
    ("fault", "words", "mend"),
    [
        (Fault.THROTTLE, "Rate exceeded", "limit is shared"),
        (Fault.ERROR_500, "InternalFailure", "AWS has trouble"),
        (Fault.HTML, "not one of Elastic Beanstalk", "proxy"),
        (Fault.HALF, "not one of Elastic Beanstalk", "proxy"),
        (Fault.DROP, "Elastic Beanstalk", ""),
        (Fault.EMPTY, "no instance at all", "next poll"),
        (Fault.DUPLICATES, "twice", "next poll"),
    ],
)
async def test_roster_in_trouble(examine, aws, fault, words, mend):
    """Whatever comes instead of a roster is said, with what to do."""
    aws.cloud.faults.everyone = fault
    findings = await examine()
    assert failed(findings) == ["roster"]
    assert words in findings["roster"].finding
    assert mend in findings["roster"].mend
    assert aws.beanstalk.count() == 1


async def test_hanging(examine, aws):
    """A call is cut off when a poll would be, and the ways through the network are named."""
    aws.cloud.faults.everyone = Fault.HANG
    findings = await examine(request_timeout="0.5")
    assert failed(findings) == ["roster"]
    assert "NAT gateway" in findings["roster"].mend
    assert "com.amazonaws.eu-west-1.elasticbeanstalk" in findings["roster"].mend
    assert findings["clock"].ok is None


async def test_unreachable(examine, aws):
    """So is it where nobody listens."""
    await aws.beanstalk_listener.close()
    findings = await examine()
    assert "VPC endpoint" in findings["roster"].mend


async def test_no_such_environment(examine):
    """An environment that does not exist is a mistake in the settings."""
    findings = await examine(environment="shop-text")
    assert failed(findings) == ["roster"]
    assert findings["roster"].mend == "check --environment and --region"


async def test_not_a_member(examine, aws, me):
    """An instance that is not listed is told so; one that is being terminated, why."""
    aws.cloud.drop(me.id)
    findings = await examine()
    assert failed(findings) == ["member"]
    assert "--environment" in findings["member"].mend
    me.lifecycle = "Terminated"
    findings = await examine()
    assert "it is being terminated" in findings["member"].finding


async def test_member_by_order(examine, aws, me):
    """The place is that by the order in force."""
    aws.cloud.arrange(reversed(aws.cloud.members))
    assert "place 3 of 3, by --order listed" in (await examine())["member"].finding
    assert "place 1 of 3, by --order id" in (await examine(order="id"))["member"].finding
    assert "place 1 of 3, by --order oldest" in (await examine(order="oldest"))["member"].finding


async def test_moving_order(examine, aws):
    """A list that moves about is a fault of `listed` alone."""
    aws.cloud.faults.once.extend([Fault.NONE, Fault.REVERSED])
    findings = await examine()
    assert failed(findings) == ["order"]
    assert findings["order"].mend.startswith("set --order oldest")
    aws.cloud.faults.once.extend([Fault.NONE, Fault.REVERSED])
    assert failed(await examine(order="id")) == []


async def test_throttled_later(examine, aws):
    """When a later call fails, what was seen until then counts, and is no failure."""
    aws.cloud.faults.once.extend([Fault.NONE, Fault.THROTTLE])
    findings = await examine()
    assert failed(findings) == []
    assert "nothing to compare" in findings["order"].finding
    assert findings["member"].ok is True


async def test_basic_health(examine, aws):
    """Without enhanced health there are no launch times, which only `oldest` needs."""
    aws.cloud.enhanced_health = False
    findings = await examine()
    assert failed(findings) == []
    assert "basic health reporting" in findings["order"].finding
    findings = await examine(order="oldest")
    assert failed(findings) == ["order"]
    assert findings["member"].finding == "one of 3"


async def test_launch_times_denied(examine, aws):
    """The permission for launch times is named as well."""
    aws.cloud.faults.once.extend([Fault.NONE, Fault.NONE, Fault.NONE, Fault.DENY])
    findings = await examine(order="oldest")
    assert failed(findings) == ["order"]
    assert "elasticbeanstalk:DescribeInstancesHealth is not allowed" in findings["order"].finding
    assert json.loads(findings["order"].mend.splitlines()[1])["Action"] == "elasticbeanstalk:DescribeInstancesHealth"


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.DENY])
async def test_clock(examine, aws, fault):
    """The clock is compared with the date of any answer, even of a refusal."""
    aws.cloud.faults.everyone = fault
    findings = await examine(wall=lambda: time.time() - 60)
    assert findings["clock"].ok is False
    assert findings["clock"].finding.startswith(("60 s behind", "59 s behind", "61 s behind"))
    assert "chrony" in findings["clock"].mend


async def test_claims(examine, aws):
    """The store is read, and written under a condition that cannot hold: nothing in it changes."""
    findings = await examine()
    where = "s3://elasticbeanstalk-eu-west-1-123456789012/leaderd/claims/shop-prod"
    assert findings["claims"].finding.startswith(f"{where} can be read and written, and heeds conditions, in ")
    assert [call.action for call in aws.s3.log] == ["GetObject", "PutObject"]
    assert aws.s3.buckets["elasticbeanstalk-eu-west-1-123456789012"].objects == {}


async def test_claims_that_are_off(examine, aws):
    """Nothing is asked."""
    assert (await examine(claims="off"))["claims"].finding == "claims are off"
    assert aws.s3.count() == 0


async def test_claims_that_are_denied(examine, aws):
    """The missing permission is named, and what allows all that claims need is printed."""
    aws.cloud.store_faults.everyone = StoreFault.DENY
    finding = (await examine())["claims"]
    assert (finding.ok, finding.finding) == (False, "S3 answered AccessDenied: s3:GetObject is not allowed")
    first, *lines = finding.mend.splitlines()
    assert first.startswith("allow this to the role aws-elasticbeanstalk-ec2-role")
    assert [json.loads(line)["Action"] for line in lines] == [["s3:GetObject", "s3:PutObject"], "s3:ListBucket"]


async def test_claims_in_a_store_that_ignores_conditions(examine, aws):
    """Such a store is no use, and the daemon refuses it as well."""
    aws.cloud.store_faults.everyone = StoreFault.UNCONDITIONAL
    finding = (await examine())["claims"]
    assert "ignores the conditions of writes" in finding.finding
    assert "DynamoDB" in finding.mend


async def test_claims_in_a_bucket_that_is_not_there(examine):
    """It is named, with what to do."""
    finding = (await examine(claims="s3://nobodys"))["claims"]
    assert finding.finding == "there is no bucket nobodys"
    assert "s3://BUCKET" in finding.mend


async def test_claims_that_hang(examine, aws):
    """A store that does not answer is given up."""
    aws.cloud.store_faults.everyone = StoreFault.HANG
    finding = (await examine(request_timeout=0.5))["claims"]
    assert finding.ok is False
    assert "did not answer" in finding.finding
