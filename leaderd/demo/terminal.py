"""The terminal: keys without Return, a screen to draw on, and all as it was afterwards."""

import asyncio
import os
import termios
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""The other screen, no cursor, no wrapping: xterm's control sequences, which all terminals of today know."""
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
HOME, END_OF_LINE, END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
ESCAPE, END_OF_INPUT = "\x1b", "\x04"
QUIT = "q"
CONTROL_CHARACTERS = 6
"""Where tcgetattr(3) has them."""


def usable(keyboard: TextIO, screen: TextIO) -> bool:
    """Whether these two are a terminal that can show the live view."""
    return keyboard.isatty() and screen.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class Terminal:
    """Reads keys and draws. Made by `opened`.

    Attributes:
        keys: the keys that were pressed, in lower case; `q` as well when the terminal is gone.
    """

    def __init__(self, keyboard: TextIO, screen: TextIO) -> None:
        self.keys: asyncio.Queue[str] = asyncio.Queue()
        self._keyboard = keyboard.fileno()
        self._screen = screen

    def size(self) -> tuple[int, int]:
        """Columns and rows; 80 and 24 where the terminal does not say."""
        size = os.get_terminal_size(self._screen.fileno())
        return size.columns or 80, size.lines or 24

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines in place of what was there."""
        body = f"{END_OF_LINE}\r\n".join(lines)
        self._screen.write(f"{HOME}{body}{END_OF_LINE}{END_OF_SCREEN}")
        self._screen.flush()

    def read(self) -> None:
        """Take in what was typed. Escape sequences, such as those of arrow keys, are no keys of ours."""
        try:
            typed = os.read(self._keyboard, 64).decode(errors="replace")
        except OSError:
            typed = ""
        if typed.startswith(ESCAPE):
            return
        for key in typed.lower() or QUIT:
            self.keys.put_nowait(QUIT if key == END_OF_INPUT else key)


@contextmanager
def opened(keyboard: TextIO, screen: TextIO) -> Iterator[Terminal]:
    """Take over the terminal, and give it back as it was, whatever happens."""
    terminal, number = Terminal(keyboard, screen), keyboard.fileno()
    before = termios.tcgetattr(number)
    loop = asyncio.get_running_loop()
    try:
        tty.setcbreak(number)
        _disable_suspending(number)
        loop.add_reader(number, terminal.read)
        screen.write(ENTER)
        yield terminal
    finally:
        loop.remove_reader(number)
        termios.tcsetattr(number, termios.TCSADRAIN, before)
        screen.write(LEAVE)
        screen.flush()


def _disable_suspending(number: int) -> None:
    """Make Ctrl-Z do nothing: it would leave a shell with a screen that is not its own."""
    attributes = termios.tcgetattr(number)
    attributes[CONTROL_CHARACTERS][termios.VSUSP] = b"\0"
    termios.tcsetattr(number, termios.TCSADRAIN, attributes)
