from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from leaderd.demo.cloud import Cloud
from leaderd.demo.faults import CROWD, Fault, Faults, distort

A, B, C = (f"i-0{number:016x}" for number in (1, 2, 3))


class Clocks:
    """Both clocks of a cloud, moved by hand."""

    def __init__(self):
        self.elapsed = 0.0

    def monotonic(self):
        return 1_000 + self.elapsed

    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.elapsed)


@pytest.fixture
def clocks():
    return Clocks()


@pytest.fixture
def cloud(clocks):
    cloud = Cloud(seed=1, monotonic=clocks.monotonic, now=clocks.now)
    for number in (1, 2, 3):
        cloud.launch(number)
    return cloud


def test_same_seed_same_cloud():
    """Two clouds of one seed give the same ids and the same credentials."""
    one, other = Cloud(seed=7), Cloud(seed=7)
    first, second = one.launch(), other.launch()
    assert (one.environment_id, first.id) == (other.environment_id, second.id)
    assert one.credentials(first.id).secret_key == other.credentials(second.id).secret_key
    assert one.environment_id.startswith("e-")
    assert len(one.environment_id) == 12
    assert len(first.id) == len("i-0") + 16


def test_launch_appends(cloud):
    """A new instance comes last in EB's list."""
    assert cloud.members == (A, B, C)


def test_ids_are_never_used_twice(cloud):
    """An id that ever ran is refused for a new instance, even when EB has forgotten it."""
    cloud.drop(B)
    with pytest.raises(ValueError, match="launched before"):
        cloud.launch(2)


def test_dropped_lives_on(cloud):
    """An instance that EB drops is no member any more, but still exists and knows nothing of it."""
    cloud.drop(A)
    assert cloud.members == (B, C)
    assert cloud.instances[A].lifecycle is None


def test_terminate(cloud):
    """A terminated instance learns it from its lifecycle state, and EB forgets it."""
    cloud.terminate(A)
    assert cloud.members == (B, C)
    assert cloud.instances[A].lifecycle == "Terminated"


def test_orders(cloud):
    """The order of the list can be changed in every way without changing who is in it."""
    cloud.put_first(C)
    assert cloud.members == (C, A, B)
    cloud.arrange([B, A, C])
    assert cloud.members == (B, A, C)
    cloud.shuffle(Random(3))
    assert sorted(cloud.members) == [A, B, C]
    assert cloud.members != (B, A, C)


def test_arrange_knows_its_instances(cloud):
    """Nobody can be a member who was never launched."""
    with pytest.raises(ValueError, match="never launched: i-1"):
        cloud.arrange([A, "i-1"])


def test_lag(cloud, clocks):
    """EB tells the membership as it was `lag` seconds ago, change by change."""
    cloud.lag = 5
    clocks.elapsed = 10
    cloud.drop(A)
    clocks.elapsed = 12
    cloud.put_first(C)
    told = []
    for clocks.elapsed in (12, 14.9, 15, 16.9, 17):
        told.append(cloud.told())
    assert told == [(A, B, C), (A, B, C), (B, C), (B, C), (C, B)]


def test_lag_reaches_back_to_nobody(cloud):
    """Before the first launch there was nobody to tell of."""
    cloud.lag = 60
    assert cloud.told() == ()


def test_credentials_are_renewed_before_they_expire(cloud, clocks):
    """New credentials come five minutes before the old ones expire, and the old ones stay known."""
    first = cloud.credentials(A)
    clocks.elapsed = 6 * 3600 - 301
    assert cloud.credentials(A) is first
    clocks.elapsed += 1
    second = cloud.credentials(A)
    assert second.access_key != first.access_key
    assert cloud.find_key(first.access_key) is first
    assert cloud.find_key(second.access_key) is second


def test_credentials_name_their_owner(cloud):
    """Each instance has temporary keys of its own, a user has static ones."""
    role, user = cloud.credentials(A), cloud.add_user("ops")
    assert role.access_key.startswith("ASIA")
    assert role.arn == f"arn:aws:sts::123456789012:assumed-role/aws-elasticbeanstalk-ec2-role/{A}"
    assert cloud.credentials(B).access_key != role.access_key
    assert user.access_key.startswith("AKIA")
    assert (user.arn, user.token, user.expires) == ("arn:aws:iam::123456789012:user/ops", None, None)


def test_expire(cloud, clocks):
    """Expired credentials stay expired, and the instance gets others."""
    old = cloud.credentials(A)
    cloud.expire(A)
    assert cloud.find_key(old.access_key).expires == clocks.now()
    assert cloud.credentials(A).access_key != old.access_key


def test_which_fault_meets_a_call():
    """A fault for one call comes before the caller's own, and that before everyone's."""
    faults = Faults(Fault.NONE, of={A: Fault.DENY})
    faults.everyone = Fault.EMPTY
    faults.once.extend([Fault.HTML, Fault.NONE])
    assert [faults.pick(A) for _ in range(3)] == [Fault.HTML, Fault.NONE, Fault.DENY]
    assert faults.pick(B) is Fault.EMPTY
    faults.clear()
    assert faults.pick(A) is Fault.NONE


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.NONE, (A, B, C)),
        (Fault.EMPTY, ()),
        (Fault.WITHOUT_CALLER, (A, C)),
        (Fault.DUPLICATES, (A, B, C, A, B, C)),
        (Fault.REVERSED, (C, B, A)),
        (Fault.CALLER_FIRST, (B, A, C)),
    ],
)
def test_distorted(fault, told):
    """Each fault of the list tells B its own untruth."""
    assert distort(fault, (A, B, C), B, Random(1)) == told


def test_many():
    """The crowd has 5,000 different ids, with the true members among them in their order."""
    told = distort(Fault.MANY, (C, A, B), B, Random(1))
    assert len(told) == len(set(told)) == CROWD
    assert [member for member in told if member in {A, B, C}] == [C, A, B]


def test_shuffled():
    """The same members come in different orders."""
    rng = Random(1)
    orders = {distort(Fault.SHUFFLE, (A, B, C), B, rng) for _ in range(50)}
    assert len(orders) == 6
    assert {tuple(sorted(order)) for order in orders} == {(A, B, C)}
