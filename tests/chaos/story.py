"""The story of a fault: what was answered, logged and asked of EB, in order, for whoever has to find out why."""

import json
import time
from datetime import datetime

BEFORE = 10.0
"""Seconds before the fault with which the story begins."""


def story(fleet, callers):
    """All since a little before the fault, a line each, with seconds since the fault; of EB the calls of these."""
    since = fleet.sampler.record.began
    offset = time.time() - time.monotonic()
    lines = [*_answers(fleet), *_logs(fleet, offset), *_calls(fleet, offset, callers)]
    return "\n".join(f"{at - since:8.3f}  {line}" for at, line in sorted(lines) if at >= since - BEFORE)


def _answers(fleet):
    for run in fleet.sampler.record.runs:
        for which, sample in (("first", run.first), ("last", run.last)):
            took = sample.received - sample.sent
            yield sample.received, f"{run.instance} says {run.status}, the {which} in a row, asked {took:.3f} s before"


def _logs(fleet, offset):
    for instance, lines in fleet.logs().items():
        for line in lines:
            entry = json.loads(line)
            at = datetime.fromisoformat(entry.pop("timestamp")).timestamp() - offset
            yield at, f"{instance} logs {entry}"


def _calls(fleet, offset, callers):
    for call in fleet.aws.beanstalk.log:
        if call.caller in callers:
            yield call.time.timestamp() - offset, f"{call.caller} called EB: {call.outcome}"
