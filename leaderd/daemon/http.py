"""What the handlers have in common: reading a query, and answering as JSON."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import hdrs, web

COMPACT = json.JSONEncoder(separators=(",", ":"))
INDENTED = json.JSONEncoder(indent=2)


class BadParameterError(Exception):
    """A part of a request is unknown, doubled or of no use."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def parameters(request: web.Request, known: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """Parse the query. One that is misspelt must not be ignored: the question would not be the one that was meant.

    Raises:
        BadParameterError: a parameter is unknown, or given twice, or its parser raises a ValueError.
    """
    found: dict[str, Any] = {}
    for name, text in request.query.items():
        if name not in known:
            wanted = f"use {' or '.join(known)}" if known else "leave it out"
            raise BadParameterError(f"{name!r} is no parameter of {request.path}", wanted)
        if name in found:
            raise BadParameterError(f"{name} is given twice", "give it once")
        try:
            found[name] = known[name](text)
        except ValueError as error:
            raise BadParameterError(f"{name}={text[:40]!r} is of no use", str(error)) from error
    return found


def wants_text(request: web.Request) -> bool:
    """Whether one word is preferred to JSON."""
    accept = request.headers.get(hdrs.ACCEPT, "")
    return "text/plain" in accept and "application/json" not in accept


def failure(status: int, error: str, hint: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error: what happened, and what to do."""
    return answer(status, {"error": error, "hint": hint}, headers)


def answer(
    status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, form: json.JSONEncoder = COMPACT
) -> web.Response:
    """An answer as JSON, with a line end, as people ask as well."""
    text = form.encode(body) + "\n"
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
