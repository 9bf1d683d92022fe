"""The shell scripts, as shellcheck judges them."""

import subprocess

import pytest

from tests.e2e.hosts import TOP

SCRIPTS = sorted(
    path.relative_to(TOP).as_posix()
    for folder in ("beanstalk", "systemd", "tests", "benchmarks", ".ci")
    for path in (TOP / folder).rglob("*")
    if path.is_file() and path.suffix != ".py" and path.read_bytes().startswith((b"#!/bin/bash", b"#!/bin/sh"))
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_sound(script):
    """Shellcheck has nothing to say of a script."""
    done = subprocess.run(["shellcheck", TOP / script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_hooks_can_be_executed():
    """Elastic Beanstalk runs a hook only if it is executable."""
    hooks = [TOP / script for script in SCRIPTS if "hooks/" in script]
    assert len(hooks) == 2
    assert all(hook.stat().st_mode & 0o111 == 0o111 for hook in hooks)
