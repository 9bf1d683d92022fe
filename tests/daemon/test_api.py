import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from leaderd import __version__
from leaderd.errors import SourceError
from tests.fakes import ME, OTHER, put

PATHS = ["/", "/leader", "/status", "/livez", "/readyz", "/metrics"]
CODES = {"leader": 200, "candidate": 503, "follower": 409, "stranger": 409, "unknown": 503, "new": 503}


@pytest.fixture
def be(watcher, clock):
    """Let the watcher be in a role."""
    return lambda role: put(watcher, role, clock.at)


@pytest.mark.parametrize(("role", "status"), CODES.items())
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_leader(client, be, role, status, method):
    """200 is a yes, 409 a definite no, 503 says that it cannot be told yet; for all three methods alike."""
    be(role)
    async with client.request(method, "/leader") as response:
        assert response.status == status
        assert ("Retry-After" in response.headers) == (status == 503)
        assert (await response.text() == "") == (method == "HEAD")
        assert response.headers.get("Allow") == ("GET, HEAD, OPTIONS" if method == "OPTIONS" else None)


async def test_body(client, be):
    """The body is JSON on one line, by the documented names."""
    be("leader")
    async with client.get("/leader") as response:
        assert response.content_type == "application/json"
        assert (await response.text()).count("\n") == 1
        body = await response.json()
    assert list(body) == [
        "role",
        "leader",
        "instance_id",
        "leader_id",
        "environment",
        "rank",
        "members",
        "reason",
        "staleness",
        "valid_for",
    ]
    assert (body["role"], body["leader"], body["instance_id"], body["leader_id"]) == ("leader", True, ME, ME)


@pytest.mark.parametrize("role", CODES)
async def test_text(client, be, role):
    """Whoever wants plain text gets one word and a line end, with the same status."""
    be(role)
    async with client.get("/leader", headers={"Accept": "text/plain"}) as response:
        assert response.status == CODES[role]
        assert response.content_type == "text/plain"
        assert await response.text() == {"stranger": "follower", "new": "unknown"}.get(role, role) + "\n"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/plain, application/json", "text/html", ""])
async def test_json_is_the_default(client, be, accept):
    """Whoever would take JSON gets it."""
    be("leader")
    async with client.get("/leader", headers={"Accept": accept}) as response:
        assert response.content_type == "application/json"


async def test_verdict_is_of_the_moment(client, be, clock):
    """A yes ends when its time is over, though nothing happened since."""
    be("leader")
    clock.at += 28.1
    assert (await client.get("/leader")).status == 200
    clock.at += 0.2
    response = await client.get("/leader")
    assert response.status == 503
    assert "believed for 30 s" in (await response.json())["reason"]


async def test_the_wall_clock_does_not_matter(client, be, monkeypatch):
    """Whoever sets the wall clock back by an hour or a year changes no verdict."""
    be("leader")
    for moment in (0.0, 1e9, 4e9):
        monkeypatch.setattr("time.time", lambda moment=moment: moment)
        assert (await client.get("/leader")).status == 200


@pytest.mark.parametrize(("wanted", "status"), [("0", 200), ("28", 200), ("28.3", 503), ("9" * 30, 503)])
async def test_min_valid(client, be, wanted, status):
    """A yes that will not hold for so long is none."""
    be("leader")
    async with client.get("/leader", params={"min_valid": wanted}) as response:
        assert response.status == status
        assert ("Retry-After" in response.headers) == (status == 503)
        body = await response.json()
        assert ("28.2 s only" in body["reason"]) == (status == 503)
        assert (body["leader"], body["role"]) == ((True, "leader") if status == 200 else (False, "unknown"))
    async with client.get("/leader", params={"min_valid": wanted}, headers={"Accept": "text/plain"}) as response:
        assert await response.text() == ("leader\n" if status == 200 else "unknown\n")


@pytest.mark.parametrize("role", ["candidate", "follower", "unknown"])
async def test_min_valid_of_others(client, be, role):
    """How long a no holds is not asked."""
    be(role)
    assert (await client.get("/leader?min_valid=1000")).status == CODES[role]


