"""The Elastic Beanstalk API of the pretend AWS: the query protocol, strict about signatures, with faults.

Source: AWS Elastic Beanstalk API reference, version 2010-12-01 ("Common Errors" and the actions' pages).
"""

from http import HTTPStatus
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import web

from leaderd.demo import answers
from leaderd.demo.calls import Calls
from leaderd.demo.cloud import Cloud, Credentials
from leaderd.demo.faults import Fault, distort
from leaderd.demo.listener import drop, hang
from leaderd.demo.sigv4 import SignedRequest, authenticate
from leaderd.demo.wire import ApiError, result_document

VERSION = "2010-12-01"
WEB_PAGE = "<!DOCTYPE html>\n<html><head><meta charset=utf-8><title>Sign in</title></head><body></body></html>\n"


class Beanstalk(Calls):
    """The EB API over one `Cloud`; remembers who called what."""

    def app(self) -> web.Application:
        """The API as an application that serves POST and GET at /."""
        app = web.Application()
        app.add_routes([web.post("/", self._serve), web.get("/", self._serve, allow_head=False)])
        return app

    async def _serve(self, request: web.Request) -> web.Response:
        signed = await SignedRequest.read(request)
        parameters = _parameters(signed)
        action, request_id = parameters.get("Action", ""), str(uuid4())
        caller, fault = "-", Fault.NONE
        try:
            credentials = authenticate(signed, self.cloud, "elasticbeanstalk")
            caller = credentials.owner
            fault = self.cloud.faults.pick(caller)
            result = self._perform(action, parameters, credentials, fault)
        except ApiError as error:
            self.note(caller, action, error.code)
            return _response(error.status, error.document(request_id), request_id)
        self.note(caller, action, "ok" if fault is Fault.NONE else fault.name.lower())
        return await _deliver(request, fault, result_document(action, result, request_id), request_id)

    def _perform(
        self, action: str, parameters: answers.Parameters, caller: Credentials, fault: Fault
    ) -> answers.Answer:
        _check_operation(action, parameters.get("Version", "NO_VERSION_SPECIFIED"))
        if fault is Fault.DENY and action == "DescribeEnvironments":
            return {"Environments": []}  # as its page says: "an empty result is returned"
        _refuse(fault, action, caller, self.cloud)
        members = distort(fault, self.cloud.told(), caller.owner, self.cloud.rng)
        match action:
            case "DescribeEnvironmentResources":
                return answers.environment_resources(self.cloud, members, parameters)
            case "DescribeInstancesHealth":
                return answers.instances_health(self.cloud, members, parameters)
            case _:
                return answers.environments(self.cloud, parameters)


def _parameters(request: SignedRequest) -> dict[str, str]:
    form = request.body.decode(errors="replace") if request.method == "POST" else request.query
    return dict(parse_qsl(form, keep_blank_values=True))


def _check_operation(action: str, version: str) -> None:
    if not action:
        message = "The request is missing an action or a required parameter."
        raise ApiError(HTTPStatus.BAD_REQUEST, "MissingAction", message)
    known = {"DescribeEnvironmentResources", "DescribeInstancesHealth", "DescribeEnvironments"}
    if action not in known or version != VERSION:
        message = f"Could not find operation {action} for version {version}"
        raise ApiError(HTTPStatus.BAD_REQUEST, "InvalidAction", message)


def _refuse(fault: Fault, action: str, caller: Credentials, cloud: Cloud) -> None:
    """Raise the error that the fault stands for, if it stands for one."""
    denied = f"User: {caller.arn} is not authorized to perform: "
    match fault:
        case Fault.THROTTLE:
            raise ApiError(HTTPStatus.BAD_REQUEST, "Throttling", "Rate exceeded")
        case Fault.DENY:
            permission = f"elasticbeanstalk:{action}"
            reason = f"on resource: {cloud.environment_arn} because no identity-based policy allows"
            raise ApiError(
                HTTPStatus.FORBIDDEN, "AccessDenied", f"{denied}{permission} {reason} the {permission} action"
            )
        case Fault.PRIVILEGES if action == "DescribeEnvironmentResources":
            permission = "autoscaling:DescribeAutoScalingGroups"
            reason = f"because no identity-based policy allows the {permission} action"
            raise ApiError(HTTPStatus.FORBIDDEN, "InsufficientPrivilegesException", f"{denied}{permission} {reason}")
        case Fault.ERROR_500:
            message = "The request processing has failed because of an unknown error, exception or failure."
            raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalFailure", message)


async def _deliver(request: web.Request, fault: Fault, document: str, request_id: str) -> web.Response:
    match fault:
        case Fault.HANG:
            return await hang()
        case Fault.DROP:
            return drop(request)
        case Fault.HTML:
            return web.Response(text=WEB_PAGE, content_type="text/html")
        case Fault.HALF:
            return _response(HTTPStatus.OK, document[: len(document) // 2], request_id)
        case _:
            return _response(HTTPStatus.OK, document, request_id)


def _response(status: HTTPStatus, document: str, request_id: str) -> web.Response:
    headers = {"x-amzn-RequestId": request_id}
    return web.Response(status=status, text=document, content_type="text/xml", headers=headers)
