"""Runs one command, and prints what it cost as JSON. Started as a script by a bare Python, it is small.

That matters: Linux counts what was resident before exec into a process' peak, so a large parent hides a small child.
"""

import os
import sys
import time


def main(words: list[str]) -> None:
    """Fork, exec, wait, print."""
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_RDWR)
        os.dup2(quiet, 1)
        os.execvp(words[0], words)  # noqa: S606  its cost is the question
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    sys.stdout.write(f'{{"code": {code}, "wall": {wall:.6f}, "cpu": {cpu:.6f}, "peak": {usage.ru_maxrss * 1024}}}\n')


if __name__ == "__main__":
    main(sys.argv[1:])
