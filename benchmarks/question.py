"""One question as a whole process: `curl /leader`, and what people do without leaderd. All ask the pretend AWS."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.lab import HERE, LEADS_SOON, Lab, until
from benchmarks.row import Row

SECTION = "one question"
LEADER = "curl /leader"
BOTO3, CLI, RECIPE = "boto3 script", "AWS CLI", "shell recipe"
LESS_CPU = {BOTO3: 30.0, CLI: 50.0}
"""How many times less CPU a question is to cost than with these."""

ASK_BOTO3 = """
import os, sys, urllib.request
import boto3
imds = os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] + "/latest/"
ttl = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
token = urllib.request.urlopen(urllib.request.Request(imds + "api/token", method="PUT", headers=ttl)).read().decode()
asked = urllib.request.Request(imds + "meta-data/instance-id", headers={"X-aws-ec2-metadata-token": token})
me = urllib.request.urlopen(asked).read().decode()
resources = boto3.client("elasticbeanstalk").describe_environment_resources(EnvironmentName="shop-prod")
sys.exit(resources["EnvironmentResources"]["Instances"][0]["Id"] != me)
"""
ASK_SHELL = """
imds=$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest
token=$(curl -fsX PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$imds/api/token")
me=$(curl -fsH "X-aws-ec2-metadata-token: $token" "$imds/meta-data/instance-id")
first=$(aws elasticbeanstalk describe-environment-resources --environment-name shop-prod \
  --query 'EnvironmentResources.Instances[0].Id' --output text)
[ "$first" = "$me" ]
"""
"""AWS's own recipe for cron, with IMDSv2. It asks EC2 and Auto Scaling, twice the AWS CLI; this asks once."""
ASK_CLI = "aws elasticbeanstalk describe-environment-resources --environment-name shop-prod"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one process cost: seconds of wall clock and of CPU, bytes at its peak."""

    code: int
    wall: float
    cpu: float
    peak: int


def cost(words: list[str], environ: Mapping[str, str]) -> Cost:
    """Run a process and everything that it starts to its end."""
    measure = [sys.executable, "-I", "-S", str(HERE / "cost.py"), *words]
    done = subprocess.run(measure, env=environ, check=True, stdout=subprocess.PIPE)  # noqa: S603  of this checkout
    return Cost(**json.loads(done.stdout))


def measure(lab: Lab, times: int = 21) -> list[Row]:
    """Ask in every way, in turn, so many times."""
    found: dict[str, list[Cost]] = {}
    with ExitStack() as open_:
        daemon = open_.enter_context(lab.daemon(0, LEADS_SOON))
        until(lambda: daemon.ask("GET", "/leader").status == 200)
        ways = {
            LEADER: ["curl", "-fso", os.devnull, f"{daemon.url}/leader"],
            "leaderd check": [lab.python, "-m", "leaderd", "check", "--port", str(daemon.port)],
            BOTO3: [sys.executable, "-c", ASK_BOTO3],
            CLI: ASK_CLI.split(),
            RECIPE: ["sh", "-c", ASK_SHELL],
        }
        environ = lab.environs[0]
        environ = environ | {"PATH": f"{Path(sys.executable).parent}:{environ['PATH']}"}
        for turn in range(times + 1):
            for way, words in ways.items():
                asked = cost(words, environ)
                if asked.code != 0:
                    raise RuntimeError(f"{way} ended with {asked.code}")
                if turn > 0:  # the first one finds cold files
                    found.setdefault(way, []).append(asked)
    return rows(found)


def rows(found: Mapping[str, list[Cost]]) -> list[Row]:
    """The medians, and the ratios of what was asked in the same turn."""
    lines = []
    for way, costs in found.items():
        lines += [
            Row(SECTION, f"{way}: CPU", 1000 * median(each.cpu for each in costs), "ms"),
            Row(SECTION, f"{way}: wall", 1000 * median(each.wall for each in costs), "ms"),
            Row(SECTION, f"{way}: peak memory", median(each.peak for each in costs) / 1e6, "MB"),
        ]
    for way in (BOTO3, CLI, RECIPE):
        pairs = zip(found[way], found[LEADER], strict=True)
        ratio = median(other.cpu / ours.cpu for other, ours in pairs)
        lines.append(Row(SECTION, f"{way}: CPU of one, in that of {LEADER}", ratio, "times", least=LESS_CPU.get(way)))
    return lines
