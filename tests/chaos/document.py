"""The table as a document, with what one must know to read it."""

import os
import platform

from tests.chaos.fleet import PATIENT, SIZE, TIMING
from tests.chaos.table import LEGEND, markdown

TEXT = """\
# Live chaos

Fleets of {size} and more real `leaderd serve` processes, on a pretend AWS, go through the faults below, while a sampler
asks all of them `/leader`, again and again. `python -m tests.chaos --write docs/chaos.md` wrote this page, on {cores}
cores with Python {python}; `make test` runs the same, and fails when something is wrong.

{settings}

## What is concluded from an answer

An answer is known by two moments of one clock: when its question was sent and when it was received. What it says was
true at some moment between the two, and nothing more is concluded from it.

- Two instances *overlap* when one said yes between two successive yeses of the other. However short it is, that is
  wrong.
- Otherwise their yeses are *at least* the time from the last answer of the one to the first question of the other
  apart, and *at most* the time from the last question of the one to the first answer of the other. It is wrong when
  even the most is less than the guard g. No other allowance is made. The two are a few milliseconds from each other,
  unless an answer was under way while its process was stopped: then they are as far apart as it stood still, and one
  cannot tell.
- The time without a leader is counted from the question of one yes to the answer of the next, whoever says it: at most
  that. It is wrong when it is longer than the bound and what is allowed for a machine that starts processes slowly.

## What was seen

{table}

```
{legend}
```

Where the title says *outside*, the fault breaks an assumption of [safety.md](safety.md), and nothing is promised. A
list in another order at each call leaves nobody first for long enough. Telling each caller that it is first makes all
of them leaders: it is here to show that the sampler sees an overlap where there is one.
"""


def document(rows):
    """The whole document."""
    return TEXT.format(
        size=SIZE,
        cores=os.cpu_count(),
        python=platform.python_version(),
        settings="\n".join([_settings("Settings:", TIMING), _settings("Where daemons are restarted:", PATIENT)]),
        table=markdown(rows),
        legend=LEGEND,
    )


def _settings(title, timing):
    return (
        f"- {title} P = {timing.poll_interval:g} s, R = {timing.request_timeout:g} s, T = {timing.max_staleness:g} s, "
        f"D = {timing.api_lag:g} s, g = {timing.guard:g} s, hence H = {timing.hold_down:g} s and "
        f"N = {timing.probation:g} s."
    )
