"""Claims: takes ticks and keys for this instance, by the rule in core, in the ledger.

Whatever the store does not say for certain is an error, never a yes. A write that was sent and not answered is looked
for by reading, before anything is said.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from leaderd.aws.store import LostError
from leaderd.core import claim as rule
from leaderd.core.claim import Act, Claimant, Free, JobRecord, Ours, Outcome, Refused, Tick
from leaderd.core.election import Role
from leaderd.daemon.clock import Clock
from leaderd.daemon.ledger import Entry, Ledger
from leaderd.daemon.watcher import Watcher
from leaderd.errors import SourceError

ATTEMPTS = 5
"""Times that one claim reads and writes: a second is needed only where the record changed in between."""
PATIENCE = 5.0
"""Seconds that a claim waits for a daemon to find out which instance it is on."""


class ClaimJournal(Protocol):
    """What is told of the claims."""

    def answered(self, job: str, result: str) -> None:
        """A claim was answered: `claimed`, `taken` or `unknown`."""


class Claimer:
    """Claims, for one instance.

    Args:
        ledger: where the records are.
        watcher: knows who this instance is, and its place.
        clock: waits.
        wall: the wall clock (Unix time, seconds).
        chance: a random number, 0 ≤ chance < 1.
        journal: is told.
    """

    def __init__(
        self,
        ledger: Ledger,
        watcher: Watcher,
        *,
        clock: Clock,
        wall: Callable[[], float],
        chance: Callable[[], float],
        journal: ClaimJournal,
    ) -> None:
        self._ledger = ledger
        self._watcher = watcher
        self._clock = clock
        self._wall = wall
        self._chance = chance
        self._journal = journal
        self._written: dict[str, Entry] = {}

    def tick(self, every: int) -> Tick:
        """The tick that this moment lies in."""
        return rule.tick_at(self._wall(), every)

    async def record(self, job: str) -> JobRecord:
        """The record of a job.

        Raises:
            SourceError: the store does not say.
        """
        return (await self._ledger.read(job)).record

    async def claim(self, job: str, act: Act, asker: str | None = None) -> Ours | Refused:
        """Take a tick or a key for this instance, if it can be had.

        Args:
            job: the job.
            act: the tick or the key.
            asker: tells this asker from others on this instance.

        Raises:
            SourceError: the store does not say.
            FullError: the job has as many keys as can be kept.
        """
        try:
            answer = await self._claim(job, act, asker)
        except SourceError:
            self._journal.answered(job, "unknown")
            raise
        self._journal.answered(job, "claimed" if isinstance(answer, Ours) else "taken")
        return answer

    async def _claim(self, job: str, act: Act, asker: str | None) -> Ours | Refused:
        claimant = Claimant(await self._me(), asker)
        await self._clock.sleep(rule.delay(self._place(claimant.instance_id), act, self._chance()))
        if self._watcher.leaving:
            return Refused(None, "this instance is being terminated")
        trouble: SourceError | None = None
        for attempt in range(ATTEMPTS):
            entry = await self._ledger.read(job)
            self._check_clock(act, entry)
            decision = rule.decide(entry.record, act, claimant, self._wall())
            if attempt == 0 and asker is None and rule.is_over(entry.record, act):  # a clock that was set back
                return Refused(entry.record.claim_of(act), "this tick is over: one after it has been taken")
            if not isinstance(decision, Free):
                return decision
            if trouble is not None:  # the write that failed is not there: it never will be, or it is yet to come
                raise trouble
            try:
                self._written[job] = await self._ledger.write(job, decision.record, entry.version)
            except LostError:
                continue
            except SourceError as error:
                trouble = error
                continue
            return Ours(decision.claim)
        raise trouble or _contended(job)

    async def finish(self, job: str, token: int, outcome: Outcome) -> bool:
        """Write down how a job ended that this instance has claimed; False where the record has no such claim.

        Raises:
            SourceError: the store does not say.
        """
        me = await self._me()
        for _ in range(ATTEMPTS):
            written = self._written.pop(job, None)
            entry = written or await self._ledger.read(job)
            finished = rule.finish(entry.record, token, me, outcome)
            if finished is None and written is not None:
                continue  # it is older than the claim, whose own write was not answered: look at what is stored
            if finished is None or finished == entry.record:
                return finished is not None
            try:
                self._written[job] = await self._ledger.write(job, finished, entry.version)
            except LostError:
                continue
            return True
        raise _contended(job)

    async def _me(self) -> str:
        """Who this instance is; a daemon that has just been started finds that out in a moment."""
        with suppress(TimeoutError):
            async with self._clock.timeout(PATIENCE):
                await self._watcher.introduced.wait()
        if self._watcher.identity is None:
            why = self._watcher.trouble
            said = "this instance does not know yet who it is" + (f": {why.message}" if why else "")
            raise SourceError("undiscovered", said, hint=why.hint if why else "ask again in a moment")
        return self._watcher.identity.instance_id

    def _place(self, me: str) -> int | None:
        """This instance's place, however old the roster is that says it: the store decides, not the place."""
        if self._watcher.verdict().role is Role.LEADER:
            return 0
        if self._watcher.view is None:
            return None
        rank = self._watcher.view.newest.roster.rank(me)
        return rule.LAST_SLOT + 1 if rank is None else rank

    def _check_clock(self, act: Act, entry: Entry) -> None:
        if isinstance(act, Tick) and entry.read_at is not None and act.start > entry.read_at + rule.AHEAD:
            ahead = act.start - entry.read_at
            said = f"this instance's clock is {ahead:.0f} s or more ahead of the store's: the tick has not begun there"
            raise SourceError("clock", said, hint="systemctl enable --now chronyd && chronyc makestep")


def _contended(job: str) -> SourceError:
    return SourceError("contended", f"the record of {job} changed {ATTEMPTS} times in a row", hint="ask again")
