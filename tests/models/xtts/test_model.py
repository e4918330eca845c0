"""The whole model: pieces and rows, its own guards, its voices and languages."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.models.xtts.vocabulary import vocabulary
from tests.tolerance import assert_near
from vivavoce.errors import TextError, UnknownVoice
from vivavoce.models.base import sentences
from vivavoce.models.xtts.config import XttsOptions
from vivavoce.models.xtts.model import Xtts
from vivavoce.models.xtts.text import Tokenizer, XttsTextConfig
from vivavoce.models.xtts.workloads import NEVER, TOY, random_model, random_voice
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens

VOICE = random_voice(TOY)
OPTIONS = XttsOptions(language="en", max_codes=50)


@pytest.fixture(scope="module")
def model():
    return random_model(TOY, "cpu")


def tokens(n: int) -> Tokens:
    return Tokens(tuple(3 + i for i in range(n)), (0,) * n)


def spoken(model, n=20, options=OPTIONS, seed=0, on_step=None):
    return list(model.generate(sentences([tokens(n)], VOICE, options), Noise(seed), on_step))


def test_one_text_comes_in_growing_pieces(model):
    parts = spoken(model)
    lengths = [part.values.shape[-1] for part in parts]
    assert len(parts) == 4  # after 6, 18, 42 and 50 codes
    assert lengths[0] < lengths[1] < lengths[2]
    assert sum(lengths) == model.stretch(1.0).length(50)
    assert all(int(part.lengths[0]) == part.values.shape[-1] for part in parts)
    assert parts[0].condition.shape == (1, 32, 1)
    assert {part.problems for part in parts} == {("",)}


def test_where_pieces_begin_changes_nothing(model):
    whole = torch.cat([part.values for part in spoken(model)], dim=-1)
    other = spoken(model, options=replace(OPTIONS, first_codes=1))
    assert_near(torch.cat([part.values for part in other], dim=-1), whole)
    assert len(other) > 4


def test_batched_equals_single(model):
    sizes = (20, 5, 33)
    (rows,) = model.generate(
        sentences([tokens(n) for n in sizes], VOICE, OPTIONS), Noise(4, range(3))
    )
    for row, n in enumerate(sizes):
        alone = list(model.generate(sentences([tokens(n)], VOICE, OPTIONS), Noise(4, [row])))
        single = torch.cat([part.values for part in alone], dim=-1)[0]
        length = int(rows.lengths[row])
        assert length == single.shape[-1]
        assert_near(rows.values[row, :, :length], single)
        assert not rows.values[row, :, length:].any()


def test_the_seed_decides(model):
    def codes(seed, temperature):
        options = replace(OPTIONS, temperature=temperature)
        return torch.cat([part.values for part in spoken(model, 20, options, seed)], dim=-1)

    assert torch.equal(codes(1, 0.75), codes(1, 0.75))
    assert not torch.equal(codes(1, 0.75), codes(2, 0.75))
    assert torch.equal(codes(1, 0.0), codes(2, 0.0))


def test_speed_shortens(model):
    natural, fast = (
        sum(part.values.shape[-1] for part in spoken(model, options=replace(OPTIONS, speed=s)))
        for s in (1.0, 2.0)
    )
    assert fast == pytest.approx(natural / 2, abs=8)


def test_progress_is_told_and_can_end_it(model):
    told = []
    spoken(model, on_step=lambda done, total: told.append((done, total)))
    assert told == [(n, 50) for n in range(1, 51)]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spoken(model, on_step=stop)


def test_a_voice_that_rambles_on_is_told_of(model):
    """The toy's stop code is forbidden, so nothing but the guard ends it."""
    parts = spoken(model, 3, XttsOptions())
    assert "without a stop token" in parts[-1].problems[0]
    frames = sum(part.values.shape[-1] for part in parts)
    assert frames == model.stretch(1.0).length(65 + 24)


