from dataclasses import replace

import click
import pytest

from leaderd.demo.view import KEYS, Picture, Row, render

A, B, C = "i-033ee2becfcd60831", "i-0c10a7b7ce8708030", "i-0ae7293388c4315a3"
PICTURE = Picture(
    title="shop-prod, 3 instances, 42 s",
    rows=(
        Row(A, 5323, 100, None, "follower", 0.4, "this instance is being terminated"),
        Row(B, 5324, 101, 1, "leader", 0.61, "first of 2, for 7 s"),
        Row(C, 5325, None, 2, "silent", None, "its daemon does not answer"),
    ),
    api="answers",
    recent=(0, 0, 1, 1, 2, 12),
    curl="curl -i 127.0.0.1:5323/leader",
    news=("    1 s   started", "   40 s   terminating i-033ee"),
)
KEY_LINE = "t terminate the leader  k kill -9 its daemon  a add an instance  h throttle the API  s stop the API"


def plain(picture, width, height):
    return [click.unstyle(line).rstrip() for line in render(picture, width, height)]


def test_picture():
    """All that there is to know, on one screen."""
    assert plain(PICTURE, 110, 24) == [
        "leaderd demo  shop-prod, 3 instances, 42 s",
        "",
        "  instance             port  pid  place  role      staleness  reason",
        "  i-033ee2becfcd60831  5323  100  -      follower  0.4 s      this instance is being terminated",
        "  i-0c10a7b7ce8708030  5324  101  1      leader    0.6 s      first of 2, for 7 s",
        "  i-0ae7293388c4315a3  5325  -    2      silent    -          its daemon does not answer",
        "",
        "EB's API answers",
        "ticks    001129",
        "try      curl -i 127.0.0.1:5323/leader   or kill -9 one of the pids",
        "",
        "    1 s   started",
        "   40 s   terminating i-033ee",
        "",
        "",
        "",
        KEY_LINE,
        "b bring it back  q quit",
    ]


def test_colours():
    """Roles, the API's state and ticks say in colour what they say in words."""
    lines = render(PICTURE, 120, 24)
    assert click.style("  leader  ", fg="green") in lines[4]
    assert click.style("  silent  ", fg="red") in lines[5]
    assert click.style("answers", fg="green") in lines[7]
    for count, colour in (("0", "yellow"), ("1", "green"), ("2", "red"), ("9", "red")):
        assert click.style(count, fg=colour) in lines[8]
    assert click.style("is out of reach", fg="red") in render(replace(PICTURE, api="is out of reach"), 120, 24)[7]


@pytest.mark.parametrize("width", [1, 9, 10, 38, 60, 80, 99, 100, 200])
@pytest.mark.parametrize("height", [1, 5, 12, 17, 24, 60])
def test_fits(width, height):
    """Nothing is wider or higher than the terminal."""
    many = replace(PICTURE, rows=PICTURE.rows * 6, recent=(1,) * 500, news=("x" * 300,) * 4)
    lines = plain(many, width, height)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_narrow():
    """In a narrow window ids are shortened, lines are cut, the newest ticks stay, and no key is lost."""
    lines = plain(replace(PICTURE, recent=(0,) * 40 + (1, 1)), 40, 40)
    assert lines[4] == "  i-0c10a   5324  101  1      leader"
    assert lines[8] == "ticks    " + "0" * 29 + "11"
    text = "\n".join(lines)
    assert all(f"{key} {meaning}" in text for key, meaning in KEYS)


def test_low():
    """In a low window news give way first, then instances, which are counted instead."""
    lines = plain(PICTURE, 120, 15)
    assert lines[11:] == ["   40 s   terminating i-033ee", "", *plain(PICTURE, 120, 24)[-2:]]
    assert plain(PICTURE, 120, 13)[2:5] == [
        "  instance             port  pid  place  role      staleness  reason",
        "  and 3 more",
        "",
    ]
