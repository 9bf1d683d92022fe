from pathlib import Path

import pytest

from leaderd.config import OPTIONS, PREFIX, load
from leaderd.core.roster import Order
from leaderd.errors import ConfigError


def problems(flags=None, environ=None):
    with pytest.raises(ConfigError) as caught:
        load(flags or {}, environ or {})
    return caught.value.problems


def only_problem(flags=None, environ=None):
    (problem,) = problems(flags, environ)
    return problem


def test_defaults():
    """Without a word the settings are the documented ones."""
    settings = load({}, {})
    timing = settings.timing
    assert (settings.environment, settings.region, settings.unix_socket, settings.state_file) == (None,) * 4
    assert (settings.host, settings.port, settings.order) == ("127.0.0.1", 5323, Order.LISTED)
    assert (timing.poll_interval, timing.request_timeout, timing.max_staleness) == (10, 5, 30)
    assert (timing.api_lag, timing.guard) == (5, 5)
    assert (settings.api_budget, settings.log_format, settings.log_level) == (0.5, "auto", "info")
    assert (settings.allow_remote, settings.unsafe) == (False, False)
    assert list(timing.broken_bounds(unsafe=False)) == []


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("environment", " e-abc ", "environment", "e-abc"),
        ("region", "eu-west-1", "region", "eu-west-1"),
        ("host", "::1", "host", "::1"),
        ("host", "localhost", "host", "localhost"),
        ("port", "0", "port", 0),
        ("port", "65535", "port", 65_535),
        ("unix-socket", "/run/leaderd/http", "unix_socket", Path("/run/leaderd/http")),
        ("order", "oldest", "order", Order.OLDEST),
        ("api-budget", "0.25", "api_budget", 0.25),
        ("state-file", "/run/leaderd/view", "state_file", Path("/run/leaderd/view")),
        ("allow-remote", "Yes", "allow_remote", True),
        ("unsafe", "off", "unsafe", False),
        ("log-format", "console", "log_format", "console"),
        ("log-level", "debug", "log_level", "debug"),
    ],
)
def test_each_option(name, text, attribute, value):
    """Every option can be set by flag and by variable."""
    variable = PREFIX + name.upper().replace("-", "_")
    assert getattr(load({name: text}, {}), attribute) == value
    assert getattr(load({}, {variable: text}), attribute) == value


def test_timing_options():
    """The options of time reach the election in seconds."""
    timing = load(
        {"poll-interval": "2.5", "request-timeout": "1", "max-staleness": "8", "api-lag": "0", "guard": "0"}, {}
    ).timing
    assert (timing.poll_interval, timing.request_timeout, timing.max_staleness) == (2.5, 1, 8)
    assert (timing.api_lag, timing.guard) == (0, 0)


def test_a_flag_wins():
    """A flag wins over the environment, even where the variable is of no use."""
    assert load({"port": "1"}, {"LEADERD_PORT": "2"}).port == 1
    assert load({"port": "1"}, {"LEADERD_PORT": "x"}).port == 1


def test_an_empty_variable_is_not_set():
    """A variable that is set to nothing counts as unset, as systemd and containers leave them."""
    assert load({}, {"LEADERD_PORT": "", "LEADERD_ENVIRONMENT": ""}).port == 5323


@pytest.mark.parametrize("name", ["environment", "region", "host", "state-file", "unix-socket"])
def test_an_empty_flag_is_a_mistake(name):
    """A flag with an empty value, as an unset shell variable gives, is refused."""
    assert only_problem({name: ""}).startswith(f"--{name}: is empty")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("poll-interval", "0"),
        ("poll-interval", "ten"),
        ("request-timeout", "-1"),
        ("max-staleness", "nan"),
        ("max-staleness", "inf"),
        ("hold-down", "86401"),
        ("guard", "-0.1"),
        ("api-lag", ""),
        ("api-budget", "0"),
        ("port", "65536"),
        ("port", "-1"),
        ("port", "80.0"),
        ("port", "²"),
        ("port", "9" * 5000),
        ("order", "oldset"),
        ("claims", "s4"),
        ("log-format", "xml"),
        ("log-level", "INFO"),
        ("unsafe", "maybe"),
    ],
)
def test_wrong_value(name, text):
    """A value that makes no sense is refused, by the name under which it was given."""
    assert only_problem({name: text}).startswith(f"--{name}: ")
    if text:
        variable = PREFIX + name.upper().replace("-", "_")
        assert only_problem({}, {variable: text}).startswith(f"{variable}: ")


