"""The HTTP answers. Handlers only translate: a question into a call, a verdict into a status.

Why 409 and 503: `curl -f` fails on both, `curl --retry` repeats 503, honours Retry-After, and never repeats 409.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache
from math import inf, isinf

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from leaderd import __version__
from leaderd.core.election import Role, Verdict
from leaderd.daemon.claims_api import ClaimsApi
from leaderd.daemon.http import INDENTED, BadParameterError, answer, failure, parameters, wants_text
from leaderd.daemon.report import Reporter

INDEX = """\
GET /leader   200 this instance is leader, 409 it is not, 503 cannot tell (yet); ?min_valid=SECONDS &follower_code=CODE
GET /status   everything there is to know, as JSON
GET /livez    200 while the daemon makes progress, else 503
GET /readyz   200 while the newest answer of Elastic Beanstalk is believed, else 503
GET /metrics  metrics for Prometheus
GET /         this page
POST /claims/JOB       200 this instance has the tick, 409 it has not, 503 cannot tell; ?every=SECONDS or ?key=TEXT
GET /claims/JOB        the newest claims of the job
PUT /claims/JOB/TOKEN  take down how the job ended: {"exit_code": 0, "duration": 1.5}
"""
COMMON = {
    hdrs.CACHE_CONTROL: "no-store",
    hdrs.SERVER: f"leaderd/{__version__}",
    "X-Content-Type-Options": "nosniff",
}
HOST = re.compile(r"(?:\[(?P<ipv6>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::\d*)?")
"""A Host header (RFC 9110, section 7.2)."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """The handlers, and the application that they make.

    Args:
        reporter: knows what to say.
        registry: the metrics.
        claims: the handlers of the claims; None where they are off.
        any_host: accept any Host header that is an address: set where the daemon listens for other machines.
    """

    def __init__(
        self, reporter: Reporter, registry: CollectorRegistry, claims: ClaimsApi | None, *, any_host: bool
    ) -> None:
        self._reporter = reporter
        self._claims = claims
        self._watcher = reporter.watcher
        self._registry = registry
        self._any_host = any_host

    def application(self) -> web.Application:
        """Make the application."""
        app = web.Application(middlewares=[self._guard], client_max_size=4096)
        app.on_response_prepare.append(_add_common)
        for method in (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS):
            app.router.add_route(method, "/leader", self._leader)
        app.router.add_get("/status", self._status)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/", self._index)
        if self._claims is None:
            app.router.add_route(hdrs.METH_ANY, "/claims/{anything:.*}", self._claims_off)
        else:
            self._claims.add_to(app.router)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what a browser was tricked into sending, and answer errors as JSON."""
        if not _is_local(request.headers.get(hdrs.HOST), any_address=self._any_host):
            return failure(421, f"the host {request.host!r} is not served here", "ask for 127.0.0.1 or localhost")
        if request.method in {hdrs.METH_POST, hdrs.METH_PUT} and hdrs.ORIGIN in request.headers:
            return failure(403, "a web page may not do this", "send no Origin header")
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            return failure(405, f"{request.method} is not for {request.path}", f"use {allowed}", {hdrs.ALLOW: allowed})
        except web.HTTPNotFound:
            return failure(404, f"there is no {request.path}", "GET / lists what is served here")
        except BadParameterError as error:
            return failure(400, str(error), error.hint)

    async def _leader(self, request: web.Request) -> web.Response:
        wanted = parameters(request, {"min_valid": _seconds, "follower_code": _code})
        verdict = self._watcher.verdict()
        body = self._reporter.leader(verdict)
        headers: dict[str, str] = {}
        status = _status_of(verdict, wanted.get("follower_code", 409))
        if verdict.role is Role.LEADER and not isinf(verdict.until) and body["valid_for"] < wanted.get("min_valid", 0):
            status = 503
            reason = f"{body['reason']}, but its yes holds for {body['valid_for']} s only"
            body |= {"role": str(Role.UNKNOWN), "leader": False, "reason": reason}
        if status == 503:
            headers[hdrs.RETRY_AFTER] = str(self._reporter.retry_after(verdict))
        if request.method == hdrs.METH_OPTIONS:
            headers[hdrs.ALLOW] = "GET, HEAD, OPTIONS"
        if wants_text(request):
            return web.Response(status=status, text=f"{body['role']}\n", headers=headers)
        return answer(status, body, headers)

    async def _status(self, request: web.Request) -> web.Response:
        parameters(request, {})
        return answer(200, self._reporter.status(), form=INDENTED)

    async def _livez(self, request: web.Request) -> web.Response:
        parameters(request, {})
        alive = self._watcher.alive
        return answer(200 if alive else 503, {"alive": alive})

    async def _readyz(self, request: web.Request) -> web.Response:
        parameters(request, {})
        verdict = self._watcher.outlook()
        ready = verdict.role is not Role.UNKNOWN
        headers: dict[str, str] = {} if ready else {hdrs.RETRY_AFTER: str(self._reporter.retry_after(verdict))}
        body = {"ready": ready, "reason": verdict.reason, "staleness": self._reporter.staleness()}
        return answer(200 if ready else 503, body, headers)

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})

    async def _claims_off(self, _request: web.Request) -> web.Response:
        return failure(404, "claims are off", "start leaderd without --claims off, or ask GET /leader")

    async def _index(self, _request: web.Request) -> web.Response:
        return web.Response(text=INDEX)


async def _add_common(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(COMMON)


def _status_of(verdict: Verdict, follower_code: int) -> int:
    match verdict.role:
        case Role.LEADER:
            return 200
        case Role.FOLLOWER:
            return follower_code
        case Role.CANDIDATE | Role.UNKNOWN:
            return 503


def _seconds(text: str) -> float:
    seconds = float(text) if text.replace(".", "", 1).isdigit() and text.isascii() else -1
    if not 0 <= seconds < inf:
        raise ValueError("use a number of seconds, such as 2.5")
    return seconds


def _code(text: str) -> int:
    if not (len(text) == 3 and text.isascii() and text.isdigit() and 400 <= int(text) <= 599):
        raise ValueError("use an HTTP status that says no: 400 to 599")
    return int(text)


@lru_cache(maxsize=64)
def _is_local(host: str | None, *, any_address: bool) -> bool:
    """Whether a Host header names this machine. A web page whose name was rebound to 127.0.0.1 sends its own name.

    HTTP/1.0 has no Host, and no browser speaks it. Few names are ever asked for: what they are is kept.
    """
    if host is None:
        return True
    parts = HOST.fullmatch(host)
    if parts is None:
        return False
    name = parts["ipv6"] or parts["name"]
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return any_address or address.is_loopback
