"""A call with a limit. Whatever goes wrong in it is an error of ours, so that it ends nothing that runs for long."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from leaderd.daemon.clock import Clock
from leaderd.errors import LeaderdError, SourceError
from leaderd.log import scrub

T = TypeVar("T")

SLOW = "look at the network between here and AWS (NAT, VPC endpoint), or raise --request-timeout"
REPORT = "this is a defect of leaderd or of a library: please report it"


async def limited(clock: Clock, seconds: float, call: Callable[[], Awaitable[T]], late: str) -> T:
    """Await a call for some seconds at the most.

    Args:
        clock: cuts it.
        seconds: how long it may take.
        call: makes what is awaited.
        late: what to say when it took longer.

    Raises:
        SourceError: it took longer, or something was raised that is none of our errors; those pass as they are.
    """
    try:
        async with clock.timeout(seconds):
            return await call()
    except LeaderdError:
        raise
    except TimeoutError as error:
        raise SourceError("timeout", late, hint=SLOW) from error
    except Exception as error:  # a defect in us or in a library
        raise SourceError("defect", f"{type(error).__name__}: {scrub(str(error))}", hint=REPORT) from error
