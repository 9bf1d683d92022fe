"""A job's record as the text that is stored and the data that is shown. What cannot be is refused, never repaired."""

import json
from datetime import UTC, datetime
from typing import Any

from leaderd.core.claim import KEY, Act, Claim, Claimant, JobRecord, Key, Outcome, Tick
from leaderd.errors import SourceError

FORMAT = 1
"""Grows when the meaning of the document changes. Another number is not read."""


def key_of(act: Act) -> str:
    """An act's key: its text, or the moment of the tick (RFC 3339)."""
    return act.text if isinstance(act, Key) else rfc3339(act.start)


def rfc3339(moment: float) -> str:
    """A Unix time as RFC 3339 has it, in UTC: whole seconds where it is whole, else milliseconds."""
    whole = float(moment).is_integer()
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds" if whole else "milliseconds")
    return text.replace("+00:00", "Z")


def plain(record: JobRecord) -> dict[str, Any]:
    """The record as plain data: what is stored, and what `GET /claims/JOB` shows."""
    newest = record.newest_tick
    return {
        "newest_tick": None if newest is None else rfc3339(newest),
        "token": record.token,
        "claims": [_plain_claim(claim) for claim in record.claims],
    }


def encode(job: str, record: JobRecord) -> str:
    """The record as text."""
    return json.dumps({"format": FORMAT, "job": job} | plain(record), indent=1)


def decode(job: str, text: str | None, where: str) -> JobRecord:
    """The record that a text stands for; an empty one where there is no text.

    Raises:
        SourceError: the text is not the record of this job. It is never written over.
    """
    if text is None:
        return JobRecord()
    try:
        return _checked(_record(_of_ours(job, json.loads(text))))
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        said = f"what {where} has for {job} is no record of this leaderd: {type(error).__name__}: {str(error)[:100]}"
        hint = "another program, or a newer leaderd, has written there: upgrade this one, or remove it by hand"
        raise SourceError("unusable", said, hint=hint) from error


def _of_ours(job: str, content: Any) -> dict[str, Any]:
    if (content["format"], content["job"]) != (FORMAT, job):
        raise ValueError(f"it is of format {content['format']!r} and job {content['job']!r}")
    return dict(content)


def _plain_claim(claim: Claim) -> dict[str, Any]:
    outcome = claim.outcome
    return {
        "key": key_of(claim.act),
        "every": claim.act.every if isinstance(claim.act, Tick) else None,
        "holder": claim.holder.instance_id,
        "asker": claim.holder.asker,
        "time": rfc3339(claim.at),
        "token": claim.token,
        "outcome": outcome and {"exit_code": outcome.exit_code, "duration": outcome.duration},
    }


def _record(content: dict[str, Any]) -> JobRecord:
    newest = content["newest_tick"]
    claims = tuple(_claim(each) for each in content["claims"])
    return JobRecord(None if newest is None else _whole(_moment(newest)), _number(content["token"]), claims)


def _claim(content: dict[str, Any]) -> Claim:
    every, outcome, asker = content["every"], content["outcome"], content["asker"]
    act = Key(_key(content["key"])) if every is None else Tick(_whole(_moment(content["key"])), _number(every))
    return Claim(
        act,
        Claimant(_text(content["holder"]), None if asker is None else _text(asker)),
        _moment(content["time"]),
        _number(content["token"]),
        None if outcome is None else Outcome(int(outcome["exit_code"]), float(outcome["duration"])),
    )


def _checked(record: JobRecord) -> JobRecord:
    """Refuse what cannot be: tokens that do not fall, or a newest tick that is older than one that was taken."""
    tokens = [record.token, *(claim.token for claim in record.claims)]
    if tokens != sorted(tokens, reverse=True) or len(set(tokens[1:])) < len(tokens[1:]):
        raise ValueError("its tokens are in no order")
    if record.token > 0 and not record.claims:
        raise ValueError("it has a token, and no claim")
    ticks = [claim.act.start for claim in record.claims if isinstance(claim.act, Tick)]
    if ticks and (record.newest_tick is None or max(ticks) > record.newest_tick):
        raise ValueError("a tick in it is newer than the newest")
    return record


def _moment(text: Any) -> float:
    moment = datetime.fromisoformat(_text(text)).timestamp()
    if moment < 0:
        raise ValueError(f"{text} is before all claims")
    return moment


def _whole(moment: float) -> int:
    if not moment.is_integer():
        raise ValueError(f"{moment} is no tick")
    return int(moment)


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError(f"{value!r} is no number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _key(value: Any) -> str:
    if KEY.fullmatch(_text(value)) is None:
        raise ValueError(f"{value[:40]!r} is no key")
    return str(value)
