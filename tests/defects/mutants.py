"""Makes all mutants of leaderd/core with mutmut, in a copy, and tries tests/core on each."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SETTINGS = """
[tool.pytest.ini_options]
addopts = "--strict-markers -q"
filterwarnings = ["error"]

[tool.mutmut]
source_paths = ["leaderd"]
only_mutate = ["leaderd/core/*"]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
pytest_add_cli_args_test_selection = ["tests/core"]
use_setproctitle = false
"""
CONFTEST = """
from hypothesis import settings

settings.register_profile("mutants", derandomize=True, database=None)
settings.load_profile("mutants")
"""
"""The same examples for each mutant, every time."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed line of a file."""

    file: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}\n  - {self.old}\n  + {self.new}"


def prepare(directory: Path) -> None:
    """Copy what is mutated and what is run, and nothing that would need more than pytest and hypothesis."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "leaderd", directory / "leaderd", ignore=ignored)
    shutil.copytree(ROOT / "tests" / "core", directory / "tests" / "core", ignore=ignored)
    (directory / "tests" / "__init__.py").touch()
    (directory / "tests" / "conftest.py").write_text(CONFTEST)
    (directory / "pyproject.toml").write_text(SETTINGS)


def mutmut(directory: Path, *arguments: str) -> str:
    """Run mutmut. Whatever it says goes to the caller."""
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=directory,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},  # the rules need none of them
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"mutmut {arguments[0]} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def survivors(directory: Path) -> Iterator[Mutant]:
    """Every mutant that the tests did not fail on: one that was not tried, or ran out of time, is one too."""
    for name, status in re.findall(r"^\s*(\S+__mutmut_\d+): (.+)$", mutmut(directory, "results"), re.MULTILINE):
        diff = mutmut(directory, "show", name).splitlines()
        file = next(line.removeprefix("--- ").split("\t")[0] for line in diff if line.startswith("--- "))
        old = [line[1:].strip() for line in diff if re.match(r"-(?!--)", line)]
        new = [line[1:].strip() for line in diff if re.match(r"\+(?!\+\+)", line)]
        note = "" if status == "survived" else f"   ({status})"
        yield Mutant(file, " ".join(old), " ".join(new) + note)


def explained() -> dict[Mutant, str]:
    """The mutants that are known to survive, and why each cannot be killed."""
    content = tomllib.loads(Path(__file__).with_name("survivors.toml").read_text())
    return {Mutant(each["file"], each["old"], each["new"]): each["reason"] for each in content.get("survivor", [])}


def verdict(counts: dict[str, int], found: set[Mutant], known: set[Mutant]) -> int:
    """Say how it went, and what to do."""
    total = counts["total"]
    print(f"{total} mutants, {counts['killed']} killed, {len(found)} survived, {len(found & known)} of them explained")
    for mutant in sorted(found - known, key=str):
        print(f"survived, and nobody says why: {mutant}")
    for mutant in sorted(known - found, key=str):
        print(f"explained in survivors.toml, but it does not survive: {mutant}")
    if not total or total != counts["killed"] + len(found):
        print(f"the numbers do not add up: {counts}")
        return 1
    return int(found != known)


def main() -> None:
    """Make the mutants, try them, and compare the survivors with those that are explained."""
    parser = argparse.ArgumentParser(prog="python -m tests.defects.mutants", description="Try all mutants of the core.")
    parser.add_argument("--workers", type=int, default=2, help="processes [2]")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leaderd-mutants-") as name:
        directory = Path(name)
        prepare(directory)
        mutmut(directory, "run", "--max-children", str(arguments.workers))
        mutmut(directory, "export-cicd-stats")
        counts = json.loads((directory / "mutants" / "mutmut-cicd-stats.json").read_text())
        found = set(survivors(directory))
    sys.exit(verdict(counts, found, set(explained())))


if __name__ == "__main__":
    main()
