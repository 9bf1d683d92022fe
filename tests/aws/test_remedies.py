import json
from email.utils import formatdate

import pytest

from leaderd.aws.remedies import Place, clock_found, mend, missing_permission, order_found, said
from leaderd.core.roster import Order, Roster
from leaderd.errors import SourceError

PLACE = Place("i-0a", "shop-prod", "eu-west-1", "123456789012", "web-role")
WHO = "User: arn:aws:sts::123456789012:assumed-role/web-role/i-0a is not authorized to perform: "
ACTION = "elasticbeanstalk:DescribeEnvironmentResources"
ON = f"{ACTION} on resource: arn:aws:elasticbeanstalk:eu-west-1:123456789012:environment/shop/shop-prod "
DENIED = f"{WHO}{ON}because no identity-based policy allows the {ACTION} action"
A, B, C = "i-0a", "i-0b", "i-0c"
LAUNCHED = {A: 1.0, B: 2.0, C: 3.0}


def denied(message):
    return SourceError("denied", f"Elastic Beanstalk answered AccessDenied: {message}", hint="the hint")


@pytest.mark.parametrize(
    ("message", "action"),
    [
        (DENIED, ACTION),
        (f"{WHO}autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingGroups"),
        ("User is not authorized to perform elasticloadbalancing:DescribeTags", "elasticloadbalancing:DescribeTags"),
        ("Access Denied", None),
        ("", None),
    ],
)
def test_missing_permission(message, action):
    """The action stands in AWS's sentence; other sentences name none."""
    assert missing_permission(message) == action


def test_denied():
    """A missing permission is mended by a statement for the role, ready to paste."""
    error = denied(DENIED)
    assert said(error) == f"Elastic Beanstalk answered AccessDenied: {ACTION} is not allowed"
    sentence, statement = mend(error, PLACE).splitlines()
    assert f"allow {ACTION} to the role web-role" in sentence
    assert json.loads(statement) == {
        "Effect": "Allow",
        "Action": ACTION,
        "Resource": "arn:aws:elasticbeanstalk:eu-west-1:123456789012:environment/*/shop-prod",
    }


def test_denied_without_a_known_role():
    """Where the role is not known, the mend says whose it is."""
    assert "to the role of the instance profile" in mend(denied(DENIED), Place())


def test_denied_outright():
    """What a policy denies outright is not mended by allowing it."""
    text = mend(denied(f"{WHO}{ON}with an explicit deny in a service control policy"), PLACE)
    assert text == f"take the Deny of {ACTION} out of the service control policy: no Allow outweighs it"


@pytest.mark.parametrize("where", ["permissions boundary", "service control policy", "VPC endpoint policy"])
def test_denied_elsewhere(where):
    """Where another policy than the role's is in the way, the mend names it."""
    text = mend(denied(f"{WHO}{ON}because no {where} allows the {ACTION} action"), PLACE)
    assert text.startswith(f"allow {ACTION} in the {where}, with this statement:")


def test_denied_without_a_reason():
    """A refusal that names no action keeps its words and its hint."""
    error = denied("Access Denied")
    assert (said(error), mend(error, PLACE)) == (error.message, "the hint")


def test_every_failure_has_a_mend():
    """No failure is left without something to do."""
    for kind in ("refused", "failing", "broken", "denied", "unusable", "throttled"):
        assert mend(SourceError(kind, "x"), PLACE)
    text = mend(SourceError("timeout", "x", hint="a NAT gateway"), PLACE)
    assert text == "a NAT gateway (com.amazonaws.eu-west-1.elasticbeanstalk)"


def found(order, *listings, launched=LAUNCHED, trouble=None):
    return order_found(order, [Roster(tuple(ids)) for ids in listings], launched, trouble, PLACE)


STEADY, MOVED = [(B, A, C)] * 3, [(A, B, C), (B, A, C), (A, B, C)]


