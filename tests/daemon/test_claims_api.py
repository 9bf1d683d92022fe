import pytest
from aiohttp.test_utils import TestClient, TestServer

from leaderd.aws.document import encode
from leaderd.core.claim import Claim, Claimant, JobRecord, Key
from leaderd.errors import SourceError
from tests.claims.claimers import make_claimer
from tests.fakes import ME, OTHER, MemoryStore, Shelf

START = 1_764_000_000
TICK = "2025-11-24T16:00:00Z"
DENIED = SourceError("denied", "S3 answered AccessDenied", hint="`leaderd policy` prints the permissions")


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def store(shelf):
    return MemoryStore(shelf)


@pytest.fixture
def wall():
    return [START + 0.25]


@pytest.fixture
def ask(application, shelf, store, wall):
    """Ask an instance once; the status, the body and the headers."""

    async def make_store():
        return store

    async def make_other():
        return MemoryStore(shelf)

    async def ask(method, path, *, of=ME, **how):
        claimer = await make_claimer(make_store if of == ME else make_other, of, wall)
        async with (
            TestClient(TestServer(application(claimer=claimer))) as client,
            client.request(method, path, **how) as response,
        ):
            body = await response.json() if response.content_type == "application/json" else await response.text()
            return response.status, body, response.headers

    return ask


async def claim(ask, path="/claims/invoices", **how):
    status, body, _ = await ask("POST", path, **how)
    return status, body


async def test_a_tick(ask):
    """200 for the one who has it, as often as it asks; 409 for another, with who has it."""
    expected = {"job": "invoices", "key": TICK, "claimed": True, "holder": ME, "time": "2025-11-24T16:00:00.250Z"}
    for _ in range(2):
        assert await claim(ask) == (200, expected | {"token": 1})
    status, body = await claim(ask, of=OTHER)
    assert (status, body.pop("reason")) == (409, f"{ME} has it")
    assert body == expected | {"claimed": False, "token": 1}


async def test_the_next_tick(ask, wall):
    """A minute later the job is free again, and one before it is not."""
    await claim(ask)
    wall[0] += 60
    assert (await claim(ask, of=OTHER))[0] == 200
    wall[0] -= 60
    status, body = await claim(ask, of="i-0c")
    assert (status, body["holder"]) == (409, ME)
    wall[0] -= 60
    status, body = await claim(ask, of="i-0c")
    assert (status, body["holder"], body["reason"][:17]) == (409, None, "this tick is over")


async def test_another_length(ask):
    """Every is in seconds, from the beginning of 1970."""
    status, body = await claim(ask, "/claims/nightly?every=86400")
    assert (status, body["key"]) == (200, "2025-11-24T00:00:00Z")


async def test_a_key(ask, wall):
    """A key is taken for ever."""
    assert (await claim(ask, "/claims/migrate?key=v7"))[1]["key"] == "v7"
    wall[0] += 10_000_000
    assert (await claim(ask, "/claims/migrate?key=v7", of=OTHER))[0] == 409
    assert (await claim(ask, "/claims/migrate?key=v8", of=OTHER))[0] == 200


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/claims/invoices?every=0", "every='0' is of no use"),
        ("/claims/invoices?every=604801", "every='604801' is of no use"),
        ("/claims/invoices?every=1.5", "every='1.5' is of no use"),
        ("/claims/invoices?every=%C2%B2", "every='²' is of no use"),
        ("/claims/invoices?every=", "every='' is of no use"),
        ("/claims/invoices?key=", "key='' is of no use"),
        ("/claims/invoices?key=a%20b", "key='a b' is of no use"),
        ("/claims/invoices?every=60&key=v7", "every and key are both given"),
        ("/claims/invoices?every=60&every=60", "every is given twice"),
        ("/claims/invoices?evry=60", "'evry' is no parameter of /claims/invoices"),
        ("/claims/-x", "'-x' is no name of a job"),
        ("/claims/.trial", "'.trial' is no name of a job"),
        ("/claims/a%2Fb", "'a/b' is no name of a job"),
        (f"/claims/{'a' * 65}", f"'{'a' * 40}' is no name of a job"),
    ],
)
async def test_bad_questions(ask, shelf, path, error):
    """A bad question is told what is wrong with it, and nothing is taken."""
    status, body, _ = await ask("POST", path)
    assert (status, body["error"]) == (400, error)
    assert body["hint"]
    assert set(shelf.texts) <= {".trial"}


async def test_the_store_cannot_say(ask, store):
    """503, when to ask again, and why; never a yes."""
    store.before = [DENIED]
    status, body, headers = await ask("POST", "/claims/invoices")
    assert (status, headers["Retry-After"]) == (503, "2")
    assert body == {
        "job": "invoices",
        "key": TICK,
        "claimed": False,
        "reason": "S3 answered AccessDenied",
        "hint": "`leaderd policy` prints the permissions",
    }


async def test_words(ask, store):
    """Whoever wants plain text gets a word."""
    how = {"headers": {"Accept": "text/plain"}}
    assert (await ask("POST", "/claims/a", **how))[:2] == (200, "claimed\n")
    assert (await ask("POST", "/claims/a", of=OTHER, **how))[:2] == (409, "taken\n")
    store.before = [DENIED]
    assert (await ask("POST", "/claims/b", **how))[:2] == (503, "unknown\n")


