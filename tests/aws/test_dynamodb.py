"""The contract of stores, without the tests that take long: tests/e2e has them, with Amazon's own DynamoDB."""

from tests.claims import test_contract


class TestDynamoDb(test_contract.MotoDynamoDb):
    """moto's DynamoDB."""

    test_many_at_once = None
    test_a_key_at_once = None
    test_lost_answers = None
    test_an_outcome_meets_other_claims = None
