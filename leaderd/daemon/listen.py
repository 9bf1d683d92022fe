"""Where the daemon listens: a TCP port, and a Unix socket where one is set."""

import errno
import logging
import os
import socket
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from leaderd.config import Settings
from leaderd.errors import CannotStartError
from leaderd.log import logger

LAST_WORDS = 0.5
"""Seconds that open requests have to end when the daemon does."""
HTTP_LOG = "aiohttp.server"
OF_THE_PORT = {errno.EADDRINUSE, errno.EACCES}
"""What another port would mend; all else is the fault of the host."""
BACKLOG = 1024
"""Connections that may wait to be accepted: cron starts everything at once."""


async def listen(app: web.Application, settings: Settings, open_: AsyncExitStack) -> None:
    """Serve an application until `open_` closes.

    Raises:
        CannotStartError: an address is taken, not ours, or not allowed.
    """
    logging.getLogger(HTTP_LOG).addFilter(_is_our_trouble)
    # A claim that waits for its turn ends with who asked for it: nobody would run the job.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=LAST_WORDS, handler_cancellation=True)
    await runner.setup()
    open_.push_async_callback(runner.cleanup)
    where = _shown(settings.host, settings.port)
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG).start()
    except UnicodeError as error:
        raise CannotStartError(
            f"cannot listen on {where}: no host has such a name", hint="choose another --host"
        ) from error
    except OSError as error:
        raise _cannot_listen(where, error, "--port" if error.errno in OF_THE_PORT else "--host") from error
    if settings.unix_socket is not None:
        await _listen_unix(runner, settings.unix_socket, open_)
    for address in runner.addresses:
        logger().info("daemon.listening", address=address if isinstance(address, str) else _shown(*address[:2]))


def _is_our_trouble(record: logging.LogRecord) -> bool:
    """Leave out requests that are no HTTP. They are answered with 400; a port scan must not fill the log."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _listen_unix(runner: web.AppRunner, path: Path, open_: AsyncExitStack) -> None:
    """Listen on a Unix socket that every local user may ask, as with the TCP port."""
    if path.exists() and not path.is_socket():  # noqa: ASYNC240  a file of a local tmpfs
        message = f"cannot listen on {path}: something that is no socket is there"
        raise CannotStartError(message, hint="remove it, or choose another --unix-socket")
    if _answers(path):
        raise _cannot_listen(str(path), OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE)), "--unix-socket")
    try:
        await web.UnixSite(runner, path, backlog=BACKLOG).start()
        open_.callback(_remove, path)
        path.chmod(0o666)  # noqa: ASYNC240  a file of a local tmpfs
    except OSError as error:
        raise _cannot_listen(str(path), error, "--unix-socket") from error


def _answers(path: Path) -> bool:
    """Whether somebody listens at a path. A socket that was left behind is silent, and is replaced."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
    return True


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _cannot_listen(where: str, error: OSError, option: str) -> CannotStartError:
    # asyncio wraps the reason in a sentence of its own: the number says it plainly, if it is the system's.
    plain = bool(error.errno) and not isinstance(error, socket.gaierror)
    reason = os.strerror(error.errno or 0) if plain else error.strerror or str(error)
    hint = f"is leaderd running already? Stop it, or choose another {option}" if error.errno == errno.EADDRINUSE else ""
    return CannotStartError(f"cannot listen on {where}: {reason}", hint=hint or f"choose another {option}")
