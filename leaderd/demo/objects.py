"""The buckets of the pretend S3: what is in them, and the conditions of reads and writes. Pure state, no network.

Source: S3 API reference, GetObject, PutObject; S3 User Guide, "Conditional requests".
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from leaderd.demo.wire import ApiError


@dataclass(frozen=True, slots=True)
class Object:
    """One object."""

    body: bytes
    content_type: str
    modified: datetime

    @property
    def etag(self) -> str:
        """Its ETag, quotes included."""
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'


@dataclass(slots=True)
class Bucket:
    """One bucket, in one region."""

    name: str
    region: str
    objects: dict[str, Object] = field(default_factory=dict)  # by key

    def get(self, key: str, headers: Mapping[str, str]) -> Object | None:
        """Read an object; None for one that the caller has already.

        Raises:
            ApiError: it is not there, or not the one that the caller wants.
        """
        found = self.objects.get(key)
        if found is None:
            raise _no_such_key()
        if headers.get("If-Match", found.etag) not in {found.etag, found.etag.strip('"')}:
            raise _precondition_failed("If-Match")
        return None if headers.get("If-None-Match") == found.etag else found

    def put(self, key: str, new: Object, headers: Mapping[str, str], *, heeds_conditions: bool) -> None:
        """Write an object, if the conditions hold.

        Raises:
            ApiError: they do not, or are none that S3 knows.
        """
        if heeds_conditions:
            _check(self.objects.get(key), headers)
        self.objects[key] = new


def _check(found: Object | None, headers: Mapping[str, str]) -> None:
    if "If-None-Match" in headers:
        if headers["If-None-Match"] != "*":
            message = "A header you provided implies functionality that is not implemented"
            raise ApiError(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", message)
        if found is not None:
            raise _precondition_failed("If-None-Match")
    if "If-Match" in headers:
        if found is None:
            raise _no_such_key()
        if headers["If-Match"] not in {found.etag, found.etag.strip('"')}:
            raise _precondition_failed("If-Match")


def _no_such_key() -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, "NoSuchKey", "The specified key does not exist.")


def _precondition_failed(condition: str) -> ApiError:
    message = f"At least one of the pre-conditions you specified did not hold ({condition})"
    return ApiError(HTTPStatus.PRECONDITION_FAILED, "PreconditionFailed", message)
