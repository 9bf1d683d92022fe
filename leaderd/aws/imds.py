"""The instance metadata service, version 2 only.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

import re
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

import aiohttp

from leaderd.errors import SourceError
from leaderd.log import scrub

ENDPOINT = "http://169.254.169.254"
ENDPOINT_IPV6 = "http://[fd00:ec2::254]"
TOKEN_TTL = 21_600
"""Seconds that a token lives: the most that IMDS grants."""
RENEW_BEFORE = 600
"""Seconds before its end at which a token is renewed."""
TIMEOUT = 1.0
"""Seconds that one request may take. IMDS answers from the host itself, in milliseconds."""
ANSWER_LIMIT = 65_536
"""Bytes that an answer may have."""
INSTANCE_ID = re.compile(r"i-[0-9a-zA-Z]{1,40}")
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}")
TERMINATED = "Terminated"


def endpoint(environ: Mapping[str, str]) -> str:
    """The address of IMDS, by the same variables that the SDKs read."""
    chosen = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    if chosen:
        return chosen.rstrip("/")
    mode = environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "")
    return ENDPOINT_IPV6 if mode.lower() == "ipv6" else ENDPOINT


class Imds:
    """A client that keeps one token, and renews it before it ends and when it is refused.

    Use it as a context manager.
    """

    def __init__(self, url: str, now: Callable[[], float], *, timeout: float = TIMEOUT) -> None:
        self._url = url
        self._now = now
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._token = ""
        self._renew_at = 0.0

    async def __aenter__(self) -> Self:
        # Proxies of the environment are not asked: a token must never leave the instance.
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._timeout), trust_env=False, raise_for_status=False
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def instance_id(self) -> str:
        """The id of this instance.

        Raises:
            SourceError: IMDS gives no usable id.
        """
        return await self._matching("meta-data/instance-id", INSTANCE_ID, "an instance id")

    async def region(self) -> str:
        """The region of this instance.

        Raises:
            SourceError: IMDS gives no usable region.
        """
        return await self._matching("meta-data/placement/region", REGION, "a region")

    async def tag(self, key: str) -> str | None:
        """The value of one of this instance's tags; None without it, or while tags in metadata are off (the default).

        Raises:
            SourceError: IMDS does not answer.
        """
        return await self.get(f"meta-data/tags/instance/{key}")

    async def leaving(self) -> bool:
        """Whether Auto Scaling has decided to terminate this instance.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html

        Raises:
            SourceError: IMDS does not answer.
        """
        return await self.get("meta-data/autoscaling/target-lifecycle-state") == TERMINATED

    async def get(self, path: str) -> str | None:
        """What is at `/latest/PATH`; None where there is nothing, which is a normal answer.

        Raises:
            SourceError: IMDS does not answer, or refuses.
        """
        if not self._token or self._now() >= self._renew_at:
            await self.renew_token()
        status, body = await self._request("GET", path, {"X-aws-ec2-metadata-token": self._token})
        if status == 401:
            await self.renew_token()
            status, body = await self._request("GET", path, {"X-aws-ec2-metadata-token": self._token})
        if status == 404:
            return None
        if status != 200:
            raise _refused(status, f"GET {path}")
        return body

    async def _matching(self, path: str, pattern: re.Pattern[str], wanted: str) -> str:
        found = (await self.get(path) or "").strip()
        if not pattern.fullmatch(found):
            raise self._garbage(repr(scrub(found[:40])), path, wanted)
        return found

    def _garbage(self, found: str, path: str, wanted: str) -> SourceError:
        return SourceError(
            "imds_garbage",
            f"IMDS answered {found} at {path}, which is not {wanted}",
            hint=f"look at what answers at {self._url}: on an instance it is EC2 itself",
        )

    async def renew_token(self) -> None:
        """Fetch a new token. Nobody needs to ask for it: `get` does when it must.

        Raises:
            SourceError: IMDS does not answer, or refuses.
        """
        asked = self._now()
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL)}
        status, body = await self._request("PUT", "api/token", headers)
        if status != 200:
            raise _refused(status, "PUT api/token")
        if not (body.isascii() and body.isprintable() and body):
            raise self._garbage("something", "api/token", "a token")  # no token is ever repeated, not even a bad one
        self._token, self._renew_at = body, asked + TOKEN_TTL - RENEW_BEFORE

    async def _request(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        if self._session is None:
            raise RuntimeError("Imds is a context manager: enter it first")
        url = f"{self._url}/latest/{path}"
        try:
            async with self._session.request(method, url, headers=headers, allow_redirects=False) as answer:
                return answer.status, (await self._read(answer)).decode("utf-8", "replace")
        except TimeoutError as error:
            raise self._timed_out(method, path) from error
        except (aiohttp.ClientConnectorError, ConnectionRefusedError) as error:
            raise SourceError(
                "imds_unreachable",
                f"nothing answers at IMDS, {self._url}: {scrub(str(error))}",
                hint="is this an EC2 instance, and is 169.254.169.254 reachable from here?",
            ) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceError(
                "imds_broken",
                f"IMDS broke off at {path}: {scrub(repr(error))}",
                hint="if it stays so, does a proxy for IMDS run here?",
            ) from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        """The whole body: half of an instance id would be another one."""
        body = b""
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > ANSWER_LIMIT:
                raise SourceError(
                    "imds_broken", f"IMDS answers with more than {ANSWER_LIMIT} bytes at {answer.url.path}"
                )
        return body

    def _timed_out(self, method: str, path: str) -> SourceError:
        hint = "is 169.254.169.254 reachable from here?"
        if method == "PUT":
            hint = (
                "in a container the hop limit of IMDS must be 2 or more: aws ec2 modify-instance-metadata-options "
                "--http-put-response-hop-limit 2"
            )
        return SourceError("imds_timeout", f"IMDS did not answer {method} {path} in {self._timeout:g} s", hint=hint)


def _refused(status: int, request: str) -> SourceError:
    said = f"IMDS answered {status} to {request}"
    if status >= 500:
        return SourceError("imds_failing", said, hint="EC2 has trouble, and is asked again")
    if status == 403:
        hint = "IMDS is turned off for this instance: aws ec2 modify-instance-metadata-options --http-endpoint enabled"
        return SourceError("imds_forbidden", said, hint=hint)
    return SourceError("imds_refused", said, hint="does something between here and IMDS drop or change headers?")
