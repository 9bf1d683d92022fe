"""The instance metadata service of the pretend AWS, version 2 only: without a valid token it says just 401.

Source: EC2 User Guide, "Use the Instance Metadata Service to access instance metadata" (how version 2 works,
response codes). The error pages are those of the real service.
"""

import re
from collections import deque
from collections.abc import Callable
from http import HTTPMethod, HTTPStatus
from math import ceil
from secrets import token_urlsafe

from aiohttp import web

from leaderd.demo.cloud import Cloud, ImdsFault, Instance
from leaderd.demo.listener import drop, hang
from leaderd.demo.metadata import read

TOKEN_PATH = "/latest/api/token"  # noqa: S105  a path, no secret
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105  the name of a header
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
MAX_TTL = 21_600  # seconds
GARBAGE = b"\x00\xff\xfe<{]garbage\r\n\r\n\x7f" * 7

_PAGE = """<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
	"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>{title}</title>
 </head>
 <body>
  <h1>{title}</h1>
 </body>
</html>
"""


class Imds:
    """The metadata service; `instance_of` tells which instance a request comes from.

    Attributes:
        log: The newest requests as "METHOD PATH STATUS", oldest first; in place of the status
            "hang" or "drop" when none was sent.
    """

    def __init__(self, cloud: Cloud, instance_of: Callable[[web.Request], Instance]) -> None:
        self.cloud = cloud
        self.instance_of = instance_of
        self.log: deque[str] = deque(maxlen=10_000)
        self._tokens: dict[str, tuple[str, float]] = {}  # token: (instance id, expiry)

    def app(self) -> web.Application:
        """The service as an application."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    def revoke_tokens(self) -> None:
        """Make all tokens invalid: the next request with one gets 401 and must fetch another."""
        self._tokens.clear()

    async def _serve(self, request: web.Request) -> web.Response:
        instance = self.instance_of(request)
        fault = instance.imds
        if fault is ImdsFault.HANG or (fault is ImdsFault.HOP_LIMIT and request.path == TOKEN_PATH):
            self._note(request, "hang")
            return await hang()
        if fault is ImdsFault.DROP:
            self._note(request, "drop")
            return drop(request)
        response = _faulty(fault) or self._answer(instance, request)
        self._note(request, str(response.status))
        return response

    def _note(self, request: web.Request, outcome: str) -> None:
        self.log.append(f"{request.method} {request.path} {outcome}")

    def _answer(self, instance: Instance, request: web.Request) -> web.Response:
        if request.path == TOKEN_PATH:
            return self._issue(instance, request) if request.method == HTTPMethod.PUT else _not_allowed("OPTIONS, PUT")
        if request.method not in {HTTPMethod.GET, HTTPMethod.HEAD}:
            return _not_allowed("OPTIONS, GET, HEAD")
        left = self._seconds_left(instance, request.headers.get(TOKEN_HEADER, ""))
        if left <= 0:
            return _page(HTTPStatus.UNAUTHORIZED)
        root, _, path = request.path.strip("/").partition("/")
        text = read(self.cloud, instance, path) if root == "latest" else None
        return _page(HTTPStatus.NOT_FOUND) if text is None else _text(text, ttl=left)

    def _issue(self, instance: Instance, request: web.Request) -> web.Response:
        if "X-Forwarded-For" in request.headers:
            return _page(HTTPStatus.FORBIDDEN)
        ttl = request.headers.get(TTL_HEADER, "")
        if not (re.fullmatch("[0-9]{1,5}", ttl) and 1 <= int(ttl) <= MAX_TTL):
            return _page(HTTPStatus.BAD_REQUEST)
        token = token_urlsafe(40) + "=="
        self._tokens[token] = (instance.id, self.cloud.monotonic() + int(ttl))
        return _text(token, ttl=int(ttl))

    def _seconds_left(self, instance: Instance, token: str) -> float:
        """A token holds for the instance that fetched it, and for nobody else."""
        owner, expiry = self._tokens.get(token, ("", 0.0))
        return expiry - self.cloud.monotonic() if owner == instance.id else 0.0


def _faulty(fault: ImdsFault) -> web.Response | None:
    match fault:
        case ImdsFault.FORBIDDEN:
            return _page(HTTPStatus.FORBIDDEN)
        case ImdsFault.UNAVAILABLE:
            return _page(HTTPStatus.SERVICE_UNAVAILABLE)
        case ImdsFault.GARBAGE:
            return web.Response(body=GARBAGE, content_type="text/plain")
        case _:
            return None


def _not_allowed(allow: str) -> web.Response:
    response = _page(HTTPStatus.METHOD_NOT_ALLOWED)
    response.headers["Allow"] = allow
    return response


def _page(status: HTTPStatus) -> web.Response:
    text = _PAGE.format(title=f"{status} - {status.phrase}")
    return web.Response(status=status, text=text, content_type="text/html", headers={"Server": "EC2ws"})


def _text(text: str, *, ttl: float) -> web.Response:
    headers = {"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": str(ceil(ttl)), "Server": "EC2ws"}
    return web.Response(text=text, content_type="text/plain", headers=headers)
