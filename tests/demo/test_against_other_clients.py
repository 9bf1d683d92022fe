"""The pretend AWS as clients see it that others wrote: boto3, the AWS CLI, ec2-metadata and curl."""

import asyncio
import contextlib
import functools
import json
import os
import sys
from pathlib import Path

import boto3
import pytest
import urllib3
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    MetadataRetrievalError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from ec2_metadata import EC2Metadata

from leaderd.demo.cloud import ImdsFault
from leaderd.demo.faults import CROWD, Fault, StoreFault

BUCKET = "elasticbeanstalk-eu-west-1-123456789012"
AWS_CLI = str(Path(sys.executable).with_name("aws"))


@pytest.fixture
def instance(aws):
    """The instance that the clients run on."""
    return aws.cloud.instances[aws.cloud.members[1]]


@pytest.fixture
def environ(aws, instance):
    """The whole environment of a process on that instance."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    patient = {"AWS_METADATA_SERVICE_TIMEOUT": "20"}  # seconds, in place of 1: the machine may be busy
    return kept | patient | aws.environ(instance.id, region=True)


@pytest.fixture
def boto(aws, environ, monkeypatch):
    """Call the EB API of boto3, in a thread, once."""
    for name in set(os.environ) - set(environ):
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def call(operation, *, read_timeout=20, region=None, **parameters):
        config = Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout)
        client = boto3.session.Session().client("elasticbeanstalk", config=config, region_name=region)
        with contextlib.closing(client):
            return getattr(client, operation)(**parameters)

    async def boto(operation="describe_environment_resources", **parameters):
        if operation != "describe_environments":
            parameters = {"EnvironmentName": aws.cloud.environment} | parameters
        return await asyncio.to_thread(call, operation, **parameters)

    return boto


@pytest.fixture
def run(environ):
    """Run a process on the instance; give its exit code and what it wrote."""

    async def run(*command):
        process = await asyncio.create_subprocess_exec(
            *command, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    return run


def ids(answer):
    return tuple(instance["Id"] for instance in answer["EnvironmentResources"]["Instances"])


async def test_boto3_resources(aws, boto, instance):
    """boto3 finds credentials in the metadata, and EB knows by them who calls."""
    answer = await boto()
    assert ids(answer) == aws.cloud.members
    assert answer["EnvironmentResources"]["EnvironmentName"] == aws.cloud.environment
    assert [(call.caller, call.outcome) for call in aws.beanstalk.log] == [(instance.id, "ok")]
    assert aws.imds[instance.id].log[0] == "PUT /latest/api/token 200"


async def test_boto3_health(aws, boto):
    """boto3 reads the launch times as moments."""
    answer = await boto("describe_instances_health", AttributeNames=["All"])
    launched = {one["InstanceId"]: one["LaunchedAt"] for one in answer["InstanceHealthList"]}
    assert launched == {
        member: aws.cloud.instances[member].launched.replace(microsecond=0) for member in aws.cloud.members
    }
    assert "NextToken" not in answer


async def test_boto3_environments(aws, boto):
    """boto3 finds the environment by its id."""
    answer = await boto("describe_environments", EnvironmentIds=[aws.cloud.environment_id])
    assert [found["EnvironmentName"] for found in answer["Environments"]] == [aws.cloud.environment]
    assert answer["Environments"][0]["AbortableOperationInProgress"] is False


@pytest.mark.parametrize(
    ("fault", "kind", "code", "status"),
    [
        (Fault.THROTTLE, "ClientError", "Throttling", 400),
        (Fault.DENY, "ClientError", "AccessDenied", 403),
        (Fault.PRIVILEGES, "InsufficientPrivilegesException", "InsufficientPrivilegesException", 403),
        (Fault.ERROR_500, "ClientError", "InternalFailure", 500),
    ],
)
async def test_boto3_refusals(aws, boto, fault, kind, code, status):
    """Each refusal is the exception that users of boto3 know."""
    aws.cloud.faults.everyone = fault
    with pytest.raises(ClientError) as caught:
        await boto()
    response = caught.value.response
    assert type(caught.value).__name__ == kind
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert response["ResponseMetadata"]["RequestId"]


async def test_boto3_basic_health(aws, boto):
    """Health of an environment without enhanced reporting is an invalid request."""
    aws.cloud.enhanced_health = False
    with pytest.raises(ClientError, match="DescribeInstancesHealth is not supported") as caught:
        await boto("describe_instances_health", AttributeNames=["All"])
    assert type(caught.value).__name__ == "InvalidRequestException"


async def test_boto3_unknown_environment(boto):
    """An unknown environment is an invalid parameter value."""
    with pytest.raises(ClientError, match="No Environment found for EnvironmentName = 'shop-test'") as caught:
        await boto(EnvironmentName="shop-test")
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


async def test_boto3_wrong_region(boto):
    """A client of another region signs for that one, and is refused."""
    with pytest.raises(ClientError, match="Credential should be scoped to a valid region"):
        await boto(region="us-east-1")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.HANG, ReadTimeoutError),
        (Fault.DROP, ConnectionClosedError),
        (Fault.HTML, ResponseParserError),
        (Fault.HALF, ResponseParserError),
    ],
)
async def test_boto3_broken_answers(aws, boto, fault, error):
    """An answer that is none is told apart from a refusal."""
    aws.cloud.faults.everyone = fault
    with pytest.raises(error):
        await boto(read_timeout=0.05 if fault is Fault.HANG else 20)


async def test_boto3_refused_connection(aws, boto):
    """A service that does not listen is an endpoint that cannot be reached."""
    await aws.beanstalk_listener.close()
    with pytest.raises(EndpointConnectionError):
        await boto()


async def test_boto3_lies(aws, boto, instance):
    """Lists that are wrong are read as they are."""
    aws.cloud.faults.once.extend([Fault.EMPTY, Fault.WITHOUT_CALLER, Fault.DUPLICATES, Fault.MANY])
    assert ids(await boto()) == ()
    assert instance.id not in ids(await boto())
    assert ids(await boto()) == aws.cloud.members * 2
    assert len(ids(await boto())) == CROWD


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ImdsFault.DROP, MetadataRetrievalError),
        (ImdsFault.FORBIDDEN, MetadataRetrievalError),
        (ImdsFault.UNAVAILABLE, MetadataRetrievalError),
        (ImdsFault.GARBAGE, HTTPClientError),
    ],
)
async def test_boto3_without_metadata(boto, instance, fault, error):
    """Without a token there are no credentials: version 1 is not tried."""
    instance.imds = fault
    with pytest.raises(error):
        await boto()


async def test_boto3_without_profile(boto, instance):
    """An instance without a profile has no credentials."""
    instance.has_profile = False
    with pytest.raises(NoCredentialsError):
        await boto()


async def test_cli_resources(aws, run):
    """The AWS CLI lists the members."""
    code, out, err = await run(
        AWS_CLI, "elasticbeanstalk", "describe-environment-resources",
        "--environment-name", aws.cloud.environment, "--query", "EnvironmentResources.Instances[].Id",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert tuple(json.loads(out)) == aws.cloud.members


async def test_cli_denied(aws, run, instance):
    """The AWS CLI shows who may not do what."""
    aws.cloud.faults.everyone = Fault.DENY
    command = (AWS_CLI, "elasticbeanstalk", "describe-environment-resources", "--environment-id")
    code, _, err = await run(*command, aws.cloud.environment_id)
    assert code != 0
    assert "An error occurred (AccessDenied) when calling the DescribeEnvironmentResources operation" in err
    assert f"assumed-role/aws-elasticbeanstalk-ec2-role/{instance.id} is not authorized to perform" in err


async def test_ec2_metadata(aws, environ, instance):
    """The package ec2-metadata reads all that an instance knows of itself."""
    instance.lifecycle, instance.tags_in_imds = "InService", True

    def read():
        with urllib3.PoolManager() as pool:
            metadata = EC2Metadata(pool)
            metadata.service_url = f"{environ['AWS_EC2_METADATA_SERVICE_ENDPOINT']}/latest/"
            metadata.dynamic_url = f"{metadata.service_url}dynamic/"
            metadata.metadata_url = f"{metadata.service_url}meta-data/"
            metadata.userdata_url = f"{metadata.service_url}user-data/"
            values = {name: getattr(metadata, name) for name in expected}
            return {name: dict(value) if name == "tags" else value for name, value in values.items()}

    expected = {
        "instance_id": instance.id,
        "account_id": aws.cloud.account,
        "region": aws.cloud.region,
        "availability_zone": instance.zone,
        "private_ipv4": instance.private_ip,
        "public_ipv4": None,
        "instance_profile_name": "aws-elasticbeanstalk-ec2-role",
        "autoscaling_target_lifecycle_state": "InService",
        "user_data": None,
        "partition": "aws",
        "tags": {
            "Name": aws.cloud.environment,
            "elasticbeanstalk:environment-id": aws.cloud.environment_id,
            "elasticbeanstalk:environment-name": aws.cloud.environment,
        },
    }
    assert await asyncio.to_thread(read) == expected


async def test_curl_metadata(environ, run, instance):
    """The two commands of the EC2 User Guide give an instance its id; without a token the second fails."""
    endpoint = environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
    url = f"{endpoint}/latest/meta-data/instance-id"
    ttl = "X-aws-ec2-metadata-token-ttl-seconds: 21600"
    _, token, _ = await run("curl", "-s", "-X", "PUT", f"{endpoint}/latest/api/token", "-H", ttl)
    assert await run("curl", "-fs", "-H", f"X-aws-ec2-metadata-token: {token}", url) == (0, instance.id, "")
    assert (await run("curl", "-fs", url))[0] == 22


async def test_curl_signature(aws, run):
    """EB accepts the signature of curl, which has code of its own for it, and no other secret."""
    keys = aws.cloud.add_user("ops")
    form = f"Action=DescribeEnvironmentResources&Version=2010-12-01&EnvironmentName={aws.cloud.environment}"
    scheme = f"aws:amz:{aws.cloud.region}:elasticbeanstalk"
    command = ("curl", "-s", aws.beanstalk_listener.url, "--aws-sigv4", scheme, "--data", form, "--user")
    _, out, _ = await run(*command, f"{keys.access_key}:{keys.secret_key}")
    assert all(f"<member><Id>{member}</Id></member>" in out for member in aws.cloud.members)
    _, out, _ = await run(*command, f"{keys.access_key}:other")
    assert "<Code>SignatureDoesNotMatch</Code>" in out


@pytest.fixture
def s3(aws, environ, monkeypatch):
    """Call S3 with boto3, in a thread, once; with one client for each region."""
    for name in set(os.environ) - set(environ):
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    clients = contextlib.ExitStack()

    @functools.cache
    def client(region):
        config = Config(retries={"total_max_attempts": 1})
        made = boto3.session.Session().client("s3", config=config, region_name=region)
        return clients.enter_context(contextlib.closing(made))

    def call(operation, region=None, **parameters):
        answer = getattr(client(region), operation)(**{"Bucket": BUCKET} | parameters)
        return answer | ({"Body": answer["Body"].read()} if operation == "get_object" else {})

    async def s3(operation, **parameters):
        return await asyncio.to_thread(call, operation, **parameters)

    with clients:
        yield s3


async def test_boto3_reads_and_writes_objects(s3):
    """As with S3: what was put is got and listed, and conditions are heeded."""
    first = await s3("put_object", Key="a b/ä+%", Body=b"1", IfNoneMatch="*")
    for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"other"'}):
        with pytest.raises(ClientError, match="PreconditionFailed"):
            await s3("put_object", Key="a b/ä+%", Body=b"2", **condition)
    await s3("put_object", Key="a b/ä+%", Body=b"3", IfMatch=first["ETag"])
    assert (await s3("get_object", Key="a b/ä+%"))["Body"] == b"3"
    listed = await s3("list_objects_v2", Prefix="a b/")
    assert [each["Key"] for each in listed["Contents"]] == ["a b/ä+%"]
    with pytest.raises(ClientError, match="AccessDenied"):
        await s3("delete_object", Key="a b/ä+%")


async def test_boto3_understands_errors_of_s3(s3, aws):
    """Codes come out as S3 has them."""
    for fault, name in ((StoreFault.THROTTLE, "SlowDown"), (StoreFault.DENY, "AccessDenied")):
        aws.cloud.store_faults.everyone = fault
        with pytest.raises(ClientError, match=name):
            await s3("get_object", Key="a")
    aws.cloud.store_faults.clear()
    with pytest.raises(ClientError, match="NoSuchKey"):
        await s3("get_object", Key="a")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        await s3("get_object", Bucket="nobodys", Key="a")
    with pytest.raises(ClientError, match="AuthorizationHeaderMalformed"):
        await s3("get_object", region="us-east-1", Key="a")


async def test_one_of_twenty_wins(s3):
    """Of twenty that make the same object at once, each in a thread of its own, one does."""

    async def win(number):
        try:
            await s3("put_object", Key="contended", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "won"

    await s3("list_objects_v2")  # makes the client that they share
    assert sorted(await asyncio.gather(*map(win, range(20)))) == [*["PreconditionFailed"] * 19, "won"]


async def test_the_aws_cli_reads_and_writes_objects(run, tmp_path):
    """The CLI copies, lists, and writes under a condition."""
    (tmp_path / "file").write_text("hello\n")
    code, _, err = await run(AWS_CLI, "s3", "cp", str(tmp_path / "file"), f"s3://{BUCKET}/a/file")
    assert code == 0, err
    code, out, err = await run(AWS_CLI, "s3", "ls", f"s3://{BUCKET}/a/")
    assert code == 0, err
    assert out.split()[-2:] == ["6", "file"]
    code, out, err = await run(AWS_CLI, "s3", "cp", f"s3://{BUCKET}/a/file", "-")
    assert (code, out) == (0, "hello\n"), err
    put = [AWS_CLI, "s3api", "put-object", "--bucket", BUCKET, "--key", "a/file", "--body", str(tmp_path / "file")]
    code, _, err = await run(*put, "--if-none-match", "*")
    assert code != 0
    assert "PreconditionFailed" in err
