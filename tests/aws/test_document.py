import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderd.aws.document import decode, encode, key_of, plain, rfc3339
from leaderd.core.claim import Claim, Claimant, Free, JobRecord, Key, Outcome, Tick, decide
from leaderd.errors import SourceError

WHERE = "s3://bucket/folder"
RECORD = JobRecord(
    1_764_000_000,
    3,
    (
        Claim(Tick(1_764_000_000, 60), Claimant("i-0a", "x1"), 1_764_000_000.123, 3, Outcome(0, 1.5)),
        Claim(Key("v7"), Claimant("i-0b"), 1_763_999_999.0, 1),
    ),
)


def changed(**changes):
    """The text of a record with something else in it."""
    content = json.loads(encode("invoices", RECORD))
    for path, value in changes.items():
        target = content
        *steps, last = [int(step) if step.isdigit() else step for step in path.split("__")]
        for step in steps:
            target = target[step]
        target[last] = value
    return json.dumps(content)


def test_what_is_shown():
    """Ticks are RFC 3339 times, keys are their text; the rest has the names of the contract."""
    shown = plain(RECORD)
    assert (shown["newest_tick"], shown["token"]) == ("2025-11-24T16:00:00Z", 3)
    assert shown["claims"][0] == {
        "key": "2025-11-24T16:00:00Z",
        "every": 60,
        "holder": "i-0a",
        "asker": "x1",
        "time": "2025-11-24T16:00:00.123Z",
        "token": 3,
        "outcome": {"exit_code": 0, "duration": 1.5},
    }
    assert (shown["claims"][1]["key"], shown["claims"][1]["every"], shown["claims"][1]["outcome"]) == ("v7", None, None)


def test_a_record_survives_the_text():
    """What was written is read."""
    assert decode("invoices", encode("invoices", RECORD), WHERE) == RECORD


acts = st.builds(Tick, st.integers(0, 4_000_000_000), st.integers(1, 604_800)) | st.builds(
    Key, st.from_regex(r"[A-Za-z0-9._:/@+-]{1,20}", fullmatch=True)
)


@given(st.lists(st.tuples(acts, st.sampled_from(["i-0a", "i-0b"]), st.none() | st.just("x")), max_size=20))
def test_every_record_survives_the_text(claims):
    """Whatever claims make of a record."""
    record = JobRecord()
    for act, instance, asker in claims:
        decision = decide(record, act, Claimant(instance, asker), 1_764_000_000.5)
        record = decision.record if isinstance(decision, Free) else record
    assert decode("a", encode("a", record), WHERE) == record


def test_no_text_is_an_empty_record():
    """A job that was never claimed."""
    assert decode("invoices", None, WHERE) == JobRecord()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "<html>",
        "[" * 100_000,
        changed(format=2),
        changed(job="others"),
        changed(token=True),
        changed(token=-1),
        changed(token=2),
        changed(token="3"),
        changed(newest_tick=None),
        changed(newest_tick="2025-11-24T15:59:00Z"),
        changed(newest_tick="2025-11-24T16:00:00.5Z"),
        changed(newest_tick="soon"),
        changed(newest_tick=1_764_000_000),
        changed(claims=None),
        changed(claims=[]),
        changed(claims__0__time="0001-01-01T00:00:00+23:00"),
        changed(claims=[1]),
        changed(claims__1__token=3),
        changed(claims__1__token=4),
        changed(claims__1__key="a b"),
        changed(claims__1__key=7),
        changed(claims__0__every="60"),
        changed(claims__0__holder=None),
        changed(claims__0__asker=7),
        changed(claims__0__time="yesterday"),
        changed(claims__0__outcome={"exit_code": "x", "duration": 1}),
        changed(claims__0__outcome={"exit_code": 0}),
    ],
)
def test_what_cannot_be_is_refused(text):
    """What is not the record of this job, in this format, is an error that says where, and never a free tick."""
    with pytest.raises(SourceError, match=f"what {WHERE} has for invoices is no record") as caught:
        decode("invoices", text, WHERE)
    assert caught.value.kind == "unusable"
    assert "upgrade this one, or remove it" in caught.value.hint


def test_times():
    """Whole seconds without a fraction, others with milliseconds, all in UTC."""
    assert rfc3339(0) == "1970-01-01T00:00:00Z"
    assert rfc3339(1_764_000_000.0625) == "2025-11-24T16:00:00.062Z"
    assert key_of(Tick(60, 60)) == "1970-01-01T00:01:00Z"
    assert key_of(Key("v7")) == "v7"
