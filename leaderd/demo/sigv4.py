"""Checks AWS Signature Version 4 as AWS does: written from the specification, not with an SDK. No network.

Source: IAM User Guide, "Create a signed AWS API request" and "Troubleshoot Signature Version 4".
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import parse_qsl, quote

from aiohttp import web

from leaderd.demo.cloud import Cloud, Credentials
from leaderd.demo.wire import ApiError

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_SKEW = timedelta(minutes=5)
PAYLOAD = "x-amz-content-sha256"
TIME_FORMAT = "%Y%m%dT%H%M%SZ"

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<key>[^/,]+)/(?P<date>\d{{8}})/(?P<region>[^/,]+)/(?P<service>[^/,]+)"
    r"/aws4_request, *SignedHeaders=(?P<headers>[^,]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers. `headers` ignores case; `query` is raw, without its question mark."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    async def read(cls, request: web.Request) -> "SignedRequest":
        """Take a request apart."""
        path, _, query = request.raw_path.partition("?")
        return cls(request.method, path, query, request.headers, await request.read())

    @property
    def payload(self) -> str:
        """The hash of the body that is signed: what S3's clients say it is, else what it is."""
        return self.headers.get(PAYLOAD) or hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True, slots=True)
class Authorization:
    """An `Authorization` header in its parts."""

    key: str
    date: str
    region: str
    service: str
    headers: str
    signature: str


def authenticate(request: SignedRequest, cloud: Cloud, service: str) -> Credentials:
    """Return the credentials that signed this request.

    Raises:
        ApiError: with the code and wording of AWS, when AWS would refuse the signature.
    """
    authorization = _parse(request.headers.get("authorization"))
    credentials = _credentials(cloud, authorization.key, request.headers.get("x-amz-security-token"))
    _check_scope(authorization, cloud.region, service)
    _check_time(request.headers.get("x-amz-date", ""), cloud.now())
    if not hmac.compare_digest(_signature(request, authorization, credentials.secret_key), authorization.signature):
        raise _mismatch(
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details."
        )
    return credentials


def _parse(header: str | None) -> Authorization:
    if header is None:
        raise ApiError(HTTPStatus.FORBIDDEN, "MissingAuthenticationToken", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(header)
    if match is None or "host" not in match["headers"].split(";"):
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "IncompleteSignature",
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' "
            f"parameter. Authorization header requires 'SignedHeaders' parameter. Authorization={header}",
        )
    return Authorization(**match.groupdict())


def _credentials(cloud: Cloud, key: str, token: str | None) -> Credentials:
    credentials = cloud.find_key(key)
    if credentials is None or credentials.token != token:
        message = "The security token included in the request is invalid."
        raise ApiError(HTTPStatus.FORBIDDEN, "InvalidClientTokenId", message)
    if credentials.expires and cloud.now() >= credentials.expires:
        message = "The security token included in the request is expired"
        raise ApiError(HTTPStatus.FORBIDDEN, "ExpiredToken", message)
    return credentials


def _check_scope(authorization: Authorization, region: str, service: str) -> None:
    if authorization.region != region:
        raise _mismatch(f"Credential should be scoped to a valid region, not '{authorization.region}'. ")
    if authorization.service != service:
        raise _mismatch(f"Credential should be scoped to correct service: '{service}'. ")


def _check_time(stamp: str, now: datetime) -> None:
    try:
        signed = datetime.strptime(stamp, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        raise _mismatch(f"Date must be in ISO-8601 'basic format'. Got '{stamp}'.") from None
    earliest, latest = now - MAX_SKEW, now + MAX_SKEW
    if signed < earliest:
        raise _mismatch(f"Signature expired: {stamp} is now earlier than {earliest:{TIME_FORMAT}}")
    if signed > latest:
        raise _mismatch(f"Signature not yet current: {stamp} is still later than {latest:{TIME_FORMAT}}")


def _mismatch(message: str) -> ApiError:
    return ApiError(HTTPStatus.FORBIDDEN, "SignatureDoesNotMatch", message)


def _signature(request: SignedRequest, authorization: Authorization, secret_key: str) -> str:
    scope = [authorization.date, authorization.region, authorization.service, "aws4_request"]
    canonical = hashlib.sha256(_canonical(request, authorization.headers).encode()).hexdigest()
    text = "\n".join([ALGORITHM, request.headers["x-amz-date"], "/".join(scope), canonical])
    key = f"AWS4{secret_key}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _canonical(request: SignedRequest, signed_headers: str) -> str:
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(request.query, keep_blank_values=True)
    )
    headers = [f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed_headers.split(";")]
    return "\n".join(
        [
            request.method,
            request.path,
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(headers),
            signed_headers,
            request.payload,
        ]
    )
