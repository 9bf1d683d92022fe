import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from leaderd.core.election import Observation, Role, View, judge
from leaderd.core.identity import Identity
from leaderd.core.roster import Order, Roster
from leaderd.core.timing import Timing
from leaderd.daemon.state import LIMIT, NoStateFile, StateFile
from leaderd.errors import CannotStartError
from tests.fakes import IDENTITY, ME, OTHER, make_view

VIEW = View(Observation(Roster((ME, OTHER)), 1_000.25, 1_000.5), 600.125, 500.0)
NOW = 1_010.0
TIMING = Timing.derive()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "view.json"


def make(path, order=Order.LISTED, boot="boot-1", timing=TIMING):
    return StateFile(path, order, timing, lambda: boot)


@pytest.fixture
def content(path):
    """What a good file has in it."""
    make(path).keep(IDENTITY, VIEW)
    return json.loads(path.read_text())


def recall(path, now=NOW, identity=IDENTITY, **how):
    """The view in the file and the events that were logged."""
    with capture_logs() as logged:
        view = make(path, **how).recall(identity, now)
    return view, [(entry["event"], entry["log_level"]) for entry in logged]


IGNORED = (None, [("state.ignored", "warning")])


@pytest.mark.parametrize(
    "view",
    [
        VIEW,
        make_view([OTHER, ME], sent=999.0, listed_since=4.5),
        make_view([OTHER], sent=0.0),
        make_view([ME], sent=999.0, first_since=999.1, listed_since=999.1),
    ],
)
def test_round_trip(path, view):
    """A view comes back as it was kept, to the last digit."""
    make(path).keep(IDENTITY, view)
    assert recall(path) == (view, [("state.recalled", "info")])


def test_no_file(path):
    """At the first start there is no file, and nothing to say about it."""
    assert recall(path) == (None, [])


def test_nothing_is_left_behind(path):
    """The file is replaced as a whole; no other stays in its directory."""
    state = make(path)
    state.keep(IDENTITY, VIEW)
    state.keep(IDENTITY, VIEW)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 2),
        ("format", None),
        ("boot_id", "boot-2"),
        ("instance_id", OTHER),
        ("environment", "shop-test"),
        ("order", "id"),
    ],
)
def test_of_another_origin(path, content, key, value):
    """A file of another format, boot, instance, environment or order is ignored, and the log says which."""
    path.write_text(json.dumps(content | {key: value}))
    assert recall(path) == IGNORED
    with capture_logs() as logged:
        make(path).recall(IDENTITY, NOW)
    assert f"its {key} is {value!r}" in logged[0]["reason"]


def test_other_settings(path, content):
    """The same file is ignored under another order, staleness, request timeout, boot, instance or environment."""
    assert recall(path, timing=Timing.derive(max_staleness=60)) == IGNORED
    assert recall(path, timing=Timing.derive(request_timeout=4)) == IGNORED
    assert recall(path, timing=Timing.derive(hold_down=100, poll_interval=9)) == (VIEW, [("state.recalled", "info")])
    assert recall(path, order=Order.ID) == IGNORED
    assert recall(path, boot="boot-2") == IGNORED
    assert recall(path, identity=Identity(OTHER, "shop-prod", "eu-west-1")) == IGNORED
    assert recall(path, identity=Identity(ME, "shop-test", "eu-west-1")) == IGNORED


@pytest.mark.parametrize(
    "change",
    [
        {"sent": NOW + 1, "received": NOW + 2},
        {"received": NOW + 0.1},
        {"sent": 1_000.6},
        {"sent": -1.0},
        {"sent": float("nan")},
        {"received": float("nan")},
        {"received": float("inf")},
        {"first_since": float("nan")},
        {"listed_since": float("-inf")},
        {"sent": 10**400},
        {"sent": "1000.25"},
        {"sent": True},
        {"received": None},
        {"received": [1000]},
        {"first_since": "600"},
        {"first_since": False},
        {"listed_since": {}},
        {"roster": []},
        {"roster": None},
        {"roster": "i-0a"},
        {"roster": [ME, 7]},
        {"roster": [ME, ME]},
        {"roster": [ME, "\ud800"]},
        {"roster": {ME: 0}},
        {"roster": [OTHER, ME]},
        {"roster": [OTHER]},
        {"first_since": None},
        {"listed_since": None},
        {"first_since": 1_000.75},
        {"listed_since": 1_000.75},
        {"first_since": 400.0},
        {"first_since": -1.0},
    ],
    ids=repr,
)
def test_impossible_view(path, content, change):
    """Times in the future or in no order, wrong types and streaks that cannot be are ignored with a warning."""
    path.write_text(json.dumps(content | {"view": content["view"] | change}))
    assert recall(path) == IGNORED


@pytest.mark.parametrize("missing", ["format", "boot_id", "view", "sent", "roster", "first_since"])
def test_missing_parts(path, content, missing):
    """A file without one of its parts is ignored."""
    content.pop(missing, None)
    content.get("view", {}).pop(missing, None)
    path.write_text(json.dumps(content))
    assert recall(path) == IGNORED


