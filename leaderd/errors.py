"""The errors of leaderd: each says what happened, to what, and (as `hint`) what to do."""

from collections.abc import Sequence


class LeaderdError(Exception):
    """The parent of all errors of leaderd.

    Attributes:
        message: what happened, to what; one line.
        hint: what to do about it; one line, may be empty.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ConfigError(LeaderdError):
    """The configuration is refused. `problems` holds all that is wrong with it, each with its mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class CannotStartError(LeaderdError):
    """The machine refuses what the configuration asks for: a taken port, an unwritable file."""


class SourceError(LeaderdError):
    """AWS, or this instance's metadata, gave no usable answer.

    Attributes:
        kind: one word for logs and metrics, such as `throttled`, `denied`, `timeout`, `unusable`.
    """

    def __init__(self, kind: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


class UnusableAnswerError(SourceError):
    """An answer came, but no roster can be made of it: empty, doubled or incomplete."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__("unusable", message, hint=hint)
