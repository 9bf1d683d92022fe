"""The bench: a copy of the package and its tests in which a line is changed, and the evidence tried."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 50  # seconds; nothing is measured by it
OPTIONS = ("-p", "no:cacheprovider", "-x", "-n", "0", "--tb=line")
CONFTEST = """
import asyncio
import pytest
from hypothesis import Phase, settings

settings.register_profile("bench", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
settings.load_profile("bench")

@pytest.fixture(scope="session", autouse=True)
def _no_implicit_loop():
    asyncio.set_event_loop(None)
"""
"""All that the tests on the bench need of tests/conftest.py; the rest of it takes a while to import.

The examples are the same every time, and one that fails is not made smaller: that it fails is all that is asked."""
OURS = ("PYTEST_", "COV_CORE_", "COVERAGE_")
"""Beginnings of variables by which the tests that run now would reach into those on the bench."""


@dataclass(frozen=True, slots=True)
class Defect:
    """A change of one line, and what must notice it."""

    name: str
    what: str
    file: str
    old: str
    new: str
    test: str | None = None
    seeds: int | None = None
    says: str | None = None
    claims: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command on the bench ended."""

    code: int
    output: str

    @property
    def failures(self) -> int:
        """How many tests failed by pytest's last line, or how many worlds by the simulator's."""
        found = re.findall(r"^(?:.* )?(\d+) failed\b", self.output, re.MULTILINE)
        return int(found[-1]) if found else 0

    @property
    def errors(self) -> int:
        """How many tests could not even be run, by pytest's last line."""
        found = re.findall(r"\b(\d+) errors?\b", self.output.rstrip().rpartition("\n")[2])
        return int(found[-1]) if found else 0


class Bench:
    """A directory with a copy of leaderd/ and tests/."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self._environ["PYTHONPATH"] = str(directory)
        for part in ("leaderd", "tests"):
            shutil.copytree(ROOT / part, directory / part, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", directory)
        (directory / "tests" / "conftest.py").write_text(CONFTEST)
        self.run("pytest", *OPTIONS, "--collect-only", "tests/core", "tests/simulation")  # leaves compiled modules
        self._environ["PYTHONDONTWRITEBYTECODE"] = "1"

    @contextmanager
    def spoiled(self, defect: Defect) -> Iterator[None]:
        """Put the defect in, and take it out again."""
        file = self.directory / "leaderd" / defect.file
        text = file.read_text()
        assert text.count(defect.old) == 1, f"{defect.name}: `{defect.old}` is {text.count(defect.old)} times in {file}"
        shutil.rmtree(file.parent / "__pycache__", ignore_errors=True)  # compiled from another text
        try:
            file.write_text(text.replace(defect.old, defect.new))
            yield
        finally:
            file.write_text(text)

    def run(self, *arguments: str) -> Outcome:
        """Run a module of the copy with Python."""
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.directory,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Outcome(done.returncode, done.stdout)

    def test(self, *selections: str) -> Outcome:
        """Run tests of the copy."""
        return self.run("pytest", *OPTIONS, *selections)

    def simulate(self, seeds: int, *, claims: bool = False) -> Outcome:
        """Run simulated worlds with the copy: of leaders, or of claims."""
        return self.run("tests.simulation", *["--claims"] * claims, "--seeds", str(seeds), "--workers", "1")


def load_defects() -> list[Defect]:
    """All defects, as the file lists them."""
    content = tomllib.loads(Path(__file__).with_name("defects.toml").read_text())
    return [Defect(name=name, **fields) for name, fields in content.items()]
