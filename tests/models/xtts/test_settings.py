"""Settings, vocabulary and weights have to agree; what one of them leaves open another tells."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.models.xtts import official
from tests.models.xtts.official import TINY
from tests.models.xtts.test_importer import build, settings, with_speakers
from vivavoce.errors import BadCheckpoint
from vivavoce.models.xtts import importer as convert


def test_settings_come_from_the_configuration():
    _, _, tables, _ = build(with_speakers(official.tensors()))
    config = tables["config"]
    assert (config["condition_s"], config["condition_chunk_s"]) == (30.0, 4.0)
    assert (config["reference_s"], config["input_rate"]) == (20.0, 22050)
    assert (config["start_text"], config["stop_text"]) == (3, 0), "from the vocabulary"
    assert (config["start_code"], config["stop_code"]) == (18, 19)
    assert config["max_prompt"] == 70
    assert tables["options"] == {
        "temperature": 0.65,
        "top_k": 40,
        "top_p": 0.8,
        "repetition_penalty": 5.0,
    }
    assert tables["languages"] == ["en", "de", "zh-cn"]
    assert tables["speakers"] == list(TINY.speakers)
    assert json.loads(tables["text"]["vocabulary"]) == official.vocabulary()
    assert "\n" not in tables["text"]["vocabulary"]


def test_where_the_configuration_is_silent_the_rest_speaks():
    foreign = {"found": settings()["found"], "model_args": {"gpt_n_heads": 2}}
    _, _, tables, _ = build(official.tensors(), foreign)
    assert tables["languages"] == ["en", "de", "zh-cn"]
    assert (tables["config"]["start_code"], tables["config"]["stop_code"]) == (18, 19)
    assert tables["options"] == {}


@pytest.mark.parametrize("tokens", [TINY.tokens - 13, TINY.tokens + 200])
def test_another_text_vocabulary(tokens):
    sizes = replace(TINY, tokens=tokens)
    model, _, tables, _ = build(official.tensors(sizes), settings(sizes))
    assert tables["config"]["text_tokens"] == tokens
    assert model.gpt.text_head.bias.shape == (tokens,)


def test_the_vocabulary_must_be_there_and_fit():
    state = official.tensors()
    with pytest.raises(BadCheckpoint, match=r"no vocab\.json.*into the same folder"):
        convert.tables(official.config(), state)
    for wrong in ("[", "[]", "{}", '{"model": {"vocab": [1]}}', '{"model": {"vocab": {"a": "b"}}}'):
        with pytest.raises(BadCheckpoint, match=r"vocab\.json .*that belongs"):
            convert.tables(official.config() | {"found": {"vocabulary": wrong}}, state)
    larger = official.vocabulary(replace(TINY, tokens=TINY.tokens + 1))
    with pytest.raises(BadCheckpoint, match=r"has 54 tokens.*rows for 53.*vocab\.json"):
        build(state, settings(vocabulary=larger))
    nameless = official.vocabulary()
    nameless["added_tokens"] = []
    vocab = nameless["model"]["vocab"]
    vocab["other"] = vocab.pop("[START]")
    with pytest.raises(BadCheckpoint, match=r"no token \[START\]"):
        build(state, settings(vocabulary=nameless))


def test_a_configuration_of_another_checkpoint_is_told():
    state = official.tensors()
    wrong = {"gpt_layers": 3, "gpt_n_model_channels": 64, "gpt_number_text_tokens": 6681}
    wrong |= {"gpt_use_perceiver_resampler": False, "gpt_num_audio_tokens": 8194}
    for key, value in wrong.items():
        arguments = official.config()["model_args"] | {key: value}
        with pytest.raises(BadCheckpoint, match=rf"{key} is {value}.*config\.json that belongs"):
            build(state, settings(model_args=arguments))
    with pytest.raises(BadCheckpoint, match="for a 'vits'"):
        build(state, settings(model="vits"))
    with pytest.raises(BadCheckpoint, match="heads"):
        build(state, settings(model_args={"gpt_n_heads": "two"}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gpt_cond_len", 0),
        ("gpt_cond_chunk_len", float("nan")),
        ("max_ref_len", "long"),
        ("temperature", -1),
        ("top_k", 3.5),
        ("sound_norm_refs", "no"),
        ("model_args", [1]),
        ("languages", "en"),
    ],
)
def test_values_that_cannot_be_are_refused(key, value):
    with pytest.raises(BadCheckpoint, match=r"config\.json"):
        build(official.tensors(), settings(**{key: value}))


def test_statistics_are_needed():
    state = official.tensors()
    del state["mel_stats"]
    with pytest.raises(BadCheckpoint, match=r"no mel_stats\.pth|mel_stats"):
        build(state)
