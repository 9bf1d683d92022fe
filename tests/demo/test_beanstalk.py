import asyncio
from xml.etree import ElementTree as ET

import pytest
from aiohttp import ClientConnectionError
from botocore.credentials import Credentials as Keys

from leaderd.demo.faults import Fault
from tests.demo.documents import NS, code, healths, listed, message

RESOURCES = "DescribeEnvironmentResources"
HEALTH = "DescribeInstancesHealth"


async def test_resources(aws, call):
    """The members come in EB's order, in the namespace of the API, with a request id."""
    status, document, headers = await call()
    assert status == 200
    assert listed(document) == aws.cloud.members
    request_id = document.findtext("eb:ResponseMetadata/eb:RequestId", namespaces=NS)
    assert headers["x-amzn-RequestId"] == request_id


async def test_environment_by_id(aws, call):
    """An environment can be named by its id as well."""
    _, document, _ = await call(EnvironmentName=None, EnvironmentId=aws.cloud.environment_id)
    assert listed(document) == aws.cloud.members


async def test_lag(aws, call):
    """EB answers with the membership of a while ago."""
    aws.cloud.lag = 3600
    assert listed((await call())[1]) == ()


@pytest.mark.parametrize("action", [RESOURCES, HEALTH])
async def test_unknown_environment(call, action):
    """An unknown environment is an invalid parameter, in EB's words."""
    status, document, _ = await call(action, EnvironmentName="x & y")
    assert (status, code(document)) == (400, "InvalidParameterValue")
    assert message(document) == "No Environment found for EnvironmentName = 'x & y'."


async def test_no_environment(call):
    """Neither name nor id is an error of its own."""
    assert code((await call(EnvironmentName=None))[1]) == "MissingRequiredParameter"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"action": ""}, "MissingAction"),
        ({"action": "DescribeNothing"}, "InvalidAction"),
        ({"Version": "2011-01-01"}, "InvalidAction"),
        ({"Version": None}, "InvalidAction"),
    ],
)
async def test_unknown_operation(call, parameters, expected):
    """An action that this version of the API does not have is refused."""
    status, document, _ = await call(**parameters)
    assert (status, code(document)) == (400, expected)


async def test_health(aws, call):
    """Health tells when each instance was launched, in whole seconds of UTC."""
    _, document, _ = await call(HEALTH, **{"AttributeNames.member.1": "All"})
    instances = healths(document)
    assert tuple(instance["InstanceId"] for instance in instances) == aws.cloud.members
    launched = aws.cloud.instances[aws.cloud.members[0]].launched
    assert instances[0]["LaunchedAt"] == launched.strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_health_gives_what_was_asked_for(call):
    """Only the attributes that were named are in the answer; without any just the ids."""
    _, document, _ = await call(HEALTH, **{"AttributeNames.member.1": "Color"})
    assert {frozenset(instance) for instance in healths(document)} == {frozenset({"InstanceId", "Color"})}
    _, document, _ = await call(HEALTH)
    assert {frozenset(instance) for instance in healths(document)} == {frozenset({"InstanceId"})}


async def test_health_pages(aws, call):
    """A long list comes in pages, each with the token of the next but the last."""
    aws.cloud.health_page = 2
    _, first, _ = await call(HEALTH)
    token = first.findtext("eb:DescribeInstancesHealthResult/eb:NextToken", namespaces=NS)
    _, last, _ = await call(HEALTH, NextToken=token)
    assert [len(healths(page)) for page in (first, last)] == [2, 1]
    assert last.find("eb:DescribeInstancesHealthResult/eb:NextToken", NS) is None


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [({"AttributeNames.member.1": "Mood"}, "ValidationError"), ({"NextToken": "?"}, "InvalidParameterValue")],
)
async def test_health_checks_its_parameters(call, parameters, expected):
    """An unknown attribute and a token that EB did not give are refused."""
    assert code((await call(HEALTH, **parameters))[1]) == expected


async def test_basic_health(aws, call):
    """Without enhanced health reporting the call is not supported."""
    aws.cloud.enhanced_health = False
    status, document, _ = await call(HEALTH)
    assert (status, code(document)) == (400, "InvalidRequestException")
    assert message(document) == "DescribeInstancesHealth is not supported."


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, 1),
        ({"EnvironmentNames.member.1": "shop-prod"}, 1),
        ({"EnvironmentNames.member.1": "shop-prod", "ApplicationName": "other"}, 0),
        ({"EnvironmentIds.member.1": "e-other"}, 0),
    ],
)
async def test_environments(call, parameters, found):
    """The environment is described when it fits what was asked, and left out when not."""
    _, document, _ = await call("DescribeEnvironments", EnvironmentName=None, **parameters)
    assert len(document.findall("eb:DescribeEnvironmentsResult/eb:Environments/eb:member", NS)) == found


