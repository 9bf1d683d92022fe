import json
import socket
import sys

from tests.daemons import FAST, clean_environ, command, leaderd, run


async def serve(aws, options, environ=None):
    """Run a `leaderd serve` that cannot start; gives its code and the lines on standard error."""
    code, out, err = await leaderd("serve", FAST | options, aws.environ(aws.cloud.members[0]), environ or {})
    assert out == ""
    assert "Traceback" not in err
    return code, err.splitlines()


async def test_taken_port(aws):
    """A taken port is one clear line, and exit 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, (line,) = await serve(aws, {"port": port})
    assert code == 2
    assert line.startswith(f"leaderd: cannot listen on 127.0.0.1:{port}: Address already in use (is leaderd running")


async def test_unwritable_state_file(aws, tmp_path):
    """A state file that cannot be written is one clear line, and exit 2."""
    code, (line,) = await serve(aws, {"state-file": tmp_path / "missing" / "view.json"})
    assert code == 2
    assert line.startswith(f"leaderd: cannot write the state file {tmp_path}/missing/view.json: No such file")


async def test_bad_options(aws):
    """All that is wrong with options and variables is told at once, and nothing is started."""
    code, lines = await serve(
        aws,
        {"port": "http", "order": "age", "host": "0.0.0.0", "max-staleness": "0.1"},
        {"LEADERD_POLL_INTERVALL": "1"},
    )
    assert code == 2
    assert len(lines) == 5
    assert all(line.startswith("leaderd: ") for line in lines)
    assert "did you mean LEADERD_POLL_INTERVAL?" in lines[0]


async def test_a_file_for_a_socket(aws, tmp_path):
    """An ordinary file in the place of the Unix socket is left alone, in one clear line, and exit 2."""
    path = tmp_path / "http"
    path.write_text("precious")
    code, (line,) = await serve(aws, {"unix-socket": path})
    assert code == 2
    assert line.endswith("something that is no socket is there (remove it, or choose another --unix-socket)")
    assert path.read_text() == "precious"


async def test_unsafe_is_logged_at_every_start(daemon):
    """A hold-down that is not safe is warned of at every start."""
    running = await daemon()
    entry = await running.event("settings.unsafe")
    assert (entry["level"], "--hold-down 0.2 is too short" in entry["problem"]) == ("warning", True)


FALLING = """
from leaderd.daemon.herald import Herald

async def run(self):
    raise ZeroDivisionError

Herald.run = run
from leaderd.cli.main import main
main()
"""


async def test_a_part_that_ends(aws):
    """When a part of the daemon ends by itself, all of it does, with exit 1, so that systemd starts it again."""
    words = [sys.executable, "-c", FALLING, *command("serve", FAST)[3:]]
    code, _, err = await run(*words, environ=clean_environ(aws.environ(aws.cloud.members[0])))
    ended = [json.loads(line) for line in err.splitlines() if '"task.ended"' in line]
    assert code == 1
    assert [(entry["level"], entry["task"]) for entry in ended] == [("error", "herald")]
