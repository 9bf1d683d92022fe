import click
import pytest
from click.testing import CliRunner

from leaderd.cli.options import EXIT_BAD, fail, options, settings_or_exit
from leaderd.config import OPTIONS
from leaderd.errors import CannotStartError


@click.command()
@options()
def everything(**flags):
    click.echo(repr(settings_or_exit(flags)))


@click.command()
@options("port", "host")
def little(**flags):
    click.echo(sorted(flags))


def call(*words, environ=None, command=everything):
    return CliRunner().invoke(command, words, env={"RUNTIME_DIRECTORY": None} | (environ or {}))


def test_every_setting_is_an_option():
    """Every setting can be given on the command line, and its help says its default."""
    text = call("--help").output
    for option in OPTIONS:
        assert f"--{option.name}" in text
    assert "[5323]" in text


def test_some_options():
    """A command can have just the options that it needs."""
    assert call(command=little).output == "['host', 'port']\n"
    assert call("--order", "id", command=little).exit_code == EXIT_BAD


@pytest.mark.parametrize(("words", "environ"), [(["--port", "7"], {"LEADERD_PORT": "8"}), ([], {"LEADERD_PORT": "7"})])
def test_flag_and_variable(words, environ):
    """A flag wins over its variable."""
    assert "port=7," in call(*words, environ=environ).output


def test_flags_without_value():
    """A yes-or-no option needs no value."""
    assert "unsafe=True" in call("--unsafe").output
    assert "unsafe=False" in call().output


def test_all_problems_on_standard_error():
    """All problems are told at once, a line each, on standard error, with exit 2."""
    result = call("--port", "x", "--host", "0.0.0.0", environ={"LEADERD_PROT": "1"})
    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("leaderd: ") for line in lines)


def test_fail(capsys):
    """An error that keeps a command from its work is one line, and exit 2."""
    with pytest.raises(SystemExit) as caught:
        fail(CannotStartError("no room", hint="make some"))
    assert caught.value.code == 2
    assert capsys.readouterr().err == "leaderd: no room (make some)\n"