@pytest.mark.parametrize("code", [400, 404, 503, 599])
async def test_follower_code(client, be, code):
    """A follower answers with the code that is asked for; nobody else does."""
    be("follower")
    async with client.get(f"/leader?follower_code={code}") as response:
        assert response.status == code
        assert (await response.json())["role"] == "follower"
    be("leader")
    assert (await client.get(f"/leader?follower_code={code}")).status == 200
    be("unknown")
    assert (await client.get(f"/leader?follower_code={code}")).status == 503


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        *((f"follower_code={code}", "400 to 599") for code in ("399", "600", "200", "", "x", "-1", "4e2", "9" * 5000)),
        *((f"min_valid={text}", "number of seconds") for text in ("-1", "", "x", "nan", "inf", "1e3", "%C2%B2", "1,5")),
        ("min_vald=5", "min_valid or follower_code"),
        ("MIN_VALID=5", "min_valid or follower_code"),
        ("min_valid=1&min_valid=2", "once"),
        ("follower_code=409&x", "min_valid or follower_code"),
    ],
    ids=lambda value: value[:24],
)
async def test_bad_parameters(client, be, query, hint):
    """A parameter that is unknown, doubled or senseless is refused with a mend, not ignored."""
    be("leader")
    async with client.get(f"/leader?{query}") as response:
        assert response.status == 400
        body = await response.json()
        assert set(body) == {"error", "hint"}
        assert hint in body["hint"]
        assert len(body["error"]) < 300


@pytest.mark.parametrize("path", ["/status", "/livez", "/readyz"])
async def test_paths_without_parameters(client, path):
    """Where there are no parameters, all are unknown."""
    async with client.get(f"{path}?x=1") as response:
        assert response.status == 400
        assert (await response.json())["hint"] == "leave it out"


async def test_retry_after_of_a_candidate(client, be, watcher, clock):
    """A candidate says when it will lead, and then it does."""
    be("candidate")
    response = await client.get("/leader")
    seconds = int(response.headers["Retry-After"])
    assert seconds > 20
    view = watcher.view
    clock.at += seconds
    watcher.view = type(view)(
        type(view.newest)(view.newest.roster, clock.at - 1, clock.at - 0.9), view.first_since, view.listed_since
    )
    assert (await client.get("/leader")).status == 200


async def test_retry_after_of_an_unknown(client, be):
    """Who cannot tell says when the next poll comes."""
    be("unknown")
    assert (await client.get("/leader")).headers["Retry-After"] == "4"


async def test_reason_of_an_unknown(client, be, watcher):
    """Who cannot tell says what failed, and what to do."""
    be("unknown")
    watcher.trouble = SourceError("denied", "answered AccessDenied", hint="leaderd policy")
    reason = (await (await client.get("/leader")).json())["reason"]
    assert reason.endswith("; answered AccessDenied (leaderd policy)")


async def test_leaving(client, be, watcher):
    """An instance that is being terminated is follower, for a reason."""
    be("leader")
    watcher.leaving = True
    response = await client.get("/leader")
    body = await response.json()
    assert (response.status, body["reason"]) == (409, "this instance is being terminated")
    assert body["valid_for"] is None


async def test_stopping(client, be, watcher):
    """A daemon that shuts down answers for nothing any more."""
    be("leader")
    watcher.stopping = True
    response = await client.get("/leader")
    assert (response.status, (await response.json())["reason"]) == (503, "leaderd is shutting down")
    assert (await client.get("/readyz")).status == 503


async def test_status(client, be):
    """The status has the verdict and all behind it, for people to read."""
    be("follower")
    async with client.get("/status") as response:
        body = await response.json()
        assert response.status == 200
        assert (await response.text()).count("\n") > 40
    assert body["version"] == __version__
    assert body["verdict"]["leader_id"] == OTHER
    assert [member["rank"] for member in body["roster"]] == [0, 1, 2]


async def test_livez(client, clock):
    """The daemon lives while its watcher takes its steps, whatever AWS says."""
    response = await client.get("/livez")
    assert (response.status, await response.json()) == (200, {"alive": True})
    clock.at += 3_600
    response = await client.get("/livez")
    assert (response.status, await response.json()) == (503, {"alive": False})


@pytest.mark.parametrize("leaving", [False, True])
@pytest.mark.parametrize("role", CODES)
async def test_readyz(client, be, watcher, role, leaving):
    """The daemon is ready while its view is fresh, whoever leads, and whatever becomes of the instance."""
    be(role)
    watcher.leaving = leaving
    ready = role not in {"unknown", "new"}
    async with client.get("/readyz") as response:
        assert response.status == (200 if ready else 503)
        assert (await response.json())["ready"] is ready
        assert ("Retry-After" in response.headers) is not ready


async def test_metrics(client, be):
    """The metrics are Prometheus text."""
    be("leader")
    async with client.get("/metrics?name[]=x") as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=")
        families = {family.name: family for family in text_string_to_metric_families(await response.text())}
    assert families["leaderd_is_leader"].samples[0].value == 1


async def test_index(client):
    """The root lists everything that is served."""
    async with client.get("/") as response:
        text = await response.text()
        assert (response.status, response.content_type) == (200, "text/plain")
    claims = {"/claims/JOB", "/claims/JOB/TOKEN"}
    assert {line.split()[1] for line in text.splitlines()} == set(PATHS) | claims


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_wrong_method(client, path, method):
    """A wrong method is told the right ones."""
    if (path, method) == ("/leader", "OPTIONS"):
        return
    async with client.request(method, path) as response:
        assert response.status == 405
        assert response.headers["Allow"] == ("GET, HEAD, OPTIONS" if path == "/leader" else "GET, HEAD")
        body = await response.json()
        assert method in body["error"]
        assert "GET" in body["hint"]


