"""A witness beside a daemon: asks it twenty times a second, and writes down every yes, from when to when it was asked.

witness.py FILE
"""

import http.client
import sys
import threading
import time
from pathlib import Path

PAUSE = 0.05  # seconds
PATIENCE = 1  # seconds


def _leads() -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", 5323, timeout=PATIENCE)
    try:
        connection.request("HEAD", "/leader")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _watch(path: Path) -> None:
    never = threading.Event()
    with path.open("a", buffering=1) as book:
        while True:
            asked = time.clock_gettime(time.CLOCK_BOOTTIME)
            yes = _leads()
            book.write(f"{asked:.3f} {time.clock_gettime(time.CLOCK_BOOTTIME):.3f} {yes:d}\n")
            never.wait(PAUSE)


if __name__ == "__main__":
    _watch(Path(sys.argv[1]))
