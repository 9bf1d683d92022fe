"""docs/operations.md keeps up with the code."""

import re
from pathlib import Path

TOP = Path(__file__).parents[2]
OPERATIONS = (TOP / "docs" / "operations.md").read_text()


def test_every_event_of_the_log_is_explained():
    """The table of events has each event that the daemon logs, and none that it does not."""
    code = "".join(path.read_text() for path in (TOP / "leaderd").rglob("*.py") if "demo" not in path.parts)
    logged = set(re.findall(r'(?:\.(?:info|warning|error)|say)\(\s*"([a-z]+\.[a-z_]+)"', code))
    table = OPERATIONS.partition("## What the log says")[2]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall("`([a-z._]+)`", " ".join(cells))) == logged


def test_every_kind_of_failure_has_its_mend():
    """The table of failures has each kind of SourceError that the daemon raises."""
    code = "".join(path.read_text() for path in (TOP / "leaderd").rglob("*.py") if "demo" not in path.parts)
    kinds = set(re.findall(r'SourceError\(\s*"([a-z_]+)"|super\(\).__init__\("([a-z_]+)", message', code))
    for kind in filter(None, (name for pair in kinds for name in pair)):
        assert f"`{kind}`" in OPERATIONS, kind


def test_every_alert_leads_to_a_chapter():
    """Each alert is in the table, and its runbook is a heading that exists."""
    rules = (TOP / "docs" / "alerts.yml").read_text()
    headings = {
        line.lstrip("# ").lower().replace(" ", "-") for line in OPERATIONS.splitlines() if line.startswith("### ")
    }
    for alert in re.findall("alert: (\\w+)", rules):
        assert f"`{alert}`" in OPERATIONS
    assert set(re.findall("operations.md#([a-z-]+)", rules)) <= headings
