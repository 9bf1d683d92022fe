"""The S3 of the pretend AWS: objects under conditions, strict about signatures, with faults. Path-style, as over an IP.

Source: S3 API reference, version 2006-03-01 ("Error responses" and the actions' pages).
"""

import hashlib
from http import HTTPStatus
from urllib.parse import parse_qs, unquote
from uuid import uuid4
from xml.sax.saxutils import escape

from aiohttp import web

from leaderd.demo.calls import Calls
from leaderd.demo.cloud import Cloud, Credentials
from leaderd.demo.faults import StoreFault
from leaderd.demo.listener import drop, hang
from leaderd.demo.objects import Bucket, Object
from leaderd.demo.sigv4 import PAYLOAD, SignedRequest, authenticate
from leaderd.demo.wire import ApiError

XML = "application/xml"
WEB_PAGE = "<!DOCTYPE html>\n<html><head><meta charset=utf-8><title>Sign in</title></head><body></body></html>\n"
CODES = {
    "InvalidClientTokenId": "InvalidAccessKeyId",
    "MissingAuthenticationToken": "AccessDenied",
    "IncompleteSignature": "AuthorizationHeaderMalformed",
}
"""What S3 calls the errors of signatures that the query services have another name for."""
OPERATIONS = {
    ("GET", True): "GetObject",
    ("HEAD", True): "HeadObject",
    ("PUT", True): "PutObject",
    ("DELETE", True): "DeleteObject",
    ("GET", False): "ListBucket",
    ("HEAD", False): "HeadBucket",
}
"""By method, and whether a key is named. The names are also those of the permissions."""
UNHEARD = {StoreFault.HANG, StoreFault.DROP, StoreFault.HTML}
"""Faults with which a request does not come to S3 at all."""


class S3(Calls):
    """S3 over one `Cloud`; remembers who called what.

    Attributes:
        buckets: by name; at first the one that Elastic Beanstalk has made.
    """

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self.buckets: dict[str, Bucket] = {}
        self.add_bucket(f"elasticbeanstalk-{cloud.region}-{cloud.account}")

    def add_bucket(self, name: str, region: str | None = None) -> Bucket:
        """Make a bucket, in the cloud's region unless another is given."""
        self.buckets[name] = Bucket(name, region or self.cloud.region)
        return self.buckets[name]

    def app(self) -> web.Application:
        """The service as an application."""
        app = web.Application(client_max_size=1 << 24)
        app.add_routes([web.route("*", path, self._serve) for path in ("/", "/{bucket}", "/{bucket}/{key:.*}")])
        return app

    async def _serve(self, request: web.Request) -> web.Response:
        signed = await SignedRequest.read(request)
        name, key = request.match_info.get("bucket", ""), unquote(request.match_info.get("key", ""))
        operation = OPERATIONS.get((request.method, bool(key)), "Unknown")
        caller, fault = "-", StoreFault.NONE
        try:
            credentials = self._authenticate(signed)
            caller = credentials.owner
            fault = self.cloud.store_faults.pick(caller)
            if fault in UNHEARD:
                self.note(caller, operation, fault.name.lower())
                return await _deliver(request, fault, web.Response())
            _refuse(fault, operation, credentials, signed)
            answer = self._perform(operation, name, key, signed, fault)
        except ApiError as error:
            self.note(caller, operation, error.code)
            return _error(error, self.buckets.get(name))
        self.note(caller, operation, "ok" if fault is StoreFault.NONE else fault.name.lower())
        return await _deliver(request, fault, answer)

    def _authenticate(self, signed: SignedRequest) -> Credentials:
        try:
            credentials = authenticate(signed, self.cloud, "s3")
        except ApiError as error:
            if "valid region" in error.message:
                message = f"The authorization header is malformed; the region is wrong; expecting '{self.cloud.region}'"
                raise ApiError(HTTPStatus.BAD_REQUEST, "AuthorizationHeaderMalformed", message) from error
            if error.message.startswith("Signature"):
                message = "The difference between the request time and the current time is too large."
                raise ApiError(HTTPStatus.FORBIDDEN, "RequestTimeTooSkewed", message) from error
            raise ApiError(error.status, CODES.get(error.code, error.code), error.message) from error
        payload = signed.headers.get(PAYLOAD)
        if payload not in {"UNSIGNED-PAYLOAD", hashlib.sha256(signed.body).hexdigest()}:
            message = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise ApiError(HTTPStatus.BAD_REQUEST, "XAmzContentSHA256Mismatch", message)
        return credentials

    def _perform(
        self, operation: str, bucket_name: str, key: str, signed: SignedRequest, fault: StoreFault
    ) -> web.Response:
        bucket = self._bucket(bucket_name)
        match operation:
            case "GetObject" | "HeadObject":
                return _shown(bucket.get(key, signed.headers))
            case "PutObject":
                new = Object(signed.body, signed.headers.get("Content-Type", "binary/octet-stream"), self.cloud.now())
                bucket.put(key, new, signed.headers, heeds_conditions=fault is not StoreFault.UNCONDITIONAL)
                return web.Response(headers={"ETag": new.etag})
            case "ListBucket":
                return web.Response(text=_listing(bucket, signed.query), content_type=XML)
            case "HeadBucket":
                return web.Response(headers={"x-amz-bucket-region": bucket.region})
            case "DeleteObject":
                raise ApiError(HTTPStatus.FORBIDDEN, "AccessDenied", "Access Denied")  # as with the stock profile
        message = "The specified method is not allowed against this resource."
        raise ApiError(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message)

    def _bucket(self, name: str) -> Bucket:
        bucket = self.buckets.get(name)
        if bucket is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist")
        if bucket.region != self.cloud.region:
            message = "The bucket you are attempting to access must be addressed using the specified endpoint."
            raise ApiError(HTTPStatus.MOVED_PERMANENTLY, "PermanentRedirect", message)
        return bucket


