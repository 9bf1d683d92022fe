"""The settings as command line options, made from the one table in leaderd.config."""

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from leaderd.config import OPTIONS, Option, Settings, load
from leaderd.errors import ConfigError, LeaderdError

EXIT_BAD = 2
"""Exit code of everything that keeps a command from doing its work."""


def options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the options of these names, or all of them. Values reach it as text, unparsed."""
    chosen = [option for option in OPTIONS if not names or option.name in names]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(chosen):
            command = _click_option(option)(command)
        return command

    return decorate


def _click_option(option: Option) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    shown = f" [{option.default}]" if option.default and not option.is_flag else ""
    text = f"{option.help}{shown}"
    if option.is_flag:
        return click.option(f"--{option.name}", is_flag=True, flag_value="1", default=None, type=str, help=text)
    return click.option(f"--{option.name}", default=None, type=str, metavar="VALUE", help=text)


def settings_or_exit(flags: dict[str, str | None]) -> Settings:
    """The settings from flags and the environment; ends the command with all problems where there are any."""
    try:
        return load({name.replace("_", "-"): value for name, value in flags.items()}, os.environ)
    except ConfigError as error:
        for problem in error.problems:
            click.echo(f"leaderd: {problem}", err=True)
        sys.exit(EXIT_BAD)


def fail(error: LeaderdError) -> NoReturn:
    """End the command with one clear line."""
    click.echo(f"leaderd: {error}", err=True)
    sys.exit(EXIT_BAD)
