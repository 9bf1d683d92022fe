"""Each defect of defects.toml is noticed by the evidence that it names."""

import tempfile
from pathlib import Path

import pytest

from tests.defects.bench import Bench, Defect, load_defects

DEFECTS = load_defects()
TESTED = [defect for defect in DEFECTS if defect.test]
SIMULATED = [defect for defect in DEFECTS if defect.seeds]


@pytest.fixture(scope="module")
def bench():
    with tempfile.TemporaryDirectory(prefix="leaderd-defect-") as directory:
        yield Bench(Path(directory))


@pytest.mark.parametrize("defect", TESTED, ids=lambda defect: defect.name)
def test_a_test_notices(bench, defect):
    """The named tests fail with the defect; not because something cannot be imported or set up."""
    with bench.spoiled(defect):
        outcome = bench.test(defect.test)
    assert (outcome.code, outcome.errors) == (1, 0), outcome.output
    assert outcome.failures >= 1, outcome.output


@pytest.mark.parametrize("defect", SIMULATED, ids=lambda defect: defect.name)
def test_a_simulated_world_notices(bench, defect):
    """Among so many worlds at least one goes wrong with the defect, and in the way that is expected of it."""
    with bench.spoiled(defect):
        outcome = bench.simulate(defect.seeds, claims=defect.claims)
    assert outcome.code == 1, outcome.output
    assert outcome.failures >= 1, outcome.output
    assert defect.says in outcome.output


def test_the_tests_pass_without_a_defect(bench):
    """The same tests, on an unchanged copy: a bench on which everything fails would prove nothing."""
    outcome = bench.test(*sorted({defect.test for defect in TESTED}))
    assert outcome.code == 0, outcome.output


@pytest.mark.parametrize("claims", [False, True], ids=["leaders", "claims"])
def test_the_worlds_pass_without_a_defect(bench, claims):
    """The same worlds, on an unchanged copy."""
    outcome = bench.simulate(max(defect.seeds for defect in SIMULATED if defect.claims == claims), claims=claims)
    assert (outcome.code, outcome.failures) == (0, 0), outcome.output


def test_a_broken_import_is_no_evidence(bench):
    """A change after which nothing can be imported at all is not taken for one that was noticed."""
    with bench.spoiled(Defect("broken", "no Python", "core/election.py", "if leaving:", "if leaving")):
        tested, simulated = bench.test("tests/core/test_election.py"), bench.simulate(1)
    assert (tested.code, tested.failures, tested.errors) == (2, 0, 1), tested.output
    assert (simulated.code, simulated.failures) == (1, 0), simulated.output


@pytest.mark.parametrize("module", ["leaderd", "leaderd.core.election", "tests.simulation.run"])
def test_the_copy_is_what_is_tried(bench, module):
    """What the bench imports is its own, not what is installed or stands around."""
    (bench.directory / "where.py").write_text(f"import {module} as module; print(module.__file__)")
    found = Path(bench.run("where").output.strip())
    assert found.is_relative_to(bench.directory)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_is_one_line_and_has_evidence(defect):
    """The list stays readable: a change within one line, a sentence, and something that must notice it."""
    assert "\n" not in defect.old + defect.new
    assert defect.old != defect.new
    assert defect.what
    assert defect.test or defect.seeds
    assert bool(defect.seeds) == bool(defect.says)


def test_there_are_many():
    """The simulator has its share of them to find."""
    assert len(DEFECTS) >= 18
    assert len([defect for defect in SIMULATED if not defect.claims]) >= 6
    assert len([defect for defect in SIMULATED if defect.claims]) >= 6
