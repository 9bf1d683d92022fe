import json
from fnmatch import fnmatchcase

import pytest

from leaderd.aws.beanstalk import Beanstalk
from leaderd.aws.policy import environment_arn, mending, policy
from leaderd.aws.remedies import missing_permission
from leaderd.aws.s3 import S3Store
from leaderd.core.roster import Order
from leaderd.demo.faults import Fault, StoreFault
from leaderd.errors import SourceError

ROSTER = "elasticbeanstalk:DescribeEnvironmentResources"
GROUPS = "autoscaling:DescribeAutoScalingGroups"
HEALTH = "elasticbeanstalk:DescribeInstancesHealth"


def least(order=Order.LISTED, environment=None, region=None, account=None):
    return policy(order, "off", environment=environment, region=region, account=account)


def actions(document):
    """All actions, each with its resource."""
    found = {}
    for statement in document["Statement"]:
        listed = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        found |= dict.fromkeys(listed, statement["Resource"])
    return found


def allows(document, action, resource):
    """A dumb simulation of IAM: some statement allows the action on the resource."""
    return any(named == action and fnmatchcase(resource, to) for named, to in actions(document).items())


@pytest.mark.parametrize(
    ("order", "wanted"),
    [(Order.LISTED, {ROSTER, GROUPS}), (Order.ID, {ROSTER, GROUPS}), (Order.OLDEST, {ROSTER, GROUPS, HEALTH})],
)
def test_least(order, wanted):
    """Nothing is granted that the order does not need."""
    assert actions(least(order)).keys() == wanted


def test_shape():
    """It is a policy as IAM takes it: a version, and statements that allow, each with a name of its own."""
    document = json.loads(json.dumps(least(Order.OLDEST)))
    assert document.keys() == {"Version", "Statement"}
    assert document["Version"] == "2012-10-17"
    for statement in document["Statement"]:
        assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
        assert statement["Effect"] == "Allow"
        assert statement["Sid"].isalnum()
    names = [statement["Sid"] for statement in document["Statement"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("environment", "region", "account", "arn"),
    [
        (None, None, None, "arn:aws:elasticbeanstalk:*:*:environment/*"),
        ("shop-prod", "eu-west-1", None, "arn:aws:elasticbeanstalk:eu-west-1:*:environment/*/shop-prod"),
        ("e-abcdefghij", "eu-west-1", "123", "arn:aws:elasticbeanstalk:eu-west-1:123:environment/*"),
        (None, "cn-north-1", None, "arn:aws-cn:elasticbeanstalk:cn-north-1:*:environment/*"),
        (None, "us-gov-west-1", None, "arn:aws-us-gov:elasticbeanstalk:us-gov-west-1:*:environment/*"),
        (None, "us-isob-east-1", None, "arn:aws-iso-b:elasticbeanstalk:us-isob-east-1:*:environment/*"),
    ],
)
def test_arn(environment, region, account, arn):
    """The resource is as narrow as what is known; the partition follows from the region."""
    assert environment_arn(environment, region, account) == arn


def test_narrow(aws):
    """The narrow policy is for this environment of this region alone."""
    document = least(environment=aws.cloud.environment, region=aws.cloud.region, account=aws.cloud.account)
    assert allows(document, ROSTER, aws.cloud.environment_arn)
    assert not allows(document, ROSTER, aws.cloud.environment_arn.replace("shop-prod", "shop-test"))
    assert not allows(document, ROSTER, aws.cloud.environment_arn.replace("eu-west-1", "eu-west-2"))


@pytest.mark.parametrize("fault", [Fault.DENY, Fault.PRIVILEGES])
@pytest.mark.parametrize("known", [{}, {"environment": "shop-prod", "region": "eu-west-1", "account": "123456789012"}])
@pytest.mark.usefixtures("sdk")
async def test_whatever_aws_denies(aws, fault, known):
    """Whatever the pretend AWS denies, the policy allows, and so does the statement that mends just that."""
    beanstalk = Beanstalk("shop-prod", "eu-west-1", Order.LISTED, timeout=10, environ={})
    aws.cloud.faults.everyone = fault
    for call in (beanstalk.roster, lambda: beanstalk.launch_times(aws.cloud.members)):
        try:
            await call()
        except SourceError as error:
            action = missing_permission(error.message)
            resource = aws.cloud.environment_arn if action.startswith("elasticbeanstalk:") else "*"
            assert allows(least(Order.OLDEST, **known), action, resource)
            given = {"environment": None, "region": None, "account": None} | known
            assert allows({"Statement": [mending(action, **given)]}, action, resource)
    await beanstalk.close()
    assert aws.beanstalk.count() == 2


@pytest.mark.parametrize(
    ("claims", "wanted"),
    [
        ("off", {}),
        (
            "s3",
            {
                "s3:GetObject": "arn:aws:s3:::elasticbeanstalk-eu-west-1-123456789012/leaderd/claims/shop-prod/*",
                "s3:PutObject": "arn:aws:s3:::elasticbeanstalk-eu-west-1-123456789012/leaderd/claims/shop-prod/*",
                "s3:ListBucket": "arn:aws:s3:::elasticbeanstalk-eu-west-1-123456789012",
            },
        ),
        (
            "s3://jobs/of/mine",
            {
                "s3:GetObject": "arn:aws:s3:::jobs/of/mine/shop-prod/*",
                "s3:PutObject": "arn:aws:s3:::jobs/of/mine/shop-prod/*",
                "s3:ListBucket": "arn:aws:s3:::jobs",
            },
        ),
        ("s3://jobs", {"s3:PutObject": "arn:aws:s3:::jobs/shop-prod/*"}),
        (
            "dynamodb://jobs",
            {
                "dynamodb:GetItem": "arn:aws:dynamodb:eu-west-1:123456789012:table/jobs",
                "dynamodb:UpdateItem": "arn:aws:dynamodb:eu-west-1:123456789012:table/jobs",
            },
        ),
    ],
)
def test_claims(claims, wanted):
    """Each store needs to be read and written, where the claims of this environment are."""
    document = policy(Order.LISTED, claims, environment="shop-prod", region="eu-west-1", account="123456789012")
    found = {action: to for action, to in actions(document).items() if action.startswith(("s3:", "dynamodb:"))}
    assert wanted.items() <= found.items()
    assert bool(found) == bool(wanted)


def test_claims_in_other_partitions():
    """China's ARNs begin otherwise."""
    document = policy(Order.LISTED, "s3", environment=None, region="cn-north-1")
    assert actions(document)["s3:ListBucket"] == "arn:aws-cn:s3:::elasticbeanstalk-cn-north-1-*"


async def test_the_policy_allows_what_the_store_does(aws, sdk):
    """Each call of the store is allowed by the policy, action and resource."""
    document = policy(Order.LISTED, "s3://elasticbeanstalk-eu-west-1-123456789012/x", environment="shop", region=None)
    store = S3Store("elasticbeanstalk-eu-west-1-123456789012", "x/shop", "eu-west-1", timeout=5, environ={})
    aws.cloud.store_faults.everyone = StoreFault.DENY
    for call in (store.read("a"), store.swap("a", "{}", None)):
        with pytest.raises(SourceError) as caught:
            await call
        action = missing_permission(caught.value.message)
        assert allows(document, action, "arn:aws:s3:::elasticbeanstalk-eu-west-1-123456789012/x/shop/a.json")
    await store.close()