@pytest.mark.parametrize(
    ("order", "listings", "launched", "ok", "words"),
    [
        (Order.LISTED, [(A, B, C)] * 3, LAUNCHED, True, "by launch, the oldest first"),
        (Order.LISTED, [(A, B, C)] * 3, {A: 2.0, B: 1.0, C: 0.0}, True, "by id, as with --order id"),
        (Order.LISTED, [(A, B, C)] * 3, {}, True, "by id, as with --order id (launch times are not known"),
        (Order.LISTED, STEADY, LAUNCHED, True, "neither by id nor by launch, and nothing promises"),
        (Order.LISTED, STEADY, {}, True, "not by id, and nothing promises"),
        (Order.LISTED, [(B, A, C), (B, C)], LAUNCHED, True, "the same over 2 calls"),
        (Order.LISTED, MOVED, LAUNCHED, False, "in another order"),
        (Order.LISTED, MOVED, {}, False, "in another order"),
        (Order.LISTED, [(A, B)], LAUNCHED, None, "nothing to compare"),
        (Order.LISTED, [(A,)], {}, True, "one instance"),
        (Order.ID, MOVED, {}, True, "which --order id does not mind"),
        (Order.ID, STEADY, {}, True, "does not depend on how"),
        (Order.ID, [(B, A)], {}, True, "does not depend on how"),
        (Order.OLDEST, MOVED, LAUNCHED, True, "which --order oldest does not mind"),
        (Order.OLDEST, STEADY, {A: 1.0}, False, "does not say them yet"),
        (Order.OLDEST, [(A,)], {}, False, "does not say them yet"),
    ],
)
def test_order(order, listings, launched, ok, words):
    """The order in force is well when it is steady; what else there is to say stands in the words."""
    finding = found(order, *listings, launched=launched)
    assert (finding.check, finding.ok) == ("order", ok)
    assert words in finding.finding
    assert bool(finding.mend) == (ok is not True)


def test_which_order_to_choose():
    """Where the list moves about, the mend is an order that does not, of those that are to be had."""
    assert found(Order.LISTED, *MOVED).mend.startswith("set --order oldest")
    assert found(Order.LISTED, *MOVED, launched={}).mend.startswith("set --order id,")


@pytest.mark.parametrize(
    ("trouble", "why", "what"),
    [
        (SourceError("refused", "DescribeInstancesHealth is not supported."), "basic health", "turn on enhanced"),
        (denied(f"{WHO}elasticbeanstalk:DescribeInstancesHealth"), "is not allowed", '"Effect":"Allow"'),
        (SourceError("throttled", "Rate exceeded"), "Rate exceeded", "or set --order id"),
    ],
)
def test_launch_times(trouble, why, what):
    """Without launch times `oldest` cannot be, and `listed` can."""
    finding = found(Order.OLDEST, *STEADY, launched={}, trouble=trouble)
    assert finding.ok is False
    assert why in finding.finding
    assert what in finding.mend
    finding = found(Order.LISTED, *STEADY, launched={}, trouble=trouble)
    assert finding.ok is True
    assert why in finding.finding


NOW = 1_700_000_000.5


@pytest.mark.parametrize(
    ("behind", "ok", "words"),
    [
        (0, True, "within 3 s"),
        (3, True, "within 3 s"),
        (-3, True, "within 3 s"),
        (42, False, "42 s ahead of AWS's"),
        (-42, False, "42 s behind AWS's"),
        (400, False, "refuses signatures"),
    ],
)
def test_clock(behind, ok, words):
    """A clock that is more than a few seconds off is a fault, with its direction."""
    finding = clock_found(formatdate(NOW - 0.5 - behind, usegmt=True), NOW)
    assert (finding.ok, bool(finding.mend)) == (ok, not ok)
    assert words in finding.finding
    assert ("signatures" in finding.finding) == (abs(behind) > 300)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 99 Foo 2020 00:00:00 GMT"])
def test_clock_without_a_date(date):
    """Without a date there is nothing to compare."""
    assert clock_found(date, NOW).ok is None
