"""What a check found. Plain data, no network."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: what was looked at, in a word.
        ok: whether all is well there; None where an earlier failure, or a missing right, left nothing to look at.
        finding: what was found; one line.
        mend: what to do about it; lines, empty where there is nothing to do.
    """

    check: str
    ok: bool | None
    finding: str
    mend: str = ""
