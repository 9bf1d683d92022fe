from leaderd.demo import story
from leaderd.demo.teller import Teller
from leaderd.demo.ticks import Tick
from tests.demo.shows import small_stage


async def test_whole_story():
    """The story goes from the first leader to the last, over four kinds of trouble, and nothing runs twice."""
    lines = []
    async with small_stage(2, started=False) as (stage, news):
        first, second = "i-02257", "i-066c3"
        assert await story.tell(stage, None, lines.append) == 0
        told = "\n".join(lines)
        assert f"{first} leads. It waited" in told
        assert f"{first} leads again after" in told
        assert len(news) == 1
        assert f"{second} leads. Nobody led for" in told
        assert f"the settings promise {stage.fleet.timing.failover_bound:.1f} s" in told
        assert "2 ticks by /leader: 2 ran nowhere." in told
        assert lines[-1].startswith("None of ")
        outage = stage.cron.tally.row("API is out")
        assert (outage.one, outage.more) == (0, 0)
        assert stage.cron.tally.row("one leads again").ran == (stage.aws.cloud.members[0],)


async def test_too_few_seconds():
    """A story that is given too few seconds stops early, and still closes with its table."""
    lines = []
    async with small_stage(1, started=False) as (stage, _):
        assert await story.tell(stage, 0.01, lines.append) == 0
    assert "0.01 s are over." in lines[-3]
    assert lines[-1] == "There was no tick."


async def test_more_seconds_than_the_story_needs(monkeypatch):
    """After the story the cron goes on until the seconds are over."""

    async def short_story(teller):
        teller.does("once", "upon a time")

    monkeypatch.setattr(story, "_tell_all", short_story)
    lines = []
    async with small_stage(1, started=False) as (stage, _):
        assert await story.tell(stage, 0.5, lines.append) == 0
        assert stage.cron.tally.row("after the story").total
    assert "The story is over; the cron goes on until 0.5 s are over." in lines[1]


async def test_failed_story(monkeypatch):
    """What does not come about within the limit fails the story, and is named."""
    monkeypatch.setattr(story, "Teller", lambda stage, say: Teller(stage, say, limit=0.01))
    lines = []
    async with small_stage(1, started=False) as (stage, _):
        assert await story.tell(stage, None, lines.append) == 1
    assert any("The story failed: waited 0.01 s in vain until somebody leads." in line for line in lines)


async def test_story_in_which_two_ran():
    """A tick that ran on two instances is called a defect at the end, and the exit code is not 0."""
    lines = []
    async with small_stage(1, started=False) as (stage, _):
        stage.cron.tally.add(Tick("one leads", ("i-0a", "i-0b")))
        assert await story.tell(stage, 0.01, lines.append) == 1
    assert "this is a defect" in lines[-1]
