"""Checks what leaderd needs of AWS, from IMDS to the permission to ask Elastic Beanstalk. It changes nothing.

It asks what the daemon asks, over the same ways, and a few times only: the limit on calls is shared. Whether IMDS still
allows version 1 is not looked into: it would take a request without a token, which accounts count and raise alarms for.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from leaderd.aws.beanstalk import BEANSTALK, Beanstalk
from leaderd.aws.claims_doctor import claims_found
from leaderd.aws.discovery import Discovery, Found
from leaderd.aws.finding import Finding
from leaderd.aws.imds import TIMEOUT, Imds, endpoint
from leaderd.aws.remedies import Place, clock_found, mend, order_found, said
from leaderd.aws.sdk import credentials_of, given_keys, sdk_session, translated
from leaderd.config import Settings
from leaderd.core.roster import Order, Roster, arrange
from leaderd.errors import SourceError, UnusableAnswerError

CALLS = 3
"""Calls that are compared; one more asks for launch times."""
PAUSE = 1.0
"""Seconds between two of them: the whole environment polls as well."""
SOURCES = {
    "iam-role": "the instance profile",
    "env": "AWS_ACCESS_KEY_ID in the environment",
    "shared-credentials-file": "the shared credentials file",
    "config-file": "the SDK's config file",
    "container-role": "the container's role",
}
"""The names that botocore has for where credentials are from."""

Tell = Callable[[Finding], None]


class AwsDoctor:
    """The checks, one after the other; each knows what those before it found.

    Args:
        settings: the settings in force.
        environ: the environment variables.
        root: the root of the file system.
        pause: waits for some seconds.
        wall: the wall clock (Unix time, seconds).
        imds_timeout: seconds that a request to IMDS may take; the daemon's own by default.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        *,
        root: Path = Path("/"),
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        wall: Callable[[], float] = time.time,
        imds_timeout: float = TIMEOUT,
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._pause = pause
        self._wall = wall
        self._imds_timeout = imds_timeout
        self._imds = Imds(endpoint(environ), time.monotonic, timeout=imds_timeout)
        self._discovery = Discovery(self._imds, root)
        self._beanstalk: Beanstalk | None = None
        self._home: str | None = None
        self._has_credentials = False
        self._rosters: list[Roster] = []
        self._launched: Mapping[str, float] = {}
        self._trouble: SourceError | None = None
        self._dated: tuple[str | None, float] = (None, 0.0)
        self.place = Place()
        """What was found."""

    async def examine(self, tell: Tell) -> None:
        """Make all checks; `tell` gets each finding as it comes."""
        async with AsyncExitStack() as open_:
            await open_.enter_async_context(self._imds)
            metadata = await _told(self._metadata(), tell)
            token = await _told(self._token() if metadata.ok else _unchecked("token", "metadata"), tell)
            await _told(self._instance() if token.ok else _unchecked("instance", "token"), tell)
            for check in (self._environment, self._region, self._credentials):
                await _told(check(), tell)
            if not self._missing():
                self._beanstalk = self._make_beanstalk()
                open_.push_async_callback(self._beanstalk.close)
            await _told(self._roster(), tell)
            await self._ask_again()
            for check in (self._member, self._order, self._clock, self._claims):
                await _told(check(), tell)

    async def _metadata(self) -> Finding:
        """Whether IMDS can be reached at all: a connection, and no request."""
        url = endpoint(self._environ)
        start = time.monotonic()
        try:
            parts = urlsplit(url)
            async with asyncio.timeout(self._imds_timeout):
                _, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
                writer.close()
        except (OSError, TimeoutError, ValueError) as error:
            why = f"no answer in {self._imds_timeout:g} s" if isinstance(error, TimeoutError) else str(error)
            hint = f"is this an EC2 instance, and may this user and network reach {url}?"
            return Finding("metadata", False, f"IMDS at {url}: {why}", hint)
        return Finding("metadata", True, f"IMDS at {url}, reached in {_milliseconds(start)}")

    async def _token(self) -> Finding:
        try:
            await self._imds.renew_token()
        except SourceError as error:
            return Finding("token", False, error.message, error.hint)
        return Finding("token", True, "IMDS version 2 gives tokens")

    async def _instance(self) -> Finding:
        try:
            instance_id = await self._imds.instance_id()
        except SourceError as error:
            return Finding("instance", False, error.message, error.hint)
        document: dict[str, Any] = {}
        role = None
        with suppress(SourceError, ValueError):
            document = dict(json.loads(await self._imds.get("dynamic/instance-identity/document") or "{}"))
            role = (await self._imds.get("meta-data/iam/security-credentials/") or "").partition("\n")[0] or None
        self._home = document.get("region")
        self.place = replace(self.place, instance_id=instance_id, account=document.get("accountId"), role=role)
        zone, account = document.get("availabilityZone"), document.get("accountId")
        more = f", in {zone}, account {account}" if zone and account else ""
        return Finding("instance", True, f"{instance_id}{more}")

    async def _environment(self) -> Finding:
        try:
            found = await self._discovery.environment(self._settings.environment)
        except SourceError as error:
            return Finding("environment", False, error.message, "set --environment, or LEADERD_ENVIRONMENT")
        self.place = replace(self.place, environment=found.value)
        return Finding("environment", True, _named(found))

    async def _region(self) -> Finding:
        try:
            found = await self._discovery.region(self._settings.region)
        except SourceError as error:
            return Finding("region", False, error.message, "set --region, or AWS_REGION")
        self.place = replace(self.place, region=found.value)
        if self._home not in {None, found.value}:
            return Finding(
                "region", False, f"{_named(found)}, but this instance is in {self._home}", "correct --region"
            )
        return Finding("region", True, _named(found))

    async def _credentials(self) -> Finding:
        try:
            with translated(BEANSTALK):
                found = await credentials_of(sdk_session())
                key = (await found.get_frozen_credentials()).access_key if found else ""
        except SourceError as error:
            return Finding("credentials", False, error.message, error.hint)
        if found is None:
            return self._older_credentials()
        self._has_credentials = True
        role = f", role {self.place.role}" if found.method == "iam-role" and self.place.role else ""
        return Finding("credentials", True, f"{SOURCES.get(found.method, found.method)}{role}, {_key_shown(key)}")

    def _older_credentials(self) -> Finding:
        if keys := given_keys(self._environ):
            self._has_credentials = True
            return Finding("credentials", True, f"AWS_KEY and AWS_SECRET, {_key_shown(keys[0])}")
        hint = "attach an instance profile to the environment, or set AWS_KEY and AWS_SECRET"
        if self._environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            hint = "unset AWS_EC2_METADATA_DISABLED: it keeps the SDK from the instance profile"
        return Finding("credentials", False, "there are no AWS credentials", hint)

    def _missing(self) -> list[str]:
        """What must have been found before a service can be asked, and was not."""
        needs = {
            "environment": self.place.environment,
            "region": self.place.region,
            "credentials": self._has_credentials,
        }
        return [name for name, found in needs.items() if not found]

    def _make_beanstalk(self) -> Beanstalk:
        timeout, environ = self._settings.timing.request_timeout, self._environ
        return Beanstalk(
            self.place.environment or "", self.place.region or "", Order.LISTED, timeout=timeout, environ=environ
        )

    async def _roster(self) -> Finding:
        if self._beanstalk is None:
            return await _unchecked("roster", *self._missing())
        try:
            client = await self._beanstalk.connect()
            client.meta.events.register("after-call", self._note_date)
            start = time.monotonic()
            async with self._limited():
                self._rosters.append(await self._beanstalk.roster())
        except SourceError as error:
            return Finding("roster", False, said(error), mend(error, self.place))
        number = len(self._rosters[0])
        shown = "1 instance" if number == 1 else f"{number} instances"
        return Finding("roster", True, f"Elastic Beanstalk lists {shown}, in {_milliseconds(start)}")

    async def _ask_again(self) -> None:
        """Ask for what tells about the order: the list twice more, and the launch times. One instance has no order."""
        if self._beanstalk is None or not self._rosters:
            return
        calls = 1 if len(self._rosters[0]) == 1 else CALLS
        with suppress(SourceError):
            while len(self._rosters) < calls:
                await self._pause(min(PAUSE, self._settings.timing.poll_interval))
                async with self._limited():
                    self._rosters.append(await self._beanstalk.roster())
        if calls == 1 and self._settings.order is not Order.OLDEST:
            return
        try:
            async with self._limited():
                self._launched = await self._beanstalk.launch_times(self._rosters[-1].ids)
        except SourceError as error:
            self._trouble = error

    @asynccontextmanager
    async def _limited(self) -> AsyncIterator[None]:
        """Give a call as long as a poll may take."""
        limit = self._settings.timing.request_timeout
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError as error:
            raise SourceError(
                "timeout", f"Elastic Beanstalk did not answer in {limit:g} s", hint=BEANSTALK.no_way
            ) from error

    def _note_date(self, parsed: Mapping[str, Any], **_: Any) -> None:
        """Keep the date of an answer: an error has one as well."""
        headers = parsed.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        self._dated = headers.get("date"), self._wall()

    async def _member(self) -> Finding:
        me = self.place.instance_id
        if me is None or not self._rosters:
            return await _unchecked("member", *([] if me else ["instance"]), *([] if self._rosters else ["roster"]))
        if all(roster.rank(me) is None for roster in self._rosters):
            return await self._not_member(me)
        order, roster = self._settings.order, self._rosters[-1]
        with suppress(UnusableAnswerError):
            rank = arrange(roster.ids, order, self._launched).rank(me)
            if rank is not None:
                return Finding("member", True, f"place {rank + 1} of {len(roster)}, by --order {order}")
        return Finding("member", True, f"one of {len(roster)}")

    async def _not_member(self, me: str) -> Finding:
        found = f"{me} is not in the list of {self.place.environment}"
        with suppress(SourceError):
            if await self._imds.leaving():
                return Finding("member", False, f"{found}: it is being terminated", "nothing: it never leads again")
        hint = "a new instance is listed within a minute or two; after that, look whether --environment is its own"
        return Finding("member", False, found, hint)

    async def _order(self) -> Finding:
        if not self._rosters:
            return await _unchecked("order", "roster")
        return order_found(self._settings.order, self._rosters, self._launched, self._trouble, self.place)

    async def _clock(self) -> Finding:
        return clock_found(*self._dated)

    async def _claims(self) -> Finding:
        if missing := [*([] if self.place.instance_id else ["instance"]), *self._missing()]:
            return await _unchecked("claims", *missing)
        return await claims_found(self._settings, self.place, self._imds, self._environ)


async def _told(checking: Awaitable[Finding], tell: Tell) -> Finding:
    finding = await checking
    tell(finding)
    return finding


async def _unchecked(check: str, *needs: str) -> Finding:
    return Finding(check, None, f"not checked: needs {', '.join(needs)}")


def _named(found: Found) -> str:
    return f"{found.value}, from {found.source}"


def _key_shown(key: str) -> str:
    """The end of a key's id, to tell keys apart; what is too short to be one is not shown at all."""
    return f"key …{key[-4:]}" if len(key) >= 16 else "a key that is too short to be one of AWS"


def _milliseconds(start: float) -> str:
    return f"{(time.monotonic() - start) * 1000:.0f} ms"