@pytest.mark.parametrize("path", ["/Leader", "/leader/", "/leader%00", "/status/x", "/favicon.ico", "/leader;x"])
async def test_unknown_path(client, path):
    """An unknown path says where to look."""
    async with client.get(path) as response:
        assert response.status == 404
        assert set(await response.json()) == {"error", "hint"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        *(("GET", path, {}, None) for path in PATHS),
        ("GET", "/nothing", {}, 404),
        ("POST", "/leader", {}, 405),
        ("GET", "/leader?x", {}, 400),
        ("GET", "/leader", {"Host": "evil.example"}, 421),
        ("POST", "/leader", {"Origin": "http://localhost"}, 403),
        ("GET", "/leader", {"Accept": "text/plain"}, 503),
        ("GET", "/leader", {"Expect": "200-ok"}, 417),
    ],
)
async def test_no_answer_is_cached(client, method, path, headers, status):
    """No answer may be stored, nor taken for something that it is not."""
    async with client.request(method, path, headers=headers) as response:
        assert status in {None, response.status}
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Server"] == f"leaderd/{__version__}"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:5323", "localhost.", "127.0.0.1", "127.0.0.1:1", "127.8.8.8", "[::1]", "[::1]:5323"],
)
async def test_our_names(client, host):
    """Every loopback name is ours, with any port."""
    assert (await client.get("/", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:5323",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example.localhost.",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[::2]:5323",
        "[::1].evil.example",
        "[fe80::1%25lo]",
        "::1",
        "[",
        "]",
        ":5323",
        "2130706433",
        "localhost@evil.example",
        "127.0.0.1 evil.example",
    ],
)
async def test_names_of_others(raw, host):
    """A Host that is not this machine's is refused: a page whose name was rebound to 127.0.0.1 sends its own."""
    status, answer = await raw(f"GET /leader HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert status in {421, 400}
    assert '"role"' not in answer


async def test_refusal_of_a_name(client):
    """The refusal says what to ask for."""
    async with client.get("/leader", headers={"Host": "evil.example"}) as response:
        assert response.status == 421
        assert (await response.json())["hint"] == "ask for 127.0.0.1 or localhost"


@pytest.mark.parametrize(
    ("host", "status"),
    [("10.0.0.1:5323", 200), ("[fd00::1]:5323", 200), ("localhost", 200), ("evil.example", 421), ("", 421)],
)
async def test_remote_addresses(application, host, status):
    """Where other machines may ask, every address is ours; names, which can be rebound, are not."""
    async with TestClient(TestServer(application(any_host=True))) as client:
        assert (await client.get("/", headers={"Host": host})).status == status


async def test_http_1_0(raw):
    """A simple client that speaks HTTP/1.0 and sends no Host is answered."""
    status, answer = await raw(b"GET /leader HTTP/1.0\r\n\r\n")
    assert status == 503
    assert '"role":"unknown"' in answer


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:5323"])
async def test_origin(client, origin):
    """A POST from a web page is refused; a question from one is harmless, as its answer cannot be read there."""
    async with client.post("/leader", headers={"Origin": origin}) as response:
        assert response.status == 403
        assert set(await response.json()) == {"error", "hint"}
    async with client.get("/leader", headers={"Origin": origin}) as response:
        assert response.status == 503
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff\xfe\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ids=lambda data: repr(data[:20]),
)
async def test_garbage(raw, client, data):
    """What is no request gets a refusal, and the next one an answer."""
    status, _ = await raw(data)
    assert status == 400
    assert (await client.get("/")).status == 200


async def test_body_is_not_read(raw):
    """A request with a body that nobody asked for is answered all the same."""
    status, _ = await raw(
        b"GET /leader HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert status == 503


async def test_slow_clients(client):
    """Clients that dawdle hold nobody up."""
    dawdling = [await asyncio.open_connection("127.0.0.1", client.port) for _ in range(100)]
    for _, writer in dawdling:
        writer.write(b"GET /leader HTTP/1.1\r\nHo")
    assert (await client.get("/leader")).status == 503
    for reader, writer in dawdling:
        writer.write(b"st: localhost\r\nConnection: close\r\n\r\n")
        assert b" 503 " in await reader.readline()
        writer.close()
        await writer.wait_closed()


async def test_keep_alive(client):
    """Many questions can be asked over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    for _ in range(3):
        writer.write(b"HEAD /leader HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 503 " in await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
