"""The AWS SDK: its session, its clients, and its exceptions as SourceErrors."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidRegionError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from leaderd.aws.models import MODELS
from leaderd.errors import SourceError
from leaderd.log import scrub

THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "SlowDown",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "InsufficientPrivilegesException"})
BAD_CREDENTIALS = frozenset(
    {
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "MissingAuthenticationToken",
    }
)


@dataclass(frozen=True, slots=True)
class Service:
    """A service of AWS.

    Attributes:
        id: as the SDK calls it, and AWS the endpoint of its VPC.
        name: as people call it.
    """

    id: str
    name: str

    @property
    def no_way(self) -> str:
        """What to do where it cannot be reached."""
        return f"a private subnet needs a NAT gateway, or a VPC endpoint for {self.id}"


def sdk_session() -> AioSession:
    """An SDK session that never falls back to version 1 of IMDS, and shares what it reads of the SDK's files."""
    session = AioSession()
    session.register_component("data_loader", MODELS)
    session.set_config_variable("ec2_metadata_v1_disabled", "true")
    return session


def given_keys(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """AWS_KEY and AWS_SECRET, which older guides have people set; None without both."""
    key, secret = environ.get("AWS_KEY"), environ.get("AWS_SECRET")
    return (key, secret) if key and secret else None


async def credentials_of(session: AioSession) -> Any:
    """What the SDK's chain of credentials finds; None where it finds nothing.

    Raises:
        SourceError: the chain ends in a failure.
    """
    try:
        return await session.get_credentials()
    except (BotoCoreError, aiohttp.ClientError, OSError, ValueError) as error:
        raise _no_credentials(error) from error


class Connection:
    """One client of one service, which is made when it is first needed and kept until its credentials are refused.

    Args:
        service: the service.
        region: the AWS region.
        timeout: seconds that one request may take, all attempts together.
        environ: the environment variables, for AWS_KEY and AWS_SECRET.
        attempts: times that one request is sent at the most.
        settings: more settings of the client, by the SDK's names.
    """

    def __init__(
        self,
        service: Service,
        region: str,
        *,
        timeout: float,
        environ: Mapping[str, str],
        attempts: int = 1,
        **settings: Any,
    ) -> None:
        self.service = service
        self._region = region
        self._environ = environ
        self._config = AioConfig(
            connect_timeout=timeout / attempts,
            read_timeout=timeout / attempts,
            retries={"total_max_attempts": attempts, "mode": "standard"},
            **settings,
        )
        self._open = AsyncExitStack()
        self._client: Any = None

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Any]:
        """Lend the client, and raise what the SDK raises as a SourceError.

        Where AWS refuses the credentials it ends the client: the SDK keeps them until their own end.
        """
        try:
            with translated(self.service):
                yield self._client or await self._make()
        except SourceError as error:
            if error.kind == "credentials":
                await self.close()
            raise

    async def close(self) -> None:
        """Close the connections. The next client is a new one."""
        self._client = None
        await self._open.aclose()

    async def _make(self) -> Any:
        """Make the client, once there are credentials to sign with: one that was made without would never have any."""
        session = sdk_session()
        if await credentials_of(session) is None:
            keys = given_keys(self._environ)
            if keys is None:
                raise NoCredentialsError
            session.set_credentials(*keys)
        making = session.create_client(self.service.id, region_name=self._region, config=self._config)
        self._client = await self._open.enter_async_context(making)
        return self._client


def answered_at(answer: Mapping[str, Any]) -> float | None:
    """The clock of a service (Unix time, whole seconds), from the Date header of its answer; None where it has none.

    RFC 9110, section 6.6.1.
    """
    header = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(header).timestamp()
    except ValueError:
        return None


@contextmanager
def translated(service: Service) -> Iterator[None]:
    """Raise what the SDK raises as a SourceError."""
    try:
        yield
    except ClientError as error:
        raise _explain(error, service) from error
    except (BotoCoreError, ResponseParserError, LookupError, aiohttp.ClientError, OSError, ValueError) as error:
        raise _broken(error, service) from error


def _explain(error: ClientError, service: Service) -> SourceError:
    """Translate an error answer of the service."""
    details = error.response.get("Error", {})
    code, message = str(details.get("Code", "")), scrub(str(details.get("Message", "")))
    said = f"{service.name} answered {scrub(code)}: {message}"
    if code in THROTTLED:
        return SourceError("throttled", said, hint="the account's limit is shared: poll less often if it stays so")
    if code in DENIED:
        hint = "`leaderd policy` prints the permissions that the instance profile needs"
        return SourceError("denied", said, hint=hint)
    if code in BAD_CREDENTIALS:
        return SourceError(
            "credentials", said, hint="check the instance profile, or the keys that are set, and the clock"
        )
    if code == "InvalidParameterValue" and "No Environment found" in message:
        return SourceError("no_environment", said, hint="check --environment and --region")
    if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:
        return SourceError("failing", said, hint="AWS has trouble, and is asked again")
    return SourceError("refused", said)


def _no_credentials(error: Exception) -> SourceError:
    said = f"cannot get AWS credentials: {type(error).__name__}: {scrub(str(error))}"
    return SourceError("credentials", said, hint="does IMDS answer, and is an instance profile attached?")


def _broken(error: Exception, service: Service) -> SourceError:  # noqa: PLR0911  a table of what the SDK raises
    """Translate a failure on the way to the service, or in reading its answer."""
    said = f"{type(error).__name__}: {scrub(str(error))}"
    match error:
        case NoCredentialsError():
            hint = "attach an instance profile; `leaderd policy` prints what it needs"
            return SourceError("credentials", "there are no AWS credentials", hint=hint)
        case ParamValidationError():
            said = f"the SDK refuses the question: {scrub(' '.join(str(error).split()))}"
            return SourceError("no_environment", said, hint="check --environment: a name has 4 to 40 characters")
        case InvalidRegionError():
            return SourceError("no_environment", scrub(str(error)), hint="check --region: it is such as eu-west-1")
        case CredentialRetrievalError() | MetadataRetrievalError():
            return _no_credentials(error)
        case ReadTimeoutError() | ConnectTimeoutError():
            return SourceError("timeout", f"{service.name} did not answer in time: {said}", hint=service.no_way)
        case EndpointConnectionError():
            return SourceError("unreachable", f"{service.name} cannot be reached: {said}", hint=service.no_way)
        case ResponseParserError() | LookupError():  # the SDK looks up what an answer must have
            hint = "does a proxy or a sign-in page stand between here and AWS?"
            return SourceError("broken", f"the answer is not one of {service.name}: {said}", hint=hint)
        case _:
            return SourceError("broken", f"asking {service.name} failed: {said}")
