"""The roster of the environment, from the Elastic Beanstalk API.

https://docs.aws.amazon.com/elasticbeanstalk/latest/api/API_DescribeEnvironmentResources.html
https://docs.aws.amazon.com/elasticbeanstalk/latest/api/API_DescribeInstancesHealth.html
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
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
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from leaderd.aws.imds import INSTANCE_ID
from leaderd.core.roster import Order, Roster, arrange
from leaderd.errors import SourceError, UnusableAnswerError
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
        "SlowDown",
    }
)
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "InsufficientPrivilegesException"})
BAD_CREDENTIALS = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "MissingAuthenticationToken",
    }
)
NO_WAY = "a private subnet needs a NAT gateway, or a VPC endpoint for elasticbeanstalk"


def sdk_session() -> AioSession:
    """An SDK session that never falls back to version 1 of IMDS."""
    session = AioSession()
    session.set_config_variable("ec2_metadata_v1_disabled", "true")
    return session


class Beanstalk:
    """Asks for the members of one environment, with one client that is kept until its credentials are refused.

    Args:
        environment: the name, or the id (`e-…`).
        region: the AWS region.
        order: who is first.
        timeout: seconds that one request may take. The caller limits the whole poll.
        environ: the environment variables, for AWS_KEY and AWS_SECRET.
    """

    def __init__(
        self, environment: str, region: str, order: Order, *, timeout: float, environ: Mapping[str, str]
    ) -> None:
        self._which = {"EnvironmentId" if environment.startswith("e-") else "EnvironmentName": environment}
        self._region = region
        self._order = order
        self._timeout = timeout
        self._environ = environ
        self._open = AsyncExitStack()
        self._client: Any = None
        self._launched: dict[str, float] = {}

    async def close(self) -> None:
        """Close the connections."""
        self._client = None
        await self._open.aclose()

    async def roster(self) -> Roster:
        """Ask once for the roster.

        Raises:
            SourceError: the call failed, or its answer cannot be used.
        """
        try:
            with translated():
                ids = await self._ask(self._client or await self._make_client())
        except SourceError as error:
            if error.kind == "credentials":  # the SDK keeps some that AWS refuses until their own end: start anew
                await self.close()
            raise
        return arrange(ids, self._order, self._launched)

    async def _ask(self, client: Any) -> list[str]:
        ids = _instance_ids(await client.describe_environment_resources(**self._which))
        if self._order is Order.OLDEST:
            await self._learn_launch_times(client, ids)
        return ids

    async def connect(self) -> Any:
        """The client. Made ahead of the first poll, it does not slow it: loading the SDK's model takes a while.

        Raises:
            SourceError: there are no credentials.
        """
        with translated():
            return self._client or await self._make_client()

    async def launch_times(self, ids: Sequence[str]) -> Mapping[str, float]:
        """Ask when these members were launched (Unix time, seconds); those that are not known yet are left out.

        Raises:
            SourceError: the call failed: it needs a permission of its own, and enhanced health reporting.
        """
        with translated():
            await self._learn_launch_times(await self.connect(), list(ids))
        return dict(self._launched)

    async def _make_client(self) -> Any:
        """Make the client, once there are credentials to sign with: one that was made without would never have any."""
        session = sdk_session()
        if await credentials_of(session) is None:
            keys = given_keys(self._environ)
            if keys is None:
                raise NoCredentialsError
            session.set_credentials(*keys)
        config = AioConfig(
            connect_timeout=self._timeout,
            read_timeout=self._timeout,
            retries={"total_max_attempts": 1},
            max_pool_connections=1,
            # A connection of its own for each poll: what is left over on a kept one would answer the next question.
            connector_args={"keepalive_timeout": 0.001},
        )
        making = session.create_client("elasticbeanstalk", region_name=self._region, config=config)
        self._client = await self._open.enter_async_context(making)
        return self._client

    async def _learn_launch_times(self, client: Any, ids: list[str]) -> None:
        """Ask for launch times, if an id is unknown; forget those of ids that are gone."""
        self._launched = {member: at for member, at in self._launched.items() if member in ids}
        token: str | None = None
        while not self._launched.keys() >= set(ids):
            more = {"NextToken": token} if token else {}
            answer = await client.describe_instances_health(AttributeNames=["LaunchedAt"], **self._which, **more)
            for health in answer.get("InstanceHealthList", []):
                if "LaunchedAt" in health:
                    self._launched[health["InstanceId"]] = health["LaunchedAt"].timestamp()
            token = answer.get("NextToken")
            if not token:
                return


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


def _instance_ids(answer: Any) -> list[str]:
    try:
        ids = [instance["Id"] for instance in answer["EnvironmentResources"]["Instances"]]
    except (KeyError, TypeError) as error:
        raise UnusableAnswerError("the answer of Elastic Beanstalk has no list of instances") from error
    for member in ids:
        if not (isinstance(member, str) and INSTANCE_ID.fullmatch(member)):
            raise UnusableAnswerError(f"Elastic Beanstalk listed {scrub(str(member)[:40])!r}, which is no instance id")
    return ids


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the SDK raises as a SourceError."""
    try:
        yield
    except ClientError as error:
        raise _explain(error) from error
    except (BotoCoreError, ResponseParserError, LookupError, aiohttp.ClientError, OSError, ValueError) as error:
        raise _broken(error) from error


def _explain(error: ClientError) -> SourceError:
    """Translate an error answer of the service."""
    details = error.response.get("Error", {})
    code, message = str(details.get("Code", "")), scrub(str(details.get("Message", "")))
    said = f"Elastic Beanstalk answered {scrub(code)}: {message}"
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


def _broken(error: Exception) -> SourceError:  # noqa: PLR0911  a table of what the SDK raises
    """Translate a failure on the way to the service, or in reading its answer."""
    said = f"{type(error).__name__}: {scrub(str(error))}"
    match error:
        case NoCredentialsError():
            hint = "attach an instance profile; `leaderd policy` prints what it needs"
            return SourceError("credentials", "there are no AWS credentials", hint=hint)
        case ParamValidationError():
            said = f"the SDK refuses the question: {scrub(' '.join(str(error).split()))}"
            return SourceError("no_environment", said, hint="check --environment: a name has 4 to 40 characters")
        case CredentialRetrievalError() | MetadataRetrievalError():
            return _no_credentials(error)
        case ReadTimeoutError() | ConnectTimeoutError():
            return SourceError("timeout", f"Elastic Beanstalk did not answer in time: {said}", hint=NO_WAY)
        case EndpointConnectionError():
            return SourceError("unreachable", f"Elastic Beanstalk cannot be reached: {said}", hint=NO_WAY)
        case ResponseParserError() | LookupError():  # the SDK looks up what an answer must have
            hint = "does a proxy or a sign-in page stand between here and AWS?"
            return SourceError("broken", f"the answer is not one of Elastic Beanstalk: {said}", hint=hint)
        case _:
            return SourceError("broken", f"asking Elastic Beanstalk failed: {said}")
