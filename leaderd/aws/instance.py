"""This instance and its environment, as the watcher asks for them."""

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from leaderd.aws.beanstalk import Beanstalk
from leaderd.aws.claims import open_store
from leaderd.aws.discovery import Discovery
from leaderd.aws.imds import Imds, endpoint
from leaderd.aws.store import Store
from leaderd.core.identity import Identity
from leaderd.core.roster import Order, Roster
from leaderd.errors import SourceError
from leaderd.log import logger


class Instance:
    """Asks IMDS who this is, then Elastic Beanstalk who else there is. Use it as a context manager.

    Args:
        environment: the environment, if it is set.
        region: the region, if it is set.
        order: who is first.
        claims: the store of the claims; not `off`, if it is ever asked for.
        timeout: seconds that one request may take.
        environ: the environment variables.
        now: a clock, for the life of the IMDS token.
        root: the root of the file system.
    """

    def __init__(
        self,
        environment: str | None,
        region: str | None,
        order: Order,
        claims: str,
        *,
        timeout: float,
        environ: Mapping[str, str],
        now: Callable[[], float],
        root: Path = Path("/"),
    ) -> None:
        self._environment = environment
        self._region = region
        self._order = order
        self._claims = claims
        self._timeout = timeout
        self._environ = environ
        self._imds = Imds(endpoint(environ), now)
        self._discovery = Discovery(self._imds, root)
        self._open = AsyncExitStack()
        self._beanstalk: Beanstalk | None = None
        self._identity: Identity | None = None

    async def __aenter__(self) -> Self:
        await self._open.enter_async_context(self._imds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def introduce(self) -> Identity:
        """Find out who and where this instance is.

        Raises:
            SourceError: IMDS does not answer, or no source knows the environment or the region.
        """
        instance_id = await self._imds.instance_id()
        environment = await self._discovery.environment(self._environment)
        region = await self._discovery.region(self._region)
        logger().info("environment.discovered", environment=environment.value, source=environment.source)
        logger().info("region.discovered", region=region.value, source=region.source)
        self._beanstalk = Beanstalk(
            environment.value, region.value, self._order, timeout=self._timeout, environ=self._environ
        )
        self._open.push_async_callback(self._beanstalk.close)
        with suppress(SourceError):  # the first poll says it; it should just not be slowed by a client in the making
            await self._beanstalk.connect()
        self._identity = Identity(instance_id, environment.value, region.value)
        return self._identity

    async def leaving(self) -> bool:
        """Whether this instance is being terminated.

        Raises:
            SourceError: IMDS does not answer.
        """
        return await self._imds.leaving()

    async def roster(self) -> Roster:
        """Ask once for the roster.

        Raises:
            SourceError: the call failed, or its answer cannot be used; or nobody was introduced.
        """
        if self._beanstalk is None:
            raise SourceError("undiscovered", "the environment is not known yet")
        return await self._beanstalk.roster()

    async def store(self) -> Store:
        """Make the store of the environment's claims. Nothing is asked of it yet.

        Raises:
            SourceError: nobody was introduced, or the account cannot be found out, or there are no credentials.
        """
        if self._identity is None:
            raise SourceError("undiscovered", "the environment is not known yet", hint="ask again in a moment")
        return await open_store(self._claims, self._identity, self._imds, timeout=self._timeout, environ=self._environ)
