import json

from tests.daemons import leaderd


async def policy(options=None, *environs):
    code, out, err = await leaderd("policy", options or {}, *environs)
    assert (code, err) == (0, "")
    return json.loads(out)


async def test_policy():
    """It prints a policy, as a document that the AWS CLI takes; nothing needs to be set, and nobody is asked."""
    document = await policy({}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"})
    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "LeaderdRoster",
                "Effect": "Allow",
                "Action": "elasticbeanstalk:DescribeEnvironmentResources",
                "Resource": "arn:aws:elasticbeanstalk:*:*:environment/*",
            },
            {
                "Sid": "LeaderdBehindRoster",
                "Effect": "Allow",
                "Action": "autoscaling:DescribeAutoScalingGroups",
                "Resource": "*",
            },
            {
                "Sid": "LeaderdClaims",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::elasticbeanstalk-*-*/leaderd/claims/*/*",
            },
            {
                "Sid": "LeaderdClaimsMissing",
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": "arn:aws:s3:::elasticbeanstalk-*-*",
            },
        ],
    }


async def test_policy_for_the_settings():
    """It is for the settings in force, by option and by variable."""
    document = await policy(
        {"environment": "shop-prod", "order": "oldest"},
        {"AWS_REGION": "eu-west-1", "LEADERD_ORDER": "id"},
    )
    first = document["Statement"][0]
    assert first["Resource"] == "arn:aws:elasticbeanstalk:eu-west-1:*:environment/*/shop-prod"
    assert first["Action"][1] == "elasticbeanstalk:DescribeInstancesHealth"


async def test_bad_settings():
    """A configuration that is refused gives no policy."""
    code, out, err = await leaderd("policy", {"order": "age"})
    assert (code, out) == (2, "")
    assert err.startswith("leaderd: --order: ")
