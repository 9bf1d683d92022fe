"""Spreads the long tests among the others, so that the workers of pytest-xdist do not get them all in one batch."""

from pathlib import Path

LONG = Path(__file__).with_name("test_chaos.py")


def pytest_collection_modifyitems(items):
    ours = [item for item in items if item.path == LONG]
    others = [item for item in items if item not in ours]
    for place, item in enumerate(ours):
        others.insert(place * (len(others) + 1) // len(ours), item)
    items[:] = others
