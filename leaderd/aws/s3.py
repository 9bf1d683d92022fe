"""Claims in S3: an object for each job, written only under a condition. Nothing is ever deleted.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel (reads are never old)
"""

from collections.abc import Mapping

from botocore.exceptions import ClientError

from leaderd.aws.sdk import Connection, Service, answered_at
from leaderd.aws.store import ATTEMPTS, LostError, SdkStore, Stored
from leaderd.errors import SourceError
from leaderd.log import scrub

S3 = Service("s3", "S3")
LOST = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "OperationAborted"})
"""Another version is there (412), or somebody else is writing (409)."""
ELSEWHERE = frozenset({"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"})
LARGEST = 1 << 20
"""Bytes of a record that are read: several times what the largest has."""


class S3Store(SdkStore):
    """One folder of a bucket.

    Args:
        bucket: the bucket.
        folder: where in it, without slashes at its ends.
        region: the AWS region of the bucket.
        timeout: seconds that one request may take.
        environ: the environment variables, for AWS_KEY and AWS_SECRET.
    """

    impossible_version = '"00000000000000000000000000000000"'

    def __init__(self, bucket: str, folder: str, region: str, *, timeout: float, environ: Mapping[str, str]) -> None:
        self.where = f"s3://{bucket}/{folder}"
        self._bucket = bucket
        self._folder = folder
        self._region = region
        self._connection = Connection(
            S3,
            region,
            timeout=timeout,
            environ=environ,
            attempts=ATTEMPTS,
            # What is over TLS needs no second checksum, and older look-alikes do not know it.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )

    async def read(self, job: str) -> Stored:
        """Read the object of a job.

        Raises:
            SourceError: S3 does not say.
        """
        async with self._connection.asking() as client:
            try:
                answer = await client.get_object(**self._object(job))
            except ClientError as error:
                if _code(error) == "NoSuchKey":
                    return Stored(None, None, answered_at(error.response))
                self._explain(error)
                raise
            async with answer["Body"] as body:
                if answer["ContentLength"] > LARGEST:
                    raise SourceError("unusable", f"the object of {job} in {self.where} is too large to be a record")
                text = await body.read()
            return Stored(text.decode(errors="replace"), answer["ETag"], answered_at(answer))

    async def swap(self, job: str, text: str, version: str | None) -> str:
        """Write the object of a job under the condition that it is still the one that was read.

        Raises:
            LostError: it is not, and nothing was written.
            SourceError: anything else.
        """
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        async with self._connection.asking() as client:
            try:
                answer = await client.put_object(
                    **self._object(job), **condition, Body=text.encode(), ContentType="application/json"
                )
            except ClientError as error:
                if _code(error) in LOST or (_code(error) == "NoSuchKey" and version is not None):
                    raise LostError(f"the record of {job} is another by now") from error
                self._explain(error)
                raise
            return str(answer["ETag"])

    def _object(self, job: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._folder}/{job}.json"}

    def _explain(self, error: ClientError) -> None:
        """Say what is wrong with the bucket, if that is it, in plainer words than S3 has."""
        code = _code(error)
        if code == "NoSuchBucket":
            hint = "Elastic Beanstalk makes its bucket with the first application version; or name one: s3://BUCKET"
            raise SourceError("no_bucket", f"there is no bucket {self._bucket}", hint=hint) from error
        if code in ELSEWHERE:
            said = scrub(str(error.response["Error"].get("Message", "")))
            found = f"the bucket {self._bucket} is not in {self._region}: S3 answered {code}: {said}"
            raise SourceError("wrong_region", found, hint="name a bucket in the environment's own region") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
