"""What the Elastic Beanstalk actions answer: parameters in, plain data out. No network.

Source: AWS Elastic Beanstalk API reference, version 2010-12-01, and the service model of the SDKs.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus

from leaderd.demo.cloud import Cloud
from leaderd.demo.wire import ApiError

HEALTH_ATTRIBUTES = (
    "HealthStatus",
    "Color",
    "Causes",
    "ApplicationMetrics",
    "RefreshedAt",
    "LaunchedAt",
    "System",
    "Deployment",
    "AvailabilityZone",
    "InstanceType",
)

Parameters = Mapping[str, str]
Answer = dict[str, object]


def environment_resources(cloud: Cloud, members: Sequence[str], parameters: Parameters) -> Answer:
    """Answer DescribeEnvironmentResources: no order is promised, and there are no pages."""
    _check_environment(cloud, parameters)
    stack = f"awseb-{cloud.environment_id}-stack"
    resources = {
        "EnvironmentName": cloud.environment,
        "AutoScalingGroups": [{"Name": f"{stack}-AWSEBAutoScalingGroup-QSB2ZO88SXZT"}],
        "Instances": [{"Id": member} for member in members],
        "LaunchConfigurations": [],
        "LaunchTemplates": [{"Id": "lt-0a1b2c3d4e5f60718"}],
        "LoadBalancers": [{"Name": f"{stack}-AWSEBLoadBalancer-1EEPZ0K98BIF0"}],
        "Queues": [],
        "Triggers": [],
    }
    return {"EnvironmentResources": resources}


def instances_health(cloud: Cloud, members: Sequence[str], parameters: Parameters) -> Answer:
    """Answer DescribeInstancesHealth, a page of it: it works with enhanced health reporting only."""
    _check_environment(cloud, parameters)
    if not cloud.enhanced_health:
        message = "DescribeInstancesHealth is not supported."
        raise ApiError(HTTPStatus.BAD_REQUEST, "InvalidRequestException", message)
    wanted = _attributes(parameters)
    start = _offset(parameters.get("NextToken"))
    end = start + cloud.health_page
    answer: Answer = {
        "InstanceHealthList": [_health(cloud, member, wanted) for member in members[start:end]],
        "RefreshedAt": timestamp(cloud.now()),
    }
    if end < len(members):
        answer["NextToken"] = b64encode(str(end).encode()).decode()
    return answer


def environments(cloud: Cloud, parameters: Parameters) -> Answer:
    """Answer DescribeEnvironments: one that does not fit is left out, not an error."""
    name_fits = cloud.environment in (_members(parameters, "EnvironmentNames") or [cloud.environment])
    id_fits = cloud.environment_id in (_members(parameters, "EnvironmentIds") or [cloud.environment_id])
    application_fits = parameters.get("ApplicationName", cloud.application) == cloud.application
    return {"Environments": [_environment(cloud)] if name_fits and id_fits and application_fits else []}


def timestamp(moment: datetime) -> str:
    """ISO 8601 in whole seconds, as AWS writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_environment(cloud: Cloud, parameters: Parameters) -> None:
    truth = {"EnvironmentName": cloud.environment, "EnvironmentId": cloud.environment_id}
    given = {name: value for name in truth if (value := parameters.get(name))}
    if not given:
        message = "You must specify either EnvironmentName or EnvironmentId."
        raise ApiError(HTTPStatus.BAD_REQUEST, "MissingRequiredParameter", message)
    for name, value in given.items():
        if value != truth[name]:
            raise _invalid(f"No Environment found for {name} = '{value}'.")


def _attributes(parameters: Parameters) -> set[str]:
    """Without any, AWS lists the instances and says nothing else of them."""
    wanted = _members(parameters, "AttributeNames")
    if unknown := set(wanted) - {"All", *HEALTH_ATTRIBUTES}:
        message = (
            f"1 validation error detected: Value '[{', '.join(sorted(unknown))}]' at 'attributeNames' failed "
            "to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: "
            f"[{', '.join(HEALTH_ATTRIBUTES)}, All]]"
        )
        raise ApiError(HTTPStatus.BAD_REQUEST, "ValidationError", message)
    return set(HEALTH_ATTRIBUTES) if "All" in wanted else set(wanted)


def _health(cloud: Cloud, member: str, wanted: set[str]) -> Answer:
    instance = cloud.instances.get(member)  # none for the ids that Fault.MANY makes up
    health: Answer = {
        "HealthStatus": "Ok",
        "Color": "Green",
        "Causes": [],
        "LaunchedAt": timestamp(instance.launched if instance else cloud.created),
        "AvailabilityZone": instance.zone if instance else f"{cloud.region}a",
        "InstanceType": "t3.micro",
    }
    return {"InstanceId": member} | {name: value for name, value in health.items() if name in wanted}


def _environment(cloud: Cloud) -> Answer:
    return {
        "EnvironmentName": cloud.environment,
        "EnvironmentId": cloud.environment_id,
        "ApplicationName": cloud.application,
        "SolutionStackName": "64bit Amazon Linux 2023 v4.3.0 running Python 3.11",
        "CNAME": f"{cloud.environment}.{cloud.region}.elasticbeanstalk.com",
        "DateCreated": timestamp(cloud.created),
        "DateUpdated": timestamp(cloud.created),
        "Status": "Ready",
        "AbortableOperationInProgress": "false",
        "Health": "Green",
        "Tier": {"Name": "WebServer", "Type": "Standard", "Version": "1.0"},
        "EnvironmentArn": cloud.environment_arn,
    }


def _members(parameters: Parameters, name: str) -> list[str]:
    """Read a list of the query protocol: NAME.member.1, NAME.member.2 and so on."""
    return [value for key, value in parameters.items() if key.startswith(f"{name}.member.")]


def _offset(token: str | None) -> int:
    try:
        return int(b64decode(token, validate=True)) if token else 0
    except ValueError:
        raise _invalid(f"Invalid NextToken: {token}") from None


def _invalid(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "InvalidParameterValue", message)
