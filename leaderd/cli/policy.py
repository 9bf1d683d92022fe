"""`leaderd policy`: prints what the instance profile must allow."""

import json

import click

from leaderd.aws.policy import policy as least_policy
from leaderd.cli.options import options, settings_or_exit


@click.command()
@options("environment", "region", "order", "claims")
def policy(**flags: str | None) -> None:
    """Print the least IAM policy for the settings in force, as JSON.

    It asks nobody: what is not set (--environment, --region) is a * in it. It belongs to the role of the instance
    profile; `aws iam put-role-policy` takes it as --policy-document.
    """
    settings = settings_or_exit(flags)
    document = least_policy(settings.order, settings.claims, environment=settings.environment, region=settings.region)
    click.echo(json.dumps(document, indent=2))
