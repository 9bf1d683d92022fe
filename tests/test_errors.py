from leaderd.errors import ConfigError, LeaderdError, SourceError, UnusableAnswerError


def test_says_what_to_do():
    """An error reads as what happened, and in brackets what to do."""
    assert str(LeaderdError("no bread", hint="bake some")) == "no bread (bake some)"
    assert str(LeaderdError("no bread")) == "no bread"


def test_config_error_has_all_problems():
    """All problems are kept apart, and can be read at once."""
    error = ConfigError(["a", "b"])
    assert error.problems == ("a", "b")
    assert str(error) == "a; b"


def test_kinds():
    """An answer that cannot be used is a source's failure, of its own kind."""
    assert SourceError("throttled", "slow").kind == "throttled"
    assert UnusableAnswerError("empty").kind == "unusable"
