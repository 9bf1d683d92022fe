"""The store that the setting `--claims` names, for one environment."""

import json
import re
from collections.abc import Mapping

from leaderd.aws.dynamodb import DynamoStore
from leaderd.aws.imds import Imds
from leaderd.aws.policy import FOLDER, bucket_of
from leaderd.aws.s3 import S3Store
from leaderd.aws.store import Store
from leaderd.config import CLAIMS
from leaderd.core.identity import Identity
from leaderd.errors import SourceError

ACCOUNT = re.compile(r"\d{12}")


async def open_store(
    setting: str, identity: Identity, imds: Imds, *, timeout: float, environ: Mapping[str, str]
) -> Store:
    """Make the store and its client, which takes a while. Nothing is asked of it yet.

    Args:
        setting: what `--claims` says; not `off`.
        identity: who and where this instance is.
        imds: knows the account, for the bucket of Elastic Beanstalk.
        timeout: seconds that one request may take.
        environ: the environment variables, for AWS_KEY and AWS_SECRET.

    Raises:
        SourceError: the account cannot be found out, or there are no credentials.
    """
    store = await _store(setting, identity, imds, timeout=timeout, environ=environ)
    try:
        await store.connect()
    except BaseException:
        await store.close()
        raise
    return store


async def _store(
    setting: str, identity: Identity, imds: Imds, *, timeout: float, environ: Mapping[str, str]
) -> S3Store | DynamoStore:
    parts = CLAIMS.fullmatch(setting)
    environment, region = identity.environment, identity.region
    if parts and parts["table"]:
        return DynamoStore(parts["table"], environment, region, timeout=timeout, environ=environ)
    bucket, folder = (parts["bucket"], parts["folder"]) if parts else (None, None)
    if bucket is None:
        bucket, folder = bucket_of(region, await account_of(imds)), FOLDER
    where = "/".join(part for part in (folder, environment) if part)
    return S3Store(bucket, where, region, timeout=timeout, environ=environ)


async def account_of(imds: Imds) -> str:
    """The account that this instance is in, from its identity document.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html

    Raises:
        SourceError: IMDS does not answer, or says no account.
    """
    try:
        account = str(json.loads(await imds.get("dynamic/instance-identity/document") or "{}")["accountId"])
    except (ValueError, LookupError, TypeError):
        account = ""
    if ACCOUNT.fullmatch(account) is None:
        hint = "name the bucket: --claims s3://BUCKET"
        raise SourceError("imds_garbage", "IMDS does not say the account of this instance", hint=hint)
    return account
