"""What the rules hand around."""

from dataclasses import FrozenInstanceError

import pytest

from leaderd.core.election import Observation, Role, Verdict, View
from leaderd.core.identity import Identity
from leaderd.core.roster import Roster, RosterChange
from leaderd.core.timing import Timing

OBSERVATION = Observation(Roster(("i-1",)), 1.0, 2.0)
DATA = {
    "newest": View(OBSERVATION, None, None),
    "sent": OBSERVATION,
    "until": Verdict(Role.UNKNOWN, "nothing was seen", 3.0),
    "ids": OBSERVATION.roster,
    "joined": RosterChange((), (), reordered=False),
    "hold_down": Timing.derive(),
    "instance_id": Identity("i-1", "shop-prod", "eu-west-1"),
}


@pytest.mark.parametrize(("name", "data"), DATA.items(), ids=DATA)
def test_it_cannot_be_changed(name, data):
    """A view or a verdict that somebody holds stays what it was; a new one is made instead."""
    with pytest.raises(FrozenInstanceError):
        setattr(data, name, getattr(data, name))
