"""The HTTP answers of the claims. Handlers only translate.

As with `/leader`, 409 is a definite no, which `curl --retry` does not repeat, and 503 says to ask again.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import hdrs, web

from leaderd.aws.document import key_of, plain, rfc3339
from leaderd.core.claim import JOB, KEY, LONGEST_EVERY, Act, Claim, FullError, Key, Ours, Outcome
from leaderd.daemon.claims import Claimer
from leaderd.daemon.http import INDENTED, BadParameterError, answer, failure, parameters, wants_text
from leaderd.errors import SourceError

EVERY = 60
"""Seconds between two ticks where a request does not say: as often as cron can."""
RETRY_AFTER = 2
"""Seconds after which it is worth to ask again when the store could not say."""
ASKER = "Idempotency-Key"
"""Tells askers on one instance apart: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/"""
ASKER_FORM = re.compile(r"[\x21-\x7e]{1,64}")
LONGEST_JOB = 366 * 86_400.0
"""Seconds that a job may have taken at the most."""


class ClaimsApi:
    """The handlers.

    Args:
        claimer: claims.
    """

    def __init__(self, claimer: Claimer) -> None:
        self._claimer = claimer

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add what is served here."""
        router.add_post("/claims/{job}", self._claim)
        router.add_get("/claims/{job}", self._show)
        router.add_put("/claims/{job}/{token}", self._finish)

    async def _claim(self, request: web.Request) -> web.Response:
        job = _job(request)
        act = _act(request, self._claimer)
        said: dict[str, Any] = {"job": job, "key": key_of(act)}
        try:
            decision = await self._claimer.claim(job, act, _asker(request))
        except SourceError as error:
            body = said | {"claimed": False, "reason": error.message, "hint": error.hint}
            return _answer(request, 503, body, {hdrs.RETRY_AFTER: str(RETRY_AFTER)})
        except FullError as error:
            raise BadParameterError(error.message, error.hint) from error
        if isinstance(decision, Ours):
            return _answer(request, 200, said | {"claimed": True} | _shown(decision.claim))
        return _answer(request, 409, said | {"claimed": False} | _shown(decision.claim) | {"reason": decision.reason})

    async def _show(self, request: web.Request) -> web.Response:
        parameters(request, {})
        job = _job(request)
        try:
            record = await self._claimer.record(job)
        except SourceError as error:
            return failure(503, error.message, error.hint, {hdrs.RETRY_AFTER: str(RETRY_AFTER)})
        if not record.claims:
            return failure(404, f"{job} has not been claimed yet", f"claim it: POST /claims/{job}")
        return answer(200, {"job": job} | plain(record), form=INDENTED)

    async def _finish(self, request: web.Request) -> web.Response:
        parameters(request, {})
        job, token = _job(request), _token(request)
        outcome = _outcome(await request.read())
        try:
            known = await self._claimer.finish(job, token, outcome)
        except SourceError as error:
            return failure(503, error.message, error.hint, {hdrs.RETRY_AFTER: str(RETRY_AFTER)})
        if not known:
            return failure(404, f"this instance has no claim {token} of {job}", f"GET /claims/{job} shows what is kept")
        return answer(200, {"job": job, "token": token, "recorded": True})


def _job(request: web.Request) -> str:
    job = request.match_info["job"]
    if JOB.fullmatch(job) is None:
        hint = "use up to 64 letters, digits, dots, dashes and underscores, the first a letter or a digit"
        raise BadParameterError(f"{job[:40]!r} is no name of a job", hint)
    return job


def _act(request: web.Request, claimer: Claimer) -> Act:
    wanted = parameters(request, {"every": _every, "key": _key})
    if len(wanted) == 2:
        raise BadParameterError(
            "every and key are both given", "use every for a job that recurs, key for one that does not"
        )
    return wanted.get("key") or claimer.tick(wanted.get("every", EVERY))


def _every(text: str) -> int:
    every = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    if not 1 <= every <= LONGEST_EVERY:
        raise ValueError(f"use whole seconds, from 1 to {LONGEST_EVERY}, such as 60")
    return every


def _key(text: str) -> Key:
    if KEY.fullmatch(text) is None:
        raise ValueError("use up to 128 letters, digits and . _ : / @ + -")
    return Key(text)


def _asker(request: web.Request) -> str | None:
    asker = request.headers.get(ASKER)
    if asker is not None and ASKER_FORM.fullmatch(asker) is None:
        raise BadParameterError(f"the {ASKER} is of no use", "use up to 64 printable ASCII characters, without spaces")
    return asker


def _token(request: web.Request) -> int:
    text = request.match_info["token"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadParameterError(f"{text[:40]!r} is no token", "use the token of the claim, a number")
    return int(text)


def _outcome(text: bytes) -> Outcome:
    try:
        content = json.loads(text)
        exit_code, duration = content["exit_code"], content["duration"]
    except (ValueError, LookupError, TypeError, RecursionError):
        exit_code, duration = None, None
    numbers = type(exit_code) is int and type(duration) in {int, float}
    if not (numbers and 0 <= exit_code <= 255 and 0 <= duration <= LONGEST_JOB):
        hint = 'send JSON such as {"exit_code": 0, "duration": 1.5}: 0 to 255, and seconds'
        raise BadParameterError("the body is no outcome of a job", hint)
    return Outcome(exit_code, round(float(duration), 3))


def _shown(claim: Claim | None) -> dict[str, Any]:
    if claim is None:
        return {"holder": None}
    return {"holder": claim.holder.instance_id, "time": rfc3339(claim.at), "token": claim.token}


def _answer(
    request: web.Request, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None
) -> web.Response:
    if wants_text(request):
        word = {200: "claimed", 409: "taken"}.get(status, "unknown")
        return web.Response(status=status, text=f"{word}\n", headers=headers)
    return answer(status, body, headers)