def test_too_large_is_explained():
    """A number that is too large is told its limit."""
    assert "86400" in only_problem({"poll-interval": "100000"})


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "example.com"])
def test_remote_host(host):
    """An address that others reach needs a word of consent."""
    assert "--allow-remote" in only_problem({"host": host})
    assert load({"host": host, "allow-remote": "1"}, {}).host == host


def test_unsafe_hold_down():
    """A hold-down below the bound is refused with the numbers, and taken with --unsafe."""
    problem = only_problem({"hold-down": "1"})
    assert "--unsafe" in problem
    assert str(load({}, {}).timing.hold_down) in problem
    assert load({"hold-down": "1", "unsafe": "1"}, {}).timing.hold_down == 1


def test_staleness_is_never_waived():
    """A staleness that one lost poll would break is refused, --unsafe or not."""
    assert only_problem({"max-staleness": "20", "unsafe": "1"}).startswith("--max-staleness 20 ")


def test_all_problems_at_once():
    """Whoever makes five mistakes hears of five, each with its mend."""
    found = problems(
        {"port": "http", "host": "0.0.0.0", "order": "age"}, {"LEADERD_GAURD": "5", "LEADERD_LOG_LEVEL": "loud"}
    )
    assert len(found) == 5
    assert all(any(mend in problem for mend in ("use ", "mean ")) for problem in found)


def test_relations_of_wrong_numbers_are_not_told():
    """While a number is not one, bounds that would be computed with its default are not mentioned."""
    assert only_problem({"poll-interval": "x", "max-staleness": "1"}).startswith("--poll-interval: ")


def test_unknown_variable():
    """A misspelt variable is an error, with the one that was meant."""
    assert only_problem({}, {"LEADERD_POLL_INTERVALL": "1"}).endswith("did you mean LEADERD_POLL_INTERVAL?")
    assert "leaderd serve --help" in only_problem({}, {"LEADERD_XYZ": "1"})


def test_variables_of_jobs():
    """What `leaderd run` sets for its command is no mistake when that command calls leaderd."""
    assert load({}, {"LEADERD_JOB": "x", "LEADERD_KEY": "y", "LEADERD_TOKEN": "3"}).port == 5323


@pytest.mark.parametrize(
    ("environ", "region"),
    [
        ({"LEADERD_REGION": "a", "AWS_REGION": "b"}, "a"),
        ({"AWS_REGION": "b", "AWS_DEFAULT_REGION": "c"}, "b"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "c"}, "c"),
        ({}, None),
    ],
)
def test_region(environ, region):
    """The region is ours, then the SDK's, then left to be discovered."""
    assert load({}, environ).region == region


@pytest.mark.parametrize(
    ("environ", "file"),
    [
        ({"RUNTIME_DIRECTORY": "/run/leaderd"}, Path("/run/leaderd/view.json")),
        ({"RUNTIME_DIRECTORY": "/run/a:/run/b"}, Path("/run/a/view.json")),
        ({"RUNTIME_DIRECTORY": "/run/leaderd", "LEADERD_STATE_FILE": "/x"}, Path("/x")),
        ({}, None),
    ],
)
def test_state_file(environ, file):
    """The state file is in the directory that systemd made, unless it is set."""
    assert load({}, environ).state_file == file


def test_every_option_is_described():
    """Every option says what it is for."""
    assert all(option.help.endswith((".", "]")) for option in OPTIONS)
