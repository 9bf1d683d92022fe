"""What goes into an application bundle, as data."""

from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml

from leaderd.aws.policy import claims_statements, policy
from leaderd.core.roster import Order

STOCK_ACTIONS = ("s3:Get*", "s3:List*", "s3:PutObject")
STOCK_RESOURCES = ("arn:aws:s3:::elasticbeanstalk-*", "arn:aws:s3:::elasticbeanstalk-*/*")
BEANSTALK = Path(__file__).parents[2] / "beanstalk"


REGION, ACCOUNT = "eu-west-1", "123456789012"
FILLED_IN = {"${AWS::Partition}": "aws", "${AWS::Region}": REGION, "${AWS::AccountId}": ACCOUNT}


def resource(value):
    """A resource of a template, as it is in an account."""
    text = value["Fn::Sub"] if isinstance(value, dict) else value
    for name, found in FILLED_IN.items():
        text = text.replace(name, found)
    return text


def granted(path):
    """The statements of the policy in a template, as (actions, resource)."""
    document = yaml.safe_load((BEANSTALK / path).read_text())
    statements = document["Resources"]["LeaderdPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    plain = [statement for statement in statements if "Action" in statement]
    return [(statement["Action"], resource(statement["Resource"])) for statement in plain]


@pytest.mark.parametrize("path", ["iam.yaml", ".ebextensions/leaderd-iam.config"])
def test_policies_grant_the_least(path):
    """Both templates allow what `leaderd policy` prints by default, for all environments, and no more."""
    needed = policy(Order.LISTED, "s3", environment=None, region=REGION, account=ACCOUNT)["Statement"]
    assert granted(path) == [(statement["Action"], statement["Resource"]) for statement in needed]


def test_claims_need_nothing_that_the_stock_profile_lacks():
    """What claims need in the default store is a part of what AWSElasticBeanstalkWebTier allows.

    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSElasticBeanstalkWebTier.html
    """
    needed = claims_statements("s3", environment=None, region=REGION, account=ACCOUNT)
    actions = [action for statement in needed for action in _listed(statement["Action"])]
    assert all(any(fnmatchcase(action, each) for each in STOCK_ACTIONS) for action in actions)
    assert all(any(fnmatchcase(each["Resource"], stock) for stock in STOCK_RESOURCES) for each in needed)


def _listed(value):
    return [value] if isinstance(value, str) else value


def test_oldest_instance_needs_one_permission_more():
    """DescribeInstancesHealth is granted only for the order that uses it."""
    text = (BEANSTALK / "iam.yaml").read_text()
    (condition, granted, nothing) = next(
        statement["Fn::If"]
        for statement in yaml.safe_load(text)["Resources"]["LeaderdPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if "Fn::If" in statement
    )
    assert condition == "Oldest"
    assert granted["Action"] == "elasticbeanstalk:DescribeInstancesHealth"
    assert nothing == {"Ref": "AWS::NoValue"}


def test_crontab_does_not_depend_on_the_deployments_leader():
    """The crontab goes to every instance, claims each tick, and old copies of it are removed."""
    config = yaml.safe_load((BEANSTALK / ".ebextensions" / "leaderd-cron.config").read_text())
    assert set(config) == {"packages", "files", "commands"}
    assert all(set(command) == {"command"} for command in config["commands"].values())
    assert config["commands"]["leaderd_1_remove_old_crontabs"]["command"] == "rm -f /etc/cron.d/*.bak"
    (line,) = (line for line in config["files"]["/etc/cron.d/leaderd-jobs"]["content"].splitlines() if "&&" in line)
    assert "curl -fso /dev/null -X POST http://127.0.0.1:5323/claims/invoices && " in line
