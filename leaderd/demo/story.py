"""The told story: a fleet elects a leader, loses its daemon, its instance and the API, and always has one or none."""

import asyncio
from collections.abc import Callable

from leaderd.demo.faults import Fault
from leaderd.demo.sidecar import Answers, leader_of, nobody_can_tell, short
from leaderd.demo.stage import Stage
from leaderd.demo.teller import StoryError, Teller
from leaderd.demo.ticks import Row, table


async def tell(stage: Stage, seconds: float | None, say: Callable[[str], None]) -> int:
    """Tell the story, and close with the table of ticks.

    Args:
        stage: an empty stage.
        seconds: when to stop; ticks go on until then. None: when the story is over.
        say: prints a line.

    Returns:
        The exit code: 0 only if the story went as it must and no tick ran on two instances.

    Raises:
        CannotStartError: the daemons cannot be started.
    """
    teller = Teller(stage, say)
    failed = False
    try:
        async with asyncio.timeout(seconds):
            await _tell_all(teller)
            if seconds is not None:
                teller.does("after the story", f"The story is over; the cron goes on until {seconds:g} s are over.")
                await asyncio.Event().wait()
    except TimeoutError:
        teller.sees(f"{seconds:g} s are over.")
    except StoryError as error:
        teller.sees(f"The story failed: {error}.")
        failed = True
    finally:
        for line in ("", *table(stage.cron.tally)):
            say(line)
    return 1 if failed else stage.cron.tally.exit_code()


async def _tell_all(teller: Teller) -> None:
    await _start(teller)
    for step in (_steady, _kill, _throttle, _terminate, _stop_api, _restore_api):
        await step(teller)


async def _start(teller: Teller) -> None:
    stage = teller.stage
    teller.does("electing", "Start a pretend AWS and a few instances in it, each with its own leaderd serve.")
    await stage.fleet.start()
    teller.sees(f"All answer. In another terminal, try: {stage.curl()}")
    for sidecar in stage.fleet.sidecars.values():
        teller.adds(f"{sidecar.instance_id}  port {sidecar.port}  pid {sidecar.pid}")
    teller.adds(f"logs in {stage.directory}")
    leader = await teller.leader()
    teller.sees(f"{short(leader)} leads. It waited until no leader from before could still believe in itself.")


async def _steady(teller: Teller) -> None:
    teller.does("one leads", "Each instance has the same two cron jobs, once a second: one asks /leader, one claims.")
    teller.sees(_who_ran(await teller.ticks(4)))


async def _kill(teller: Teller) -> None:
    leader = await teller.leader()
    sidecar = teller.stage.fleet.sidecars[leader]
    killed = sidecar.pid
    teller.does("daemon killed", f"kill -9 {killed}: the daemon on {short(leader)} crashes.")
    sidecar.kill()
    took = await teller.until(
        f"{short(leader)} leads again",
        lambda answers: sidecar.pid not in {None, killed} and answers[leader].leads,
    )
    kept = took < teller.timing.hold_down
    why = "its state file kept its streak" if kept else "it was away for too long, so its streak began anew"
    teller.sees(f"{short(leader)} leads again after {took:.1f} s: {why}.")
    await teller.ticks(1)


async def _throttle(teller: Teller) -> None:
    """One poll of each instance is throttled. That one lost poll costs nothing is what the settings are made for."""
    leader = await teller.leader()
    cloud = teller.stage.aws.cloud
    teller.does("throttled", 'EB answers the next poll of each instance with "Rate exceeded".')
    since = cloud.now()
    cloud.faults.of.update(dict.fromkeys(teller.stage.fleet.sidecars, Fault.THROTTLE))
    lost = False

    def over(answers: Answers) -> bool:
        nonlocal lost
        lost = lost or not answers[leader].leads
        outcomes = [(call.caller, call.outcome) for call in teller.stage.aws.beanstalk.log if call.time >= since]
        for one in answers:
            if (one, "Throttling") in outcomes:
                cloud.faults.of.pop(one, None)
        return all((one, "ok") in outcomes for one in answers)

    await teller.until("all were throttled, and then answered", over)
    believed = f"one answer is believed for {teller.timing.max_staleness:g} s, so a poll may be lost"
    teller.sees(f"{short(leader)} lost the lead, and will have it again." if lost else f"Nobody noticed: {believed}.")


async def _terminate(teller: Teller) -> None:
    """The leader goes; an instance comes in its place, as Auto Scaling would have it, last in the list."""
    leader = await teller.leader()
    fleet = teller.stage.fleet
    others = len(fleet.sidecars) - 1
    teller.does("leader terminated", f"Auto Scaling terminates {short(leader)}, the leader, and launches another.")
    fleet.terminate(leader)
    added = await fleet.add()
    following, gap = await _following(teller, leader)
    took = asyncio.get_running_loop().time() - fleet.forgotten[leader]
    teller.sees(f"{short(following)} leads. Nobody led for {gap:.1f} s.")
    if others:
        bound = f"{teller.timing.failover_bound:.1f} s"
        teller.adds(f"It took {took:.1f} s from when EB forgot {short(leader)}; the settings promise {bound}.")
        teller.adds(f"{short(added.instance_id)} is new, and last in EB's list.")


async def _following(teller: Teller, leader: str) -> tuple[str, float]:
    """Wait until another than `leader` leads. Returns its id, and for how many seconds nobody was seen to lead."""
    now = asyncio.get_running_loop().time
    led = now()
    following = ""

    def another_leads(answers: Answers) -> bool:
        nonlocal led, following
        following = leader_of(answers) or ""
        if following == leader:
            led = now()
        return leader in teller.stage.fleet.forgotten and following not in {"", leader}

    await teller.until("the next instance leads", another_leads)
    return following, now() - led


async def _stop_api(teller: Teller) -> None:
    teller.does("API fails", "EB is out of reach: it refuses connections.")
    await teller.stage.stop_api()
    took = await teller.until("nobody can tell who leads", nobody_can_tell)
    teller.sees(f"After {took:.1f} s all instances say unknown (503): none of them guesses.")
    teller.does("API is out", "Two ticks later:")
    teller.sees(_who_ran(await teller.ticks(2)))


async def _restore_api(teller: Teller) -> None:
    teller.does("API is back", "EB answers again.")
    await teller.stage.restore_api()
    leader = await teller.leader()
    held = f"{teller.timing.hold_down:g} s"
    teller.sees(f"{short(leader)} leads. After such a gap it had to be first anew for {held}.")
    teller.does("one leads again", "And a few ticks more:")
    teller.sees(_who_ran(await teller.ticks(3)))


def _who_ran(row: Row) -> str:
    who = f" on {' and '.join(map(short, row.ran))}" if row.ran else ""
    parts = [
        f"{row.one} ran once{who}" if row.one else "",
        f"{row.zero} ran nowhere" if row.zero else "",
        f"{row.more} ran more than once" if row.more else "",
    ]
    claimed = f"By claims {row.claimed_once} of {row.total} ran once."
    return f"{row.total} ticks by /leader: {', '.join(filter(None, parts))}. {claimed}"
