"""The rule of claims: who has a tick or a key of a job, and how long each instance waits before it tries.

A job has one record. It is changed only by a write that succeeds only if the record is still what was read: so of all
who find a tick free, one takes it. This is at most once, not fencing: a job that was started under a claim may outlive
it. What outlives it can be told by its token, which grows with each claim of the job.

All times are Unix times in seconds, and are passed in.
"""

import re
from dataclasses import dataclass, replace
from math import floor

from leaderd.errors import LeaderdError

TICKS_KEPT = 50
"""Claims of ticks that a record keeps. Older ones are of no use: a tick before the newest one is never free."""
KEYS_KEPT = 500
"""Claims of keys that a record keeps. None is ever forgotten, as its key would be free again: the next is refused."""
LONGEST_EVERY = 604_800
"""Seconds between two ticks at the most: a week."""
SLOT = 2.0
"""Seconds that each place in the roster waits for the one before it: time for a read and a write of the store."""
LAST_SLOT = 5
"""The last place with a slot of its own: all that come behind it share the next one."""
SLOTS_IN_A_TICK = 10
"""Slots that a tick has room for at least: where it has less, slots are shorter, so that the last one is in time."""
AHEAD = 5.0
"""Seconds that this instance's clock may be ahead of the store's. A tick of the future would bar all before it."""
JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
KEY = re.compile(r"[A-Za-z0-9._:/@+-]{1,128}")


@dataclass(frozen=True, slots=True)
class Tick:
    """One scheduled moment of a job: it began at `start`, and the next one comes `every` seconds later."""

    start: int
    every: int

    @property
    def ends(self) -> int:
        """When the next tick begins."""
        return self.start + self.every


@dataclass(frozen=True, slots=True)
class Key:
    """The name of something that is done once and never again, such as a migration."""

    text: str


Act = Tick | Key
"""What can be claimed."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who claims: an instance, and which of the askers on it.

    Attributes:
        instance_id: the instance.
        asker: tells this asker from others on the same instance; None: any that says nothing of itself.
    """

    instance_id: str
    asker: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: its exit code, and how many seconds it took."""

    exit_code: int
    duration: float


@dataclass(frozen=True, slots=True)
class Claim:
    """That an act was taken: by whom, when, with which token, and how the job ended, as far as that is known."""

    act: Act
    holder: Claimant
    at: float
    token: int
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """All that is kept of a job.

    Attributes:
        newest_tick: the start of the newest tick that was taken; None before the first.
        token: of the newest claim; 0 before the first.
        claims: the newest claims of ticks and all claims of keys, the newest first.
    """

    newest_tick: int | None = None
    token: int = 0
    claims: tuple[Claim, ...] = ()

    def claim_of(self, act: Act) -> Claim | None:
        """The claim of an act, if it is kept."""
        return next((claim for claim in self.claims if claim.act == act), None)


@dataclass(frozen=True, slots=True)
class Ours:
    """The claimant has the act already."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Refused:
    """Another has the act, or had it; the claim where it is kept."""

    claim: Claim | None
    reason: str


@dataclass(frozen=True, slots=True)
class Free:
    """The act is the claimant's if this record can be written in place of the one that was read."""

    record: JobRecord
    claim: Claim


Decision = Ours | Refused | Free


class FullError(LeaderdError):
    """A job has as many keys as a record can keep."""


def tick_at(wall: float, every: int) -> Tick:
    """The tick that a moment lies in: ⌊wall / every⌋ · every."""
    return Tick(floor(wall / every) * every, every)


def decide(record: JobRecord, act: Act, claimant: Claimant, now: float) -> Decision:
    """Say whose an act is, by what the record says.

    Args:
        record: the job's record, as it was just read.
        act: the tick or the key.
        claimant: who wants it.
        now: the time that the claim will carry.

    Raises:
        FullError: a new key, where the record has no room for another.
    """
    known = record.claim_of(act)
    if known is not None:
        return Ours(known) if known.holder == claimant else Refused(known, _taken_by(known, claimant))
    if isinstance(act, Tick) and record.newest_tick is not None and act.start <= record.newest_tick:
        return Refused(None, "this tick is over: it, or one after it, has been taken")
    claim = Claim(act, claimant, now, record.token + 1)
    newest = act.start if isinstance(act, Tick) else record.newest_tick
    return Free(JobRecord(newest, claim.token, _kept((claim, *record.claims))), claim)


def is_over(record: JobRecord, act: Act) -> bool:
    """Whether a tick after this one has been taken."""
    return isinstance(act, Tick) and record.newest_tick is not None and act.start < record.newest_tick


def finish(record: JobRecord, token: int, instance_id: str, outcome: Outcome) -> JobRecord | None:
    """The record with the outcome of one claim of this instance; None where it has no such claim, or not any more."""
    claims = tuple(
        replace(claim, outcome=claim.outcome or outcome)
        if claim.token == token and claim.holder.instance_id == instance_id
        else claim
        for claim in record.claims
    )
    held = any(claim.token == token and claim.holder.instance_id == instance_id for claim in claims)
    return replace(record, claims=claims) if held else None


def delay(place: int | None, act: Act, chance: float) -> float:
    """Say how long an instance waits before it tries, in seconds: so that the job stays with the first while it lives.

    Args:
        place: its rank in the roster, 0 for the leader; None where it is not known. Those share all slots at random.
        act: the tick or the key.
        chance: a random number, 0 ≤ chance < 1.
    """
    slot = min(SLOT, act.every / SLOTS_IN_A_TICK) if isinstance(act, Tick) else SLOT
    if place is None:
        return slot * chance * (LAST_SLOT + 1)
    return slot * place if place <= LAST_SLOT else slot * (LAST_SLOT + chance)


def _taken_by(claim: Claim, claimant: Claimant) -> str:
    if claim.holder.instance_id == claimant.instance_id:
        return "another asker on this instance has it"
    return f"{claim.holder.instance_id} has it"


def _kept(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """Leave out the oldest ticks, and no key."""
    keys = sum(isinstance(claim.act, Key) for claim in claims)
    if keys > KEYS_KEPT:
        raise FullError(f"this job has {KEYS_KEPT} keys, as many as can be kept", hint="use another job name for more")
    ticks = [claim.token for claim in claims if isinstance(claim.act, Tick)][TICKS_KEPT:]
    return tuple(claim for claim in claims if claim.token not in ticks)