@pytest.mark.parametrize(
    ("fault", "status", "expected", "words"),
    [
        (Fault.THROTTLE, 400, "Throttling", "Rate exceeded"),
        (
            Fault.DENY,
            403,
            "AccessDenied",
            "not authorized to perform: elasticbeanstalk:DescribeEnvironmentResources",
        ),
        (
            Fault.PRIVILEGES,
            403,
            "InsufficientPrivilegesException",
            "perform: autoscaling:DescribeAutoScalingGroups",
        ),
        (Fault.ERROR_500, 500, "InternalFailure", "unknown error"),
    ],
)
async def test_refusing_faults(aws, call, fault, status, expected, words):
    """Each refusal has the status, the code and the wording of AWS."""
    aws.cloud.faults.everyone = fault
    got, document, _ = await call()
    assert (got, code(document)) == (status, expected)
    assert words in message(document)
    blamed = document.findtext("eb:Error/eb:Type", namespaces=NS)
    assert blamed == ("Receiver" if status == 500 else "Sender")


async def test_denied_caller_is_named(aws, call):
    """Who was denied what on which environment stands in the message."""
    aws.cloud.faults.everyone = Fault.DENY
    _, document, _ = await call()
    assert aws.cloud.credentials(aws.cloud.members[0]).arn in message(document)
    assert aws.cloud.environment_arn in message(document)


async def test_denied_environments_are_empty(aws, call):
    """DescribeEnvironments shows nothing to those who may not see it, instead of an error."""
    aws.cloud.faults.everyone = Fault.DENY
    status, document, _ = await call("DescribeEnvironments", EnvironmentName=None)
    assert status == 200
    assert document.find(".//eb:EnvironmentId", NS) is None


async def test_health_needs_no_privileges_of_auto_scaling(aws, call):
    """Only DescribeEnvironmentResources needs the permission for Auto Scaling."""
    aws.cloud.faults.everyone = Fault.PRIVILEGES
    assert (await call(HEALTH))[0] == 200


@pytest.mark.parametrize("fault", [Fault.HTML, Fault.HALF])
async def test_documents_that_are_none(aws, call, fault):
    """A web page or half a document comes with status 200."""
    aws.cloud.faults.everyone = fault
    with pytest.raises(ET.ParseError):
        await call()


async def test_lies(aws, call):
    """A fault of one instance meets it alone."""
    first, _, last = aws.cloud.members
    aws.cloud.faults.of[last] = Fault.CALLER_FIRST
    assert listed((await call(keys=aws.cloud.credentials(last)))[1])[0] == last
    assert listed((await call())[1])[0] == first


async def test_many_in_health(aws, call):
    """The crowd appears in the health answers too, page by page."""
    aws.cloud.faults.everyone = Fault.MANY
    _, document, _ = await call(HEALTH, **{"AttributeNames.member.1": "LaunchedAt"})
    assert len(healths(document)) == aws.cloud.health_page


async def test_drop(aws, call):
    """A dropped call gets no answer at all."""
    aws.cloud.faults.everyone = Fault.DROP
    with pytest.raises(ClientConnectionError):
        await call()


async def test_hang(aws, call):
    """A hanging call has arrived, and is never answered."""
    aws.cloud.faults.everyone = Fault.HANG
    hanging = asyncio.create_task(call())
    await aws.beanstalk.reached(1)
    assert not hanging.done()
    hanging.cancel()
    assert [entry.outcome for entry in aws.beanstalk.log] == ["hang"]


async def test_log(aws, call):
    """Who called what, and what came of it, is remembered and counted."""
    first, second, _ = aws.cloud.members
    ops = aws.cloud.add_user("ops")
    aws.cloud.faults.of[second] = Fault.EMPTY
    await call()
    await call(keys=aws.cloud.credentials(second))
    await call(HEALTH, keys=ops, EnvironmentName="x")
    await call(keys=Keys("AKIAUNKNOWN", "secret"))
    assert [(entry.caller, entry.action, entry.outcome) for entry in aws.beanstalk.log] == [
        (first, RESOURCES, "ok"),
        (second, RESOURCES, "empty"),
        ("ops", HEALTH, "InvalidParameterValue"),
        ("-", RESOURCES, "InvalidClientTokenId"),
    ]
    assert aws.beanstalk.count() == 4
    assert aws.beanstalk.count(action=RESOURCES) == 3
    assert aws.beanstalk.count(caller="ops", action=HEALTH) == 1
