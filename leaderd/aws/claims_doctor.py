"""Checks the store of the claims: may this instance read and write, and are conditions heeded? Changes nothing."""

import asyncio
import json
import time
from collections.abc import Mapping

from leaderd.aws.claims import open_store
from leaderd.aws.finding import Finding
from leaderd.aws.imds import Imds
from leaderd.aws.policy import claims_statements
from leaderd.aws.remedies import OTHERWISE, Place, said
from leaderd.aws.store import TRIAL, LostError, Store
from leaderd.config import Settings
from leaderd.core.identity import Identity
from leaderd.errors import SourceError


async def claims_found(settings: Settings, place: Place, imds: Imds, environ: Mapping[str, str]) -> Finding:
    """Whether claims work here. Everything before it must have been found: instance, environment, region, credentials.

    Args:
        settings: the settings in force.
        place: what was found.
        imds: knows the account.
        environ: the environment variables.
    """
    if settings.claims == "off":
        return Finding("claims", True, "claims are off")
    identity = Identity(place.instance_id or "", place.environment or "", place.region or "")
    limit = settings.timing.request_timeout
    start = time.monotonic()
    try:
        store = await open_store(settings.claims, identity, imds, timeout=limit, environ=environ)
        try:
            async with asyncio.timeout(2 * limit):
                refuses = await _refuses(store)
        finally:
            await store.close()
    except TimeoutError:
        return Finding("claims", False, f"{settings.claims} did not answer in {2 * limit:g} s", OTHERWISE)
    except SourceError as error:
        return Finding("claims", False, said(error), _mend(error, settings, place))
    if not refuses:
        found = f"{store.where} ignores the conditions of writes: any number of instances could win"
        return Finding("claims", False, found, "use S3 itself or DynamoDB for --claims")
    took = (time.monotonic() - start) * 1000
    return Finding("claims", True, f"{store.where} can be read and written, and heeds conditions, in {took:.0f} ms")


async def _refuses(store: Store) -> bool:
    """Read, and write under a condition that cannot hold: who may not write is told so, who may has it refused."""
    await store.read(TRIAL)
    try:
        await store.swap(TRIAL, "{}", store.impossible_version)
    except LostError:
        return True
    return False


def _mend(error: SourceError, settings: Settings, place: Place) -> str:
    if error.kind != "denied":
        return error.hint or OTHERWISE
    known = {"environment": place.environment, "region": place.region, "account": place.account}
    lines = [json.dumps(each, separators=(",", ":")) for each in claims_statements(settings.claims, **known)]
    role = place.role or "of the instance profile"
    return "\n".join([f"allow this to the role {role} (`leaderd policy` prints all):", *lines])
