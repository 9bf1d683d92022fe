"""What goes into an application bundle, as data."""

from pathlib import Path

import yaml

BEANSTALK = Path(__file__).parents[2] / "beanstalk"


def policy(path):
    """The statements of the policy in a template, as (action, resource)."""
    document = yaml.safe_load((BEANSTALK / path).read_text())
    statements = document["Resources"]["LeaderdPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    plain = [statement for statement in statements if "Action" in statement]
    return [(statement["Action"], statement["Resource"]) for statement in plain]


def test_policies_grant_the_least():
    """Both policies allow what listing the members needs, and nothing else by default."""
    for path in ("iam.yaml", ".ebextensions/leaderd-iam.config"):
        (describe, environments), (groups, everything) = policy(path)
        assert describe == "elasticbeanstalk:DescribeEnvironmentResources"
        assert environments["Fn::Sub"].endswith(":environment/*")
        assert (groups, everything) == ("autoscaling:DescribeAutoScalingGroups", "*")


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
    """The crontab goes to every instance, asks leaderd each time, and old copies of it are removed."""
    config = yaml.safe_load((BEANSTALK / ".ebextensions" / "leaderd-cron.config").read_text())
    assert set(config) == {"packages", "files", "commands"}
    assert all(set(command) == {"command"} for command in config["commands"].values())
    assert config["commands"]["leaderd_1_remove_old_crontabs"]["command"] == "rm -f /etc/cron.d/*.bak"
    (line,) = (line for line in config["files"]["/etc/cron.d/leaderd-jobs"]["content"].splitlines() if "&&" in line)
    assert "curl -fso /dev/null http://127.0.0.1:5323/leader && " in line
