import asyncio
import os

import pytest

from leaderd.aws.discovery import Discovery, Found
from leaderd.aws.imds import Imds
from leaderd.demo.cloud import ImdsFault
from leaderd.errors import SourceError

EB = "opt/elasticbeanstalk"


@pytest.fixture
def instance(aws):
    return aws.cloud.instances[aws.cloud.members[0]]


@pytest.fixture
async def discovery(aws, instance, tmp_path):
    async with Imds(aws.imds_listeners[instance.id].url, lambda: 0.0, timeout=5) as imds:
        yield Discovery(imds, tmp_path, command_timeout=30)


@pytest.fixture
def write(tmp_path):
    def write(path, text, mode=0o644):
        file = tmp_path / EB / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file

    return write


def get_config(write, *lines):
    """A get-config that checks how it is called, then runs `lines`."""
    script = ["#!/bin/sh", 'test "$*" = "container -k environment_name" || exit 3', *lines]
    return write("bin/get-config", "\n".join(script) + "\n", 0o755)


async def failure(asking):
    with pytest.raises(SourceError) as caught:
        await asking
    return caught.value


async def test_environment_setting(discovery, write):
    """A setting wins over everything that could be found."""
    write("config/ebenvinfo/envid", "e-abc")
    assert await discovery.environment("mine") == Found("mine", "settings")


async def test_environment_file(discovery, write):
    """The file that Elastic Beanstalk leaves on every instance is next."""
    file = write("config/ebenvinfo/envid", "e-abc\n")
    get_config(write, "echo another")
    assert await discovery.environment(None) == Found("e-abc", str(file))


async def test_environment_command(discovery, write):
    """Without the file, get-config is asked for the name."""
    get_config(write, "echo shop-test")
    assert await discovery.environment(None) == Found("shop-test", "get-config container -k environment_name")


@pytest.mark.parametrize("line", ["exit 1", "echo", "printf '\\377\\n'", "echo shop-test; exit 1"])
async def test_environment_command_without_answer(discovery, write, line, instance):
    """A get-config that fails, says nothing or says garbage is passed over."""
    get_config(write, line)
    instance.tags_in_imds = True
    assert (await discovery.environment(None)).source == "instance tag elasticbeanstalk:environment-name"


async def test_environment_tags(discovery, aws, instance):
    """Where tags in metadata are on, they name the environment."""
    instance.tags_in_imds = True
    assert (await discovery.environment(None)).value == aws.cloud.environment


async def test_environment_id_tag(discovery, instance, monkeypatch):
    """The tag with the id serves where there is none with the name."""
    instance.tags_in_imds = True
    monkeypatch.setattr("leaderd.demo.metadata._tags", lambda _: {"elasticbeanstalk:environment-id": "e-xyz"})
    assert await discovery.environment(None) == Found("e-xyz", "instance tag elasticbeanstalk:environment-id")


async def test_environment_of_the_deployment(discovery, write):
    """Last, the environment properties of the deployment may have it, values as they stand."""
    file = write("deployment/env", "A=LEADERD_ENVIRONMENT\n\nLEADERD_ENVIRONMENT=shop-prod\nB=c=d\n")
    assert await discovery.environment(None) == Found("shop-prod", f"LEADERD_ENVIRONMENT in {file}")


async def test_environment_nowhere(discovery, write):
    """When nobody knows, the error lists what was tried, each with what came of it, and the setting."""
    write("deployment/env", "A=b\n")
    error = await failure(discovery.environment(None))
    assert (error.kind, error.hint) == ("undiscovered", "set --environment")
    tried = error.message.partition("; tried ")[2].split("; ")
    assert [each.rpartition(": ")[2] for each in tried] == [
        "not set",
        "No such file or directory",
        "No such file or directory",
        "not set",
        "not set",
        "not set",
    ]
    for source in ("settings", "ebenvinfo/envid", "get-config", "environment-name", "environment-id", "deployment/env"):
        assert source in error.message


async def test_failures_are_listed(discovery, write, instance, tmp_path):
    """What keeps a source from answering stands in the list as well."""
    instance.imds = ImdsFault.FORBIDDEN
    (tmp_path / EB / "config/ebenvinfo/envid").mkdir(parents=True)
    write("bin/get-config", "no script", 0o644)
    message = (await failure(discovery.environment(None))).message
    assert "envid: Is a directory" in message
    assert "environment_name: Permission denied" in message
    assert "environment-name: IMDS answered 403" in message


async def test_hanging_command_is_killed(tmp_path, write):
    """A get-config that is cut off is killed, with all that it started."""
    held = tmp_path / "held"
    os.mkfifo(held)
    get_config(write, f"exec 3> {held}", "echo ready >&3", "sleep 1000 &", "wait")
    discovery = Discovery(Imds("http://127.0.0.1:1", lambda: 0.0), tmp_path)
    asking = asyncio.create_task(discovery._get_config())
    with await asyncio.to_thread(held.open) as pipe:
        assert await asyncio.to_thread(pipe.readline) == "ready\n"
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await asyncio.to_thread(pipe.read) == ""  # comes when nobody holds the other end any more


async def test_slow_command_is_cut(aws, instance, tmp_path, write):
    """A get-config that takes too long counts as one that does not know."""
    get_config(write, "sleep 1000")
    instance.tags_in_imds = True
    async with Imds(aws.imds_listeners[instance.id].url, lambda: 0.0, timeout=5) as imds:
        found = await Discovery(imds, tmp_path, command_timeout=0.05).environment(None)
        assert found.value == aws.cloud.environment
        instance.tags_in_imds = False
        error = await failure(Discovery(imds, tmp_path, command_timeout=0.05).environment(None))
        assert "get-config container -k environment_name: no answer in time" in error.message


async def test_region(discovery, write, aws):
    """The region is set, or in Elastic Beanstalk's file, or IMDS knows it."""
    assert await discovery.region(None) == Found(aws.cloud.region, "IMDS placement/region")
    file = write("config/ebenvinfo/region", "us-east-1\n")
    assert await discovery.region(None) == Found("us-east-1", str(file))
    assert await discovery.region("eu-north-1") == Found("eu-north-1", "settings")


async def test_no_region(discovery, instance):
    """Without any region the error names the setting."""
    instance.imds = ImdsFault.UNAVAILABLE
    error = await failure(discovery.region(None))
    assert (error.kind, error.hint) == ("undiscovered", "set --region")
    assert "IMDS placement/region: IMDS answered 503" in error.message