def _refuse(fault: StoreFault, operation: str, caller: Credentials, signed: SignedRequest) -> None:
    """Raise the error that the fault stands for, if it stands for one."""
    conditional = {"If-Match", "If-None-Match"} & set(signed.headers)
    match fault:
        case StoreFault.THROTTLE:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
        case StoreFault.DENY:
            permission = f"s3:{operation}"
            message = (
                f"User: {caller.arn} is not authorized to perform: {permission} on resource: "
                f'"arn:aws:s3:::{unquote(signed.path[1:])}" because no identity-based policy allows the '
                f"{permission} action"
            )
            raise ApiError(HTTPStatus.FORBIDDEN, "AccessDenied", message)
        case StoreFault.ERROR_500:
            message = "We encountered an internal error. Please try again."
            raise ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", message)
        case StoreFault.CONFLICT if operation == "PutObject" and conditional:
            message = "The conditional request cannot succeed due to a conflicting operation against this resource."
            raise ApiError(HTTPStatus.CONFLICT, "ConditionalRequestConflict", message)


async def _deliver(request: web.Request, fault: StoreFault, answer: web.Response) -> web.Response:
    match fault:
        case StoreFault.LOST | StoreFault.DROP:
            return drop(request)
        case StoreFault.LATE | StoreFault.HANG:
            return await hang()
        case StoreFault.HTML:
            return web.Response(text=WEB_PAGE, content_type="text/html")
        case _:
            answer.headers["x-amz-request-id"] = uuid4().hex[:16].upper()
            return answer


def _shown(found: Object | None) -> web.Response:
    if found is None:
        return web.Response(status=HTTPStatus.NOT_MODIFIED)
    headers = {"ETag": found.etag, "Last-Modified": f"{found.modified:%a, %d %b %Y %H:%M:%S GMT}"}
    return web.Response(body=found.body, headers={**headers, "Content-Type": found.content_type})


def _listing(bucket: Bucket, query: str) -> str:
    """The answer of ListObjectsV2, on one page."""
    prefix = parse_qs(query).get("prefix", [""])[0]
    found = [(key, each) for key, each in sorted(bucket.objects.items()) if key.startswith(prefix)]
    contents = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>{each.modified:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
        f"<ETag>{escape(each.etag)}</ETag><Size>{len(each.body)}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for key, each in found
    )
    head = f"<Name>{bucket.name}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(found)}</KeyCount>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"{head}<MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
    )


def _error(error: ApiError, bucket: Bucket | None) -> web.Response:
    request_id = uuid4().hex[:16].upper()
    headers = {"x-amz-request-id": request_id} | ({"x-amz-bucket-region": bucket.region} if bucket else {})
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{error.code}</Code>'
        f"<Message>{escape(error.message)}</Message><RequestId>{request_id}</RequestId><HostId>pretend</HostId></Error>"
    )
    return web.Response(status=error.status, text=text, content_type=XML, headers=headers)
