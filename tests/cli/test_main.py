import sys

import pytest
from click.testing import CliRunner

from leaderd import __version__
from leaderd.cli.main import main
from tests.daemons import clean_environ, leaderd, run


def test_help_lists_the_commands():
    """The help says what leaderd is for, and lists the commands with a line each."""
    result = CliRunner().invoke(main, ["-h"])
    assert result.exit_code == 0
    assert "exactly one instance" in result.output
    for command in ("serve", "check", "demo"):
        assert f"\n  {command} " in result.output


def test_unknown_command():
    """A command that does not exist is exit 2."""
    assert CliRunner().invoke(main, ["serv"]).exit_code == 2


async def test_module():
    """`python -m leaderd` is `leaderd`."""
    code, out, err = await run(sys.executable, "-m", "leaderd", "--version", environ=clean_environ())
    assert (code, out, err) == (0, f"leaderd {__version__}\n", "")


@pytest.mark.parametrize("command", ["serve", "check"])
async def test_every_command_has_help(command):
    """Every command explains itself on standard output."""
    code, out, err = await leaderd(command, {"help": None})
    assert (code, err) == (0, "")
    assert "--unix-socket" in out
