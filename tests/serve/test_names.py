"""What a server is called and what it may fill: aliases, its name on the network, its memory."""

from __future__ import annotations

import asyncio
import sys

import pytest

from vivavoce.cli import main
from vivavoce.errors import UsageError
from vivavoce.serve.budget import most_memory, rows_that_fit
from vivavoce.serve.config import ALIASES, BUILT_IN, ServeConfig, parse_alias
from vivavoce.serve.table import ModelRow, Table, VoiceRow

MODELS = [ModelRow(name=name, family="f") for name in ("first", "second")]
VOICES = [VoiceRow(id=f"of-{model.name}", name="v", model=model.name) for model in MODELS]
GB = 10**9


def table(*aliases):
    return Table(MODELS, VOICES, (*BUILT_IN, *map(parse_alias, aliases)))


def test_aliases_mean_the_first_model_unless_told_otherwise():
    own = table("tts-1-hd=second", "narrator = second")
    meant = {name: own.model(name).name for name in (*ALIASES, "narrator")}
    assert meant.pop("tts-1-hd") == meant.pop("narrator") == "second"
    assert set(meant.values()) == {"first"}
    assert own.voice(None, "narrator").id == "of-second"
    assert own.voice("alloy", "tts-1-hd").id == "of-second"


@pytest.mark.parametrize(
    ("alias", "told"),
    [("x=secnd", "'secnd', which is not served"), ("second=first", "is the name of a model")],
)
def test_an_alias_of_nothing_is_refused(alias, told):
    with pytest.raises(UsageError, match=told):
        table(alias)


@pytest.mark.parametrize("text", ["x", "=second", "x="])
def test_an_alias_is_a_name_and_a_model(text):
    with pytest.raises(UsageError, match="is not an alias"):
        parse_alias(text)


@pytest.mark.parametrize(
    ("most", "used", "row", "rows"),
    [
        (8 * GB, 2 * GB, GB, 6),  # as many as fit
        (80 * GB, 2 * GB, GB, 16),  # as many as were asked for
        (2 * GB, 3 * GB, GB, 1),  # one is always there
        (0, 2 * GB, GB, 16),  # nobody knows what is free
        (2 * GB, 3 * GB, 0, 16),  # rows take little
    ],
)
def test_memory_decides_how_many_sentences_share_a_step(most, used, row, rows):
    assert rows_that_fit(16, most, used, row) == rows


def test_the_budget_is_what_was_said_or_most_of_what_is_free():
    assert most_memory(ServeConfig(max_memory=GB, device="cpu")) == GB
    most = most_memory(ServeConfig(device="cpu"))
    if sys.platform == "darwin":  # which does not say what is free
        assert most == 0
    else:
        assert most > 10**8


def test_a_device_that_is_not_there_is_for_the_loader_to_refuse():
    assert most_memory(ServeConfig(device="no such device")) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--alias", "x"], "Write it as NAME=MODEL"),
        (["--alias", "x=absent"], "means 'absent', which is not served"),
        (["--zeroconf", "Kitchen"], "Add --wyoming PORT"),
    ],
)
def test_the_command_refuses_names_that_mean_nothing(capsys, arguments, told):
    assert main(["serve", *arguments]) == 2
    assert told in " ".join(capsys.readouterr().err.split())


async def announced(*names):
    from zeroconf.asyncio import AsyncZeroconf

    from vivavoce.serve.discovery import KIND, Announcement

    servers, found = [Announcement(name) for name in names], []
    listener = AsyncZeroconf(interfaces=["127.0.0.1"])
    try:
        for server in servers:
            await server.start("127.0.0.1", 10_200)
        asked = (f"{name}.{KIND}" for name in names)
        found += [await listener.async_get_service_info(KIND, name, 3000) for name in asked]
    finally:
        for server in servers:
            await server.stop()
        await listener.async_close()
    return found


def test_wyoming_is_found_under_its_name():
    pytest.importorskip("zeroconf")
    (found,) = asyncio.run(announced("Living room"))
    assert (found.port, found.parsed_addresses()) == (10_200, ["127.0.0.1"])


def test_a_name_that_is_taken_is_refused():
    pytest.importorskip("zeroconf")
    with pytest.raises(UsageError, match="Another server is called 'Kitchen'"):
        asyncio.run(announced("Kitchen", "Kitchen"))


@pytest.mark.parametrize("name", ["", "x" * 64, "a\nb"])
def test_a_name_must_fit_into_the_announcement(name):
    pytest.importorskip("zeroconf")
    from vivavoce.serve.discovery import Announcement

    with pytest.raises(UsageError, match="cannot be announced"):
        Announcement(name)
