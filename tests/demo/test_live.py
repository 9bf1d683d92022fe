"""The live view as a user has it: a real command in a real pseudo-terminal."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from contextlib import contextmanager, suppress

import pytest

from leaderd.demo import live
from leaderd.demo.terminal import ENTER, LEAVE, opened, usable
from tests.daemons import clean_environ
from tests.demo.shows import PATIENCE, small_stage


class Window:
    """A pseudo-terminal, and a command that runs in it."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.text = ""
        self.process = None
        self._news = asyncio.Event()
        self.resize(120, 40)
        self.before = termios.tcgetattr(self.slave)
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def _read(self):
        with suppress(OSError):
            self.text += os.read(self.master, 65_536).decode()
        self._news.set()

    def resize(self, columns, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def run(self, *options):
        words = [sys.executable, "-m", "leaderd", "demo", "--port", "0", *options]
        tty = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave}
        environ = clean_environ({"TERM": "xterm"})
        self.process = await asyncio.create_subprocess_exec(*words, env=environ, start_new_session=True, **tty)

    async def shows(self, pattern):
        """Wait until something is shown that was not there when this was called last; all before it is forgotten."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not (found := re.search(pattern, self.text)):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {pattern!r} in:\n{self.text[-5000:]}") from None
        self.text = self.text[found.end() :]

    def press(self, key):
        os.write(self.master, key.encode())

    async def close(self):
        asyncio.get_running_loop().remove_reader(self.master)
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
async def window():
    window = Window()
    yield window
    await window.close()


async def test_keys(window):
    """Every key does what it says, and in the end there is the table, and the terminal is as it was."""
    await window.run("--instances", "2")
    await window.shows("shop-prod, 2 instances")
    for key, news in (
        ("t", "nobody leads at the moment, so nobody is terminated"),
        ("k", "nobody leads at the moment, so no daemon is killed"),
        ("h", "EB answers everybody"),
        ("s", "EB is out of reach"),
        ("B", "EB answers again"),
        ("a", "launched i-0257e"),
    ):
        window.press(key)
        await window.shows(news)
    window.resize(60, 30)
    window.press("\x1b[A\x1b")
    window.press("x")
    await window.shows("32m  leader")
    window.press("k")
    await window.shows("kill -9 [0-9]+, the daemon on i-02257")
    await window.shows("32m  leader")
    window.press("t")
    await window.shows("terminating i-02257")
    window.press("q")
    await window.shows(re.escape(LEAVE) + r"\s+/leader\s+claims\s+ticks that ran on")
    await window.shows("None of [0-9]+ ticks ran on two instances")
    assert await window.process.wait() == 0
    assert termios.tcgetattr(window.slave) == window.before


async def test_hanging_up(window):
    """A terminal that ends its input quits, as q does; so does Ctrl-D."""
    await window.run("--instances", "1")
    await window.shows("quit")
    window.press("\x04")
    await window.shows(re.escape(LEAVE))
    assert await window.process.wait() == 0


@contextmanager
def pipe():
    ends = os.pipe()
    with os.fdopen(ends[0]) as reader, os.fdopen(ends[1]):
        yield reader


@contextmanager
def files(window):
    with os.fdopen(os.dup(window.slave), "r") as keyboard, os.fdopen(os.dup(window.slave), "w") as screen:
        yield keyboard, screen


async def test_terminal_is_given_back(window):
    """Whatever happens, the terminal is given back as it was."""

    class DefectError(Exception):
        pass

    def show(keyboard, screen):
        with opened(keyboard, screen) as terminal:
            assert terminal.size() == (120, 40)
            assert termios.tcgetattr(window.slave) != window.before
            raise DefectError

    with files(window) as (keyboard, screen):
        with pytest.raises(DefectError):
            show(keyboard, screen)
        assert termios.tcgetattr(window.slave) == window.before
    await window.shows(re.escape(ENTER) + ".*" + re.escape(LEAVE))


async def test_usable(window, monkeypatch):
    """The live view needs a terminal on both sides, and one that knows more than lines."""
    with files(window) as (keyboard, screen), pipe() as nothing:
        monkeypatch.setenv("TERM", "xterm")
        assert usable(keyboard, screen)
        assert not usable(nothing, screen)
        assert not usable(keyboard, nothing)
        monkeypatch.setenv("TERM", "dumb")
        assert not usable(keyboard, screen)


async def test_most_instances(window, monkeypatch):
    """There is an end to adding instances, and to ports."""
    monkeypatch.setattr(live, "MOST", 1)
    with files(window) as (keyboard, screen):
        async with small_stage(0) as (stage, _):
            with opened(keyboard, screen) as terminal:
                showing = asyncio.create_task(live.Live(stage, terminal, live.News()).run())
                monkeypatch.setattr(stage.fleet._ports, "_left", iter(()))
                window.press("a")
                await window.shows("there is no port left")
                monkeypatch.undo()
                monkeypatch.setattr(live, "MOST", 0)
                window.press("a")
                await window.shows("0 instances are enough")
                window.press("q")
                await showing
