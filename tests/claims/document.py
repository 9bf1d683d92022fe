"""The table as a document, with what one must know to read it."""

from leaderd.core.claim import SLOTS_IN_A_TICK
from tests.chaos.fleet import SIZE, TIMING
from tests.claims.cron import EVERY
from tests.claims.faults import AFTER, BEFORE, MISHAPS, SPELL
from tests.claims.ticks import markdown

TEXT = """\
# What runs at a tick

Written by `python -m tests.claims --ticks {ticks} --write docs/claims-ticks.md`; a shorter run is part of
`make evidence`. {size} and more real `leaderd serve` processes, on a pretend AWS, go through the faults below, while a
pretend cron on every living instance asks at every tick whether the job is to run there. It asks in three ways, each
of them counted for itself: how many ticks ran on no instance, on one, on two or more.

- `POST /claims/JOB?every={every}`, as `leaderd run` does it: again, with the same `Idempotency-Key`, while the answer
  is 503 or the connection breaks, until the tick is over. A run counts for the tick that the answer names.
- `GET /leader`, once, as `curl -f` does it.
- No leaderd at all: a script asks IMDS who it is and EB for the list, each time, and runs the job if it is first there.

{table}

By claims every tick has to run exactly once, and by `/leader` never twice: by that none runs while leadership changes
hands, which the short times between the faults make frequent here. What the third rule gives is luck: it runs nowhere
while EB does not answer or its first instance is dead, and twice when two instances are told different lists.

Settings: a tick every {every} s, hence {slot:g} s for each place in the roster before it claims.
P = {timing.poll_interval:g} s, R = {timing.request_timeout:g} s, T = {timing.max_staleness:g} s, \
D = {timing.api_lag:g} s, g = {timing.guard:g} s, hence H = {timing.hold_down:g} s and N = {timing.probation:g} s.

What is left out, as no claims could help there:

- S3 never fails for everybody for a whole tick, but from {before:g} s before a tick to {after:g} s after it, {spell}
  ticks in a row. Where every other request fails, by chance and in one of {mishaps} ways, one instance is spared.
- A claim that was written is the instance's that wrote it, as the job may have been started there. If it is not told
  so, and cannot read it either before the tick is over, or is killed and not back by then, nobody runs that tick. So
  a leader whose answer is lost can read soon after, and is killed in the middle of a tick, when its claims are done.
- The last daemon is restarted when another one answers.
"""


def document(tally):
    """The whole document."""
    return TEXT.format(
        ticks=len(tally.ticks),
        size=SIZE,
        every=EVERY,
        slot=EVERY / SLOTS_IN_A_TICK,
        table=markdown(tally),
        timing=TIMING,
        before=BEFORE,
        after=AFTER,
        spell=SPELL,
        mishaps=len(MISHAPS),
    )
