"""Who an instance is, and where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """One instance of one environment."""

    instance_id: str
    environment: str
    """The environment's name, or its id (`e-…`): whichever was found first."""
    region: str
