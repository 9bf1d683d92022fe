"""Claims in DynamoDB: an item for each job, written only under a condition.

The table has the partition key `job`, a string, and no sort key. It is made by who runs the environment.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html
"""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from leaderd.aws.sdk import Connection, Service, answered_at
from leaderd.aws.store import ATTEMPTS, LostError, SdkStore, Stored
from leaderd.errors import SourceError

DYNAMODB = Service("dynamodb", "DynamoDB")
LOST = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})


class DynamoStore(SdkStore):
    """The items of one environment in a table.

    Args:
        table: the table.
        folder: what the keys of this environment's items begin with.
        region: the AWS region.
        timeout: seconds that one request may take.
        environ: the environment variables, for AWS_KEY and AWS_SECRET.
    """

    impossible_version = "-1"

    def __init__(self, table: str, folder: str, region: str, *, timeout: float, environ: Mapping[str, str]) -> None:
        self.where = f"dynamodb://{table}/{folder}"
        self._table = table
        self._folder = folder
        self._connection = Connection(DYNAMODB, region, timeout=timeout, environ=environ, attempts=ATTEMPTS)

    async def read(self, job: str) -> Stored:
        """Read the item of a job.

        Raises:
            SourceError: DynamoDB does not say.
        """
        async with self._connection.asking() as client:
            try:
                answer = await client.get_item(**self._item(job), ConsistentRead=True)
            except ClientError as error:
                self._explain(error)
                raise
            item = answer.get("Item")
            if item is None:
                return Stored(None, None, answered_at(answer))
            return Stored(item["record"]["S"], item["version"]["N"], answered_at(answer))

    async def swap(self, job: str, text: str, version: str | None) -> str:
        """Write the item of a job under the condition that it is still the one that was read.

        Raises:
            LostError: it is not, and nothing was written.
            SourceError: anything else.
        """
        following = str(int(version or 0) + 1)
        values = {":record": {"S": text}, ":following": {"N": following}}
        condition = "attribute_not_exists(job)"
        if version is not None:
            condition = "#version = :version"
            values[":version"] = {"N": version}
        async with self._connection.asking() as client:
            try:
                await client.update_item(
                    **self._item(job),
                    UpdateExpression="SET #record = :record, #version = :following",
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#record": "record", "#version": "version"},
                    ExpressionAttributeValues=values,
                )
            except ClientError as error:
                if error.response["Error"].get("Code") in LOST:
                    raise LostError(f"the record of {job} is another by now") from error
                self._explain(error)
                raise
        return following

    def _item(self, job: str) -> dict[str, Any]:
        return {"TableName": self._table, "Key": {"job": {"S": f"{self._folder}/{job}"}}}

    def _explain(self, error: ClientError) -> None:
        """Say what is wrong with the table, if that is it, in plainer words than DynamoDB has."""
        code = error.response["Error"].get("Code")
        if code == "ResourceNotFoundException":
            hint = "make it, with the partition key `job` (a string), in the environment's own region"
            raise SourceError("no_table", f"there is no table {self._table}", hint=hint) from error
        if code == "ValidationException":
            hint = "it needs the partition key `job`, a string, and no sort key"
            raise SourceError("wrong_table", f"the table {self._table} has other keys: {error}", hint=hint) from error
