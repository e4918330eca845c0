"""What Tortoise makes of voices, takes, options and bad input, at toy size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.models.tortoise.official import CODES, tiny_tortoise
from tests.speechlike import speechlike
from tests.tolerance import assert_near
from vivavoce.config import from_dict
from vivavoce.errors import AudioError, ConfigError, TextError, UnknownVoice, VoiceError
from vivavoce.models.base import sentences
from vivavoce.models.tortoise.config import DiffusionConfig, TortoiseConfig, TortoiseOptions
from vivavoce.models.tortoise.model import Tortoise
from vivavoce.models.tortoise.schedule import steps_back
from vivavoce.models.tortoise.takes import BREATH, CALM, END, Take, spoken
from vivavoce.nn.noise import Noise
from vivavoce.types import Audio, Tokens, Voice

QUICK = TortoiseOptions(candidates=2, steps=2)
TOKENS = Tokens((5, 6, 7, 8), (0,) * 4)


@pytest.fixture(scope="module")
def model() -> Tortoise:
    found = tiny_tortoise().model
    assert isinstance(found, Tortoise)
    return found


def spoken_by(model: Tortoise, options: TortoiseOptions = QUICK, seed: int = 0, **how):
    tokens, voice = how.get("tokens", TOKENS), how.get("voice", model.voice())
    (found,) = model.generate(sentences([tokens], voice, options), Noise(seed))
    return found


def test_a_drawn_voice_is_the_same_for_the_same_number(model):
    one, again, other = model.voice("7"), model.voice("7"), model.voice("8")
    assert torch.equal(one.tensors["latent"], again.tensors["latent"])
    assert not torch.equal(one.tensors["embedding"], other.tensors["embedding"])
    assert torch.equal(model.voice().tensors["latent"], model.voice("0").tensors["latent"])
    for name in ("Anna", "9" * 5000):
        with pytest.raises(UnknownVoice):
            model.voice(name)


def test_a_voice_is_made_of_recordings(model):
    clip = speechlike(9.0, 24_000)
    voice = model.make_voice(clip, name="me")
    assert {k: tuple(v.shape) for k, v in voice.tensors.items()} == {
        "latent": (64,),
        "embedding": (128,),
    }
    piece = Audio(clip.samples[:144_000], 24_000)
    assert_near(model.make_voice(piece).tensors["latent"], voice.tensors["latent"])  # 3 s are left
    whole = Audio(np.tile(clip.samples, 4), 24_000)
    (warning,) = set(model.make_voice(whole).warnings) - set(model.make_voice(clip).warnings)
    assert "6.0 s are ignored" in warning
    both = model.make_voice([clip, Audio(clip.samples[::-1].copy(), 24_000)])
    assert not torch.equal(both.tensors["latent"], voice.tensors["latent"])
    assert not torch.equal(
        spoken_by(model, voice=voice).values[..., :40], spoken_by(model).values[..., :40]
    )


def test_recordings_that_make_no_voice(model):
    with pytest.raises(VoiceError, match="no recording"):
        model.make_voice([])
    with pytest.raises(VoiceError, match="too short"):
        model.make_voice(speechlike(0.5, 24_000))
    with pytest.raises(AudioError):
        model.make_voice(Audio(np.zeros(24_000, np.float32), 24_000))


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "lacks its latent"),
        ({"latent": torch.ones(32), "embedding": torch.ones(128)}, "made for another model"),
        ({"latent": torch.ones(64), "embedding": torch.full((128,), torch.nan)}, "NaN"),
    ],
)
def test_a_voice_that_does_not_fit(model, tensors, message):
    with pytest.raises(VoiceError, match=message):
        spoken_by(model, voice=Voice("me", "tortoise", tensors))
    with pytest.raises(VoiceError, match="one of xtts"):
        spoken_by(model, voice=Voice("me", "xtts", tensors))


def test_texts_that_cannot_be_spoken(model):
    for count in (0, 402, 5000):
        with pytest.raises(TextError, match=f"has {count} tokens"):
            spoken_by(model, tokens=Tokens((5,) * count, (0,) * count))
    with pytest.raises(TextError, match="none of these characters"):
        model.tokenise("日本語", model.voice(), QUICK)


def test_numbers_and_accents_are_said(model):
    tokens = model.tokenise("Café at 7 [STOP]", model.voice(), QUICK)
    assert tokens.words[0] == "cafe"
    assert "seven" in tokens.words
    assert 0 not in tokens.ids


def test_speed_and_presets(model):
    natural = int(spoken_by(model).lengths)
    assert natural == (CODES + BREATH) * 4 * 24_000 // 22_050
    assert int(spoken_by(model, replace(QUICK, speed=2.0)).lengths) == round(natural / 2)
    assert (TortoiseOptions().takes, TortoiseOptions().diffusion_steps) == (5, 50)
    best = TortoiseOptions(quality="high_quality", steps=30)
    assert (best.takes, best.diffusion_steps) == (256, 30)
    for wrong in ({"guidance": -1.0}, {"candidates": 5000}, {"temperature": 9.0}):
        with pytest.raises(ConfigError):
            from_dict(TortoiseOptions, wrong)


def test_options_that_change_the_mel_and_not_its_length(model):
    plain = spoken_by(model).values
    for change in ({"guidance": 0.0}, {"sampler": "ancestral"}, {"diffusion_temperature": 0.5}):
        found = spoken_by(model, replace(QUICK, **change)).values
        assert found.shape == plain.shape
        assert not torch.equal(found, plain)


def test_progress_is_told_and_may_end_the_work(model):
    told = []
    batch = sentences([TOKENS], model.voice(), QUICK)
    list(model.generate(batch, Noise(0), lambda done, total: told.append((done, total))))
    done, totals = zip(*told, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {done[-1]}

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(model.generate(batch, Noise(0), stop))


def test_a_take_that_does_not_end_is_reported_and_not_preferred(model):
    cut = spoken_by(model, replace(QUICK, max_codes=10))
    assert cut.problems == ("",)  # it was asked for
    endless, ended = Take((7,) * 99, stopped=False), Take((7,) * 5, stopped=True)
    ids = torch.tensor([[5, 6, 0]])
    assert model.best(ids, [endless, ended, endless])[0] is ended


def test_the_take_that_ranks_highest_is_kept(model):
    takes = [Take(tuple(range(start, start + 30)), True) for start in (20, 90, 150)]
    ids = torch.tensor([[5, 6, 0]])
    scores = [model.rank(ids, take.filled(model.longest)[None]) for take in takes]
    best = int(torch.cat(scores).argmax())
    assert model.best(ids, takes)[0] is takes[best]


def test_codes_are_filled_as_the_networks_were_trained():
    filled = Take((7, 8), stopped=True).filled(40)
    assert filled[:3].tolist() == [7, 8, CALM]
    assert tuple(filled[-3:].tolist()) == END
    assert spoken(filled).tolist() == [7, 8] + [CALM] * BREATH
    whole = Take((7,) * 40, stopped=False).filled(40)
    assert spoken(whole).tolist() == [7] * 40


def test_the_schedule():
    places = [step.place for step in steps_back(5, 4000)]
    assert places == [3999, 2999, 2000, 1000, 0]
    assert [step.share for step in steps_back(4, 4000)] == [0.75, 0.5, 0.25, 0.0]


@pytest.mark.parametrize(
    "wrong",
    [{"width": 0}, {"heads": 5}, {"diffusion": DiffusionConfig(width=30)}, {"stop_code": 9000}],
)
def test_sizes_that_make_no_model(wrong):
    with pytest.raises(ConfigError):
        TortoiseConfig(**wrong)
