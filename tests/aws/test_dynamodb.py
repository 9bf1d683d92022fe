"""The contract of stores, without the tests that take long: tests/claims has these, and tests/e2e Amazon's own."""

from tests.claims import test_contract


class TestDynamoDb(test_contract.TestMotoDynamoDb):
    """moto's DynamoDB."""

    test_many_at_once = None
    test_a_key_at_once = None
    test_lost_answers = None
    test_an_outcome_meets_other_claims = None
