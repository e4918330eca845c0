"""What a model says at a validation, and what becomes of recordings that cannot be a voice."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.models.f5.corpus import WORDS, recipe_tables, store_base, write_corpus
from vivavoce import config
from vivavoce.errors import ConfigError, IncompatibleFeatures
from vivavoce.nn.task import Task
from vivavoce.train import run
from vivavoce.train.data import Example
from vivavoce.train.distributed import Group
from vivavoce.train.recipe import Recipe, SpeakConfig
from vivavoce.train.speaking import SampleSpeaker
from vivavoce.types import no_progress

CPU = torch.device("cpu")
QUICK = {"steps": 2, "pruned": False}


@pytest.fixture
def task(tmp_path: Path) -> Task:
    data = write_corpus(tmp_path / "data")
    tables: dict[str, Any] = recipe_tables(data, tmp_path / "run", store_base(tmp_path / "base"))
    recipe = config.from_dict(Recipe, tables)
    return run.assemble(recipe, "cpu", Group(), no_progress)[0].task.eval()


def test_each_text_is_said_in_the_voice_of_a_clip(task, tmp_path):
    wanted = SpeakConfig(texts=("the cat.", "a dog."), vocoder="kathleen-pulse", options=QUICK)
    clip = Example("clip6", tmp_path / "data" / "wavs" / "clip6.wav", 1.8, 0, text=WORDS[:20])
    found = dict(SampleSpeaker(wanted, task, CPU).say(clip))
    assert list(found) == ["text-1", "text-2"]
    for values in found.values():
        frames = values["speech.image"].shape[1]
        assert values["speech.audio"].shape == ((frames - 1) * 256,)
        assert values["speech.audio"].isfinite().all()


def test_what_cannot_be_said_is_a_warning(task, tmp_path, caplog):
    wanted = SpeakConfig(texts=("☃", "a dog."), vocoder="kathleen-pulse", options=QUICK)
    speaker = SampleSpeaker(wanted, task, CPU)
    clip = Example("clip6", tmp_path / "data" / "wavs" / "clip6.wav", 1.8, 0, text=WORDS[:20])
    with caplog.at_level(logging.WARNING):
        assert [name for name, _ in speaker.say(clip)] == ["text-2"]
        gone = Example("gone", tmp_path / "gone.wav", 1.0, 0, text=WORDS)
        assert list(speaker.say(gone)) == []
    assert "'☃' cannot be spoken" in caplog.text
    assert "no voice can be made from 'gone'" in caplog.text


def test_mistakes_are_named_before_training(task):
    with pytest.raises(ConfigError, match=r"speak\.options\.stepps"):
        SampleSpeaker(SpeakConfig(vocoder="kathleen-pulse", options={"stepps": 2}), task, CPU)
    task.exported.spec = config.from_dict(type(task.spec), {"n_mels": 80})
    with pytest.raises(IncompatibleFeatures):
        SampleSpeaker(SpeakConfig(vocoder="kathleen-pulse"), task, CPU)
    task.exported = nn.Linear(1, 1)
    with pytest.raises(ConfigError, match="a model that speaks"):
        SampleSpeaker(SpeakConfig(vocoder="kathleen-pulse"), task, CPU)
    with pytest.raises(ValueError, match="vocoder"):
        SpeakConfig(texts=("a",))