async def test_askers(ask):
    """Two askers on one instance that name themselves are two; one that asks again is one."""
    one, two = ({"headers": {"Idempotency-Key": name}} for name in ("one", "two"))
    assert [(await claim(ask, **how))[0] for how in (one, one, two, {})] == [200, 200, 409, 409]


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "é"])
async def test_bad_askers(ask, name):
    """A name that cannot be kept is refused."""
    status, body, _ = await ask("POST", "/claims/a", headers={"Idempotency-Key": name})
    assert (status, body["error"]) == (400, "the Idempotency-Key is of no use")


async def test_a_full_record(ask, shelf):
    """A job with as many keys as can be kept: an error that says what to do."""
    claims = tuple(Claim(Key(f"v{n}"), Claimant(OTHER), 1.0, n) for n in range(500, 0, -1))
    shelf.texts["migrate"], shelf.versions["migrate"] = encode("migrate", JobRecord(None, 500, claims)), 1
    status, body, _ = await ask("POST", "/claims/migrate?key=new")
    assert (status, body["hint"]) == (400, "use another job name for more")


async def test_history(ask, wall):
    """The newest claims, the newest first; 404 while there are none."""
    status, body, _ = await ask("GET", "/claims/invoices")
    assert (status, body["error"]) == (404, "invoices has not been claimed yet")
    await claim(ask)
    wall[0] += 60
    await claim(ask, of=OTHER)
    status, body, _ = await ask("GET", "/claims/invoices")
    assert status == 200
    assert [(each["holder"], each["token"], each["outcome"]) for each in body["claims"]] == [
        (OTHER, 2, None),
        (ME, 1, None),
    ]
    assert (body["job"], body["newest_tick"], body["token"]) == ("invoices", "2025-11-24T16:01:00Z", 2)


async def test_history_that_cannot_be_read(ask, store):
    """503, as for a claim."""
    store.before = [DENIED]
    status, body, headers = await ask("GET", "/claims/invoices")
    assert (status, body["error"], headers["Retry-After"]) == (503, "S3 answered AccessDenied", "2")


async def test_outcome(ask):
    """Whoever has the claim writes down how it ended."""
    token = (await claim(ask))[1]["token"]
    status, body, _ = await ask("PUT", f"/claims/invoices/{token}", json={"exit_code": 3, "duration": 1.23456})
    assert (status, body) == (200, {"job": "invoices", "token": 1, "recorded": True})
    _, body, _ = await ask("GET", "/claims/invoices")
    assert body["claims"][0]["outcome"] == {"exit_code": 3, "duration": 1.235}


async def test_outcome_of_no_claim(ask, store):
    """404 where this instance has no such claim, and 503 where that cannot be told."""
    await claim(ask, of=OTHER)
    outcome = {"json": {"exit_code": 0, "duration": 1}}
    for token in (1, 2):
        status, body, _ = await ask("PUT", f"/claims/invoices/{token}", **outcome)
        assert (status, body["error"]) == (404, f"this instance has no claim {token} of invoices")
    store.before = [DENIED]
    status, body, headers = await ask("PUT", "/claims/invoices/1", **outcome)
    assert (status, headers["Retry-After"]) == (503, "2")


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "{}", "[" * 2000, '{"exit_code": 0}', '{"exit_code": "0", "duration": 1}'),
        b"\xff\xfe",
        *(f'{{"exit_code": {code}, "duration": 1}}' for code in ("true", "null", "256", "-1", "0.5")),
        *(f'{{"exit_code": 0, "duration": {seconds}}}' for seconds in ("-1", "NaN", "1e400", "true")),
    ],
)
async def test_bad_outcomes(ask, body):
    """What is no outcome is refused, and changes nothing."""
    await claim(ask)
    status, answer, _ = await ask("PUT", "/claims/invoices/1", data=body)
    assert (status, answer["error"]) == (400, "the body is no outcome of a job")
    assert (await ask("GET", "/claims/invoices"))[1]["claims"][0]["outcome"] is None


@pytest.mark.parametrize("token", ["x", "-1", "1.0", "9" * 19, "%C2%B2"])
async def test_bad_tokens(ask, token):
    """A token is a number."""
    status, body, _ = await ask("PUT", f"/claims/invoices/{token}", json={"exit_code": 0, "duration": 1})
    assert (status, body["hint"]) == (400, "use the token of the claim, a number")


@pytest.mark.parametrize(("method", "path"), [("POST", "/claims/invoices"), ("PUT", "/claims/invoices/1")])
async def test_web_pages_may_not(ask, shelf, method, path):
    """A page in a browser on the instance changes nothing."""
    status, _, _ = await ask(method, path, headers={"Origin": "http://evil.example"})
    assert status == 403
    assert shelf.texts == {}


@pytest.mark.parametrize(("method", "path", "allow"), [("DELETE", "/claims/a", "GET, HEAD, POST")])
async def test_other_methods(ask, method, path, allow):
    """405, with what can be used."""
    status, _, headers = await ask(method, path)
    assert (status, headers["Allow"]) == (405, allow)


@pytest.mark.parametrize("path", ["/claims/invoices", "/claims/invoices/1"])
async def test_claims_that_are_off(client, path):
    """404 says so, which no retry repeats."""
    async with client.post(path) as response:
        assert response.status == 404
        assert (await response.json())["error"] == "claims are off"