@pytest.mark.parametrize(
    "damaged",
    [b"", b"\x00" * 100, b"\xff\xfe\x00", b"[]", b"7", b"null", b'"view"', b"{", b"[" * 100_000, b"9" * 5_000, b"NaN"],
    ids=lambda damaged: repr(damaged[:8]),
)
def test_damaged(path, damaged):
    """What is no view at all, be it empty, binary or nested without end, is ignored with a warning."""
    path.write_bytes(damaged)
    assert recall(path) == IGNORED


def test_truncated(path, content):
    """A file that was cut anywhere is ignored."""
    whole = path.read_text()
    for length in range(len(whole)):
        path.write_text(whole[:length])
        assert recall(path) == IGNORED


def test_too_large(path, content):
    """A file as large as the disk is not read into memory; spaces alone would not hurt in a good one."""
    path.write_text(json.dumps(content) + " " * 1_000)
    assert recall(path) == (VIEW, [("state.recalled", "info")])
    with path.open("a") as file:
        file.write(" " * LIMIT)
    assert recall(path) == IGNORED


def test_the_largest_environment(path):
    """The view of ten thousand instances comes back."""
    crowd = [ME, *(f"i-0{number:016x}" for number in range(10_000))]
    view = make_view(crowd, sent=999.0, first_since=600.0, listed_since=500.0)
    make(path).keep(IDENTITY, view)
    assert recall(path) == (view, [("state.recalled", "info")])


def test_the_reason_is_short(path, content):
    """However large the nonsense, the log line is not."""
    path.write_text(json.dumps(content | {"order": "x" * 100_000}))
    with capture_logs() as logged:
        make(path).recall(IDENTITY, NOW)
    assert len(logged[0]["reason"]) < 500


def test_a_directory(path):
    """What is no file is refused at the start: a pipe would hold the daemon up for ever."""
    path.mkdir()
    with pytest.raises(CannotStartError, match="is no file"):
        make(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(CannotStartError, match="is no file"):
        make(path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([ME, OTHER, "i-0"]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)
times = st.floats(0, 2_000) | st.none() | values
plain_views = st.fixed_dictionaries(
    {
        "roster": st.lists(st.sampled_from([ME, OTHER, "i-0c"]), max_size=3) | values,
        "sent": times,
        "received": times,
        "first_since": times,
        "listed_since": times,
    }
)


@given(data=values | plain_views, whole=st.booleans(), now=st.floats(0, 3_000))
def test_any_json(tmp_path_factory, data, whole, now):
    """Any JSON is either ignored or a view that can be: never an exception, never a yes from the future."""
    path = tmp_path_factory.getbasetemp() / "any.json"
    origin = make(path)._origin(IDENTITY)
    path.write_text(json.dumps(data if whole else origin | {"view": data}))
    view, _ = recall(path, now)
    if view is None:
        return
    newest = view.newest
    assert 0 <= newest.sent <= newest.received <= now
    assert len(set(newest.roster.ids)) == len(newest.roster) > 0
    assert (view.first_since is not None) == (newest.roster.first == ME)
    assert (view.listed_since is not None) == (ME in newest.roster.ids)
    if judge(view, ME, TIMING, now).role is Role.LEADER:
        assert view.listed_since <= view.first_since <= now - TIMING.hold_down


@pytest.mark.parametrize("place", ["missing/view.json", "file/view.json"])
def test_unwritable_at_start(tmp_path, place):
    """A state file that cannot be written keeps the daemon from starting, in one clear sentence."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStartError) as caught:
        make(tmp_path / place)
    assert str(tmp_path / place) in caught.value.message
    assert "--state-file" in caught.value.hint


def test_no_boot_id(path):
    """Where the kernel has no boot id the state file is refused: nobody could tell whether it is of this boot."""

    def no_boot_id():
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(CannotStartError):
        StateFile(path, Order.LISTED, TIMING, no_boot_id)


def test_unwritable_later(path):
    """What becomes unwritable is said once, and again only after it was writable in between."""
    state = make(path)
    state.keep(IDENTITY, VIEW)
    blocked = path.with_name(path.name + ".new")
    with capture_logs() as logged:
        for times in (3, 2):
            blocked.mkdir()
            for _ in range(times):
                state.keep(IDENTITY, VIEW)
            assert not path.exists()  # an old view must not be believed later
            blocked.rmdir()
            state.keep(IDENTITY, VIEW)
            assert path.exists()
    assert [entry["event"] for entry in logged] == ["state.unwritable"] * 2
    assert logged[0]["effect"]


def test_the_boot_id_of_the_kernel(path):
    """A real daemon's file is of this boot."""
    state = StateFile(path, Order.LISTED, TIMING)
    state.keep(IDENTITY, VIEW)
    assert len(json.loads(path.read_text())["boot_id"]) == 36
    assert state.recall(IDENTITY, NOW) == VIEW


def test_none(tmp_path):
    """Without a state file nothing is kept."""
    memory = NoStateFile()
    memory.keep(IDENTITY, VIEW)
    assert memory.recall(IDENTITY, NOW) is None
