import io
import json
import logging
import sys

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from leaderd import log
from leaderd.demo.cloud import Cloud

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
ARN = "arn:aws:sts::123456789012:assumed-role/aws-elasticbeanstalk-ec2-role/i-0123456789abcdef0"


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Broken(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def _restore():
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


def said(fmt="json", level="info", stream=None):
    stream = stream or io.StringIO()
    log.configure(fmt, level, stream)
    return stream


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"key {SECRET}.",
        f"Signature={'0af9' * 16}",
        "Credential=ASIAQWERTYUIOPASDFGH/20260102/eu-west-1/elasticbeanstalk/aws4_request",
        f"x-amz-security-token:IQoJb3JpZ2luX2Vj{SECRET * 5}",
        f"X-aws-ec2-metadata-token: {'AQAEA' * 10}==",
    ],
)
def test_scrub_removes_secrets(text):
    """What looks like a key, a token or a signature is taken out."""
    scrubbed = log.scrub(f"Denied: {text} was sent")
    assert "[removed]" in scrubbed
    assert scrubbed.startswith("Denied: ")
    for secret in (SECRET, "ASIAQWERTYUIOPASDFGH", "0af9" * 16, "AQAEA" * 10):
        assert secret not in scrubbed


def test_scrub_leaves_what_helps():
    """ARNs, permissions and ids stay readable, however long they are."""
    text = f"User: {ARN} is not authorized to perform: autoscaling:DescribeAutoScalingGroups on resource: {ARN}-2"
    assert log.scrub(text) == text


def test_scrub_one_short_line():
    """Of a page only the beginning of the first line is kept."""
    assert log.scrub("\n  first\nsecond\n") == "first"
    assert log.scrub("word " * 1000) == ("word " * 1000)[: log.LONGEST - 1] + "…"
    assert log.scrub("") == ""


@given(st.text(), st.integers(0, 1000))
def test_scrub_never_leaves_a_key(around, seed):
    """Whatever surrounds them, the credentials of a role do not pass."""
    cloud = Cloud(seed=seed)
    keys = cloud.credentials(cloud.launch().id)
    for secret in (keys.access_key, keys.secret_key, keys.token):
        assert secret not in log.scrub(f"{around} {secret} {around}")


def test_json_lines():
    """A line is one JSON object that begins with time, level and event."""
    stream = said()
    log.logger(kept=1).info("a.b", other="x\ny", path=io)
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert list(entry)[:3] == ["timestamp", "level", "event"]
    assert entry["timestamp"].endswith("Z")
    assert (entry["level"], entry["event"], entry["kept"], entry["other"]) == ("info", "a.b", 1, "x\ny")


def test_console():
    """On a terminal a line is for people; asked for elsewhere, it is so without colours."""
    log.configure("auto", "info", stream := Terminal())
    log.logger().info("a.b", why="so")
    assert "a.b" in stream.getvalue()
    assert "\x1b[" in stream.getvalue()
    stream = said("console")
    log.logger().info("a.b", why="so")
    assert stream.getvalue().endswith("a.b why=so\n")


def test_auto_without_a_terminal():
    """Where nobody looks on, `auto` writes JSON."""
    stream = said("auto")
    log.logger().info("a.b")
    assert json.loads(stream.getvalue())["event"] == "a.b"


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_level(level, count):
    """Lines below the level are not written."""
    stream = said(level=level)
    for say in ("debug", "info", "warning", "error"):
        getattr(log.logger(), say)("x")
    assert len(stream.getvalue().splitlines()) == count


def test_libraries():
    """What libraries warn of is in our log, in our format and scrubbed, whatever the level is."""
    stream = said(level="debug")
    library = logging.getLogger("botocore.endpoint")
    library.debug("headers: %s", SECRET)
    library.info("found credentials %s", SECRET)
    library.warning("retry with %s", SECRET)
    library.error("gave up")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["library.message"] * 2
    assert [line["level"] for line in lines] == ["warning", "error"]
    assert lines[0]["message"] == "retry with [removed]"
    assert lines[0]["library"] == "botocore.endpoint"


def test_libraries_errors():
    """The error that a library met is one line, scrubbed too."""
    stream = said()
    try:
        float(f"bad {SECRET}\nsecond line")
    except ValueError:
        logging.getLogger("asyncio").exception("it failed")
    entry = json.loads(stream.getvalue())
    assert "ValueError" in entry["error"]
    assert SECRET not in stream.getvalue()


def test_unwritable_stream():
    """A full disk or a reader that went away ends nobody."""
    said(stream=Broken())
    log.logger().error("x")


def test_standard_error_is_the_default(capsys):
    """Without a stream the log goes to standard error."""
    log.configure("json", "info")
    log.logger().info("x")
    assert json.loads(capsys.readouterr().err)["event"] == "x"
    assert sys.stderr is not None


def test_what_a_library_repeats_is_said_once_a_minute():
    """asyncio, short of file descriptors, says so thousands of times in a second."""
    out = io.StringIO()
    log.configure("json", "info", out)
    handler = logging.getLogger().handlers[0]
    for second in (0, 1, 59, 61):
        record = logging.LogRecord("asyncio", logging.ERROR, "", 0, "out of files", None, None)
        record.created = 1_000.0 + second
        handler.emit(record)
    handler.emit(logging.LogRecord("asyncio", logging.ERROR, "", 0, "something else", None, None))
    said = [json.loads(line)["message"] for line in out.getvalue().splitlines()]
    assert said == ["out of files", "out of files", "something else"]


def test_a_closed_standard_error_is_no_reason_not_to_run(monkeypatch):
    """Python has None in its place."""
    monkeypatch.setattr("sys.stderr", None)
    log.configure("auto", "info")
    log.logger().info("daemon.started")
