"""The least IAM policy that leaderd needs. Pure: what is not said is a `*`, and nothing is asked.

What the two actions of Elastic Beanstalk take as resource (an environment) is from
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticbeanstalk.html and
https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/AWSHowTo.iam.policies.actions.html

AWS documents that DescribeEnvironmentResources looks into other services with the caller's rights (its error
InsufficientPrivilegesException: "not enough privileges for one of more downstream aws services"), but not into which.
autoscaling:DescribeAutoScalingGroups is the one that it has been seen to miss; that action takes no narrower resource
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html). Where an account
needs another, the error names it, and `leaderd doctor` prints the statement.
"""

from collections.abc import Sequence
from typing import Any

from leaderd.config import CLAIMS
from leaderd.core.roster import Order

ROSTER = "elasticbeanstalk:DescribeEnvironmentResources"
BEHIND_ROSTER = ("autoscaling:DescribeAutoScalingGroups",)
LAUNCH_TIMES = "elasticbeanstalk:DescribeInstancesHealth"
PARTITIONS = (
    ("cn-", "aws-cn"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-iso-", "aws-iso"),
    ("eusc-", "aws-eusc"),
)
"""By the beginning of the region's name; all others are in `aws`."""

FOLDER = "leaderd/claims"
"""Where claims are in the bucket of Elastic Beanstalk, which is not ours alone."""

Statement = dict[str, Any]


def policy(
    order: Order, claims: str, *, environment: str | None, region: str | None, account: str | None = None
) -> dict[str, Any]:
    """The policy as a document, narrowed to the environment as far as it is known.

    Args:
        order: who is first; `oldest` needs one action more.
        claims: the store of the claims.
        environment: name or id; an id is no part of an ARN and narrows nothing.
        region: the AWS region.
        account: the account's 12 digits.
    """
    about = [ROSTER, LAUNCH_TIMES] if order is Order.OLDEST else [ROSTER]
    statements = [
        statement("LeaderdRoster", about, environment_arn(environment, region, account)),
        statement("LeaderdBehindRoster", BEHIND_ROSTER, "*"),
        *claims_statements(claims, environment=environment, region=region, account=account),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def mending(action: str, *, environment: str | None, region: str | None, account: str | None) -> Statement:
    """The statement that grants one missing action."""
    is_ours = action.startswith("elasticbeanstalk:")
    return statement(None, [action], environment_arn(environment, region, account) if is_ours else "*")


def environment_arn(environment: str | None, region: str | None, account: str | None) -> str:
    """The ARN of an environment, of any application: `environment/APPLICATION/NAME`.

    https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/AWSHowTo.iam.policies.arn.html
    """
    known = environment and not environment.startswith("e-")
    which = f"*/{environment}" if known else "*"
    return f"arn:{_partition(region)}:elasticbeanstalk:{region or '*'}:{account or '*'}:environment/{which}"


def statement(sid: str | None, actions: Sequence[str], resource: str) -> Statement:
    """One statement that allows."""
    named = {"Sid": sid} if sid else {}
    only = actions[0] if len(actions) == 1 else list(actions)
    return {**named, "Effect": "Allow", "Action": only, "Resource": resource}


def claims_statements(
    store: str, *, environment: str | None, region: str | None, account: str | None
) -> list[Statement]:
    """What the store of the claims needs. Without s3:ListBucket S3 says 403 of an object that is not there yet.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html and
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
    """
    parts = CLAIMS.fullmatch(store)
    if parts is None or store == "off":
        return []
    partition = _partition(region)
    if parts["table"]:
        table = f"arn:{partition}:dynamodb:{region or '*'}:{account or '*'}:table/{parts['table']}"
        return [statement("LeaderdClaims", ["dynamodb:GetItem", "dynamodb:UpdateItem"], table)]
    bucket, folder = parts["bucket"], parts["folder"]
    if bucket is None:
        bucket, folder = bucket_of(region or "*", account or "*"), FOLDER
    objects = "/".join(part for part in (bucket, folder, environment or "*", "*") if part)
    return [
        statement("LeaderdClaims", ["s3:GetObject", "s3:PutObject"], f"arn:{partition}:s3:::{objects}"),
        statement("LeaderdClaimsMissing", ["s3:ListBucket"], f"arn:{partition}:s3:::{bucket}"),
    ]


def bucket_of(region: str, account: str) -> str:
    """The bucket that Elastic Beanstalk makes for an account in a region.

    https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/AWSHowTo.S3.html
    """
    return f"elasticbeanstalk-{region}-{account}"


def _partition(region: str | None) -> str:
    return next((name for start, name in PARTITIONS if (region or "").startswith(start)), "aws")