def test_a_voice_that_stops_at_once_is_told_of():
    model = random_model(TOY, "cpu")
    model.gpt.code_head.bias.data[TOY.stop_code] = -NEVER
    parts = spoken(model, 60, XttsOptions())
    assert "the text is probably truncated" in parts[-1].problems[0]
    assert spoken(model, 4, XttsOptions())[-1].problems == ("",)  # a word may be that short


@pytest.mark.parametrize("n", [0, 403])
def test_too_few_and_too_many_tokens_are_refused(model, n):
    with pytest.raises(TextError, match=f"{n} tokens"):
        spoken(model, n)


def test_a_few_voices_are_remembered():
    model = random_model(TOY, "cpu")
    for n in range(model.voice_caches.kept + 3):
        latents = torch.full((TOY.n_latents, TOY.width), float(n))
        voice = replace(VOICE, tensors={**VOICE.tensors, "latents": latents})
        list(model.generate(sentences([tokens(3)], voice, replace(OPTIONS, max_codes=1)), Noise(0)))
    caches = model.voice_caches
    assert len(caches.caches) == caches.kept
    assert torch.full((TOY.n_latents, TOY.width), 2.0).numpy().tobytes() not in caches.caches
    assert latents.numpy().tobytes() in caches.caches


def test_the_first_request_of_a_voice_computes_what_the_next_does():
    """Products of the same numbers of rows: on some processors their last digit depends on it."""
    model, shapes = random_model(TOY, "cpu"), []
    model.gpt.register_forward_pre_hook(lambda _, given: shapes.append(tuple(given[0].shape)))
    spoken(model)
    voice, *first = shapes
    shapes.clear()
    spoken(model)
    assert voice == (1, TOY.n_latents, TOY.width)
    assert first == shapes


def talker(languages=("en", "de", "ja"), speakers=("Ana Florence", "Zoë")):
    text = XttsTextConfig(vocabulary(languages))
    config = replace(TOY, text_tokens=Tokenizer(text).n_tokens)
    return Xtts(config, text=text, speaker_names=speakers).eval()


def test_studio_speakers_are_voices():
    model = talker()
    model.speaker_latents[1] = 7.0
    model.speaker_embeddings[1, 0] = 1.0
    voice = model.voice("Zoë")
    assert voice.tensors["latents"].shape == (TOY.n_latents, TOY.width)
    assert float(voice.tensors["latents"][0, 0]) == 7.0
    assert model.voice().name == "Ana Florence"
    with pytest.raises(UnknownVoice, match="no speaker 'Zo'"):
        model.voice("Zo")
    with pytest.raises(UnknownVoice, match="needs a voice"):
        talker(speakers=()).voice()


def test_the_language_is_the_options_else_the_voices():
    model, german = talker(), replace(VOICE, language="de-AT")
    said = {
        language: model.tokenise("3 Äpfel", german, XttsOptions(language=language)).text
        for language in ("", "en")
    }
    assert said == {"": "drei äpfel", "en": "three äpfel"}
    with pytest.raises(TextError, match="'fr'"):
        model.tokenise("Bonjour.", VOICE, XttsOptions(language="fr"))
    with pytest.raises(TextError, match="en, de, ja"):
        list(model.chunks("Bonjour.", VOICE, XttsOptions(language="klingon")))


def test_auto_asks_a_detector(monkeypatch):
    model = talker()
    from vivavoce.models.xtts import model as module

    monkeypatch.setattr(module, "detect", lambda text, known: "de" if "und" in text else "en")
    auto = XttsOptions(language="auto")
    assert model.tokenise("2 und 2", VOICE, auto).text == "zwei und zwei"
    assert model.tokenise("2 and 2", VOICE, auto).text == "two and two"


def test_a_long_text_is_cut_to_what_fits():
    model = talker()
    text = "word and word " * 200
    pieces = list(model.chunks(text, VOICE, XttsOptions(language="en")))
    assert len(pieces) > 8
    assert all(len(piece.text) <= 250 for piece in pieces)
    assert "".join(text[p.start : p.end] for p in pieces).replace(" ", "") == text.replace(" ", "")
