"""A voice and a text become a mel: of the right length, the same in every batch, without what was
given. Real architectures at toy size with random weights."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch

from tests.models.f5.toy import KINDS, QUICK, tokens, toy, toy_voice
from tests.tiny import tiny_vocoder
from tests.tolerance import assert_near
from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.config import to_dict
from vivavoce.errors import ConfigError, GuardError, TextError, UnknownVoice, VoiceError
from vivavoce.models.base import sentences
from vivavoce.models.f5 import chunking
from vivavoce.models.f5.model import F5TTS
from vivavoce.nn.noise import Noise
from vivavoce.runtime import select
from vivavoce.speech.engine import TTS

TEXTS = ("one two three four five.", "six.", "seven, eight and nine, and ten.")


@pytest.fixture(scope="module")
def model():
    return toy()


def spoken(model, text, options=QUICK, seed=0, **how):
    (features,) = model.generate(
        sentences(tokens(model, text), toy_voice(), options), Noise(seed), **how
    )
    return features


def n_parameters(model) -> int:
    return sum(p.numel() for p in model.parameters())


def test_built_from_tables():
    ours = toy("v0")
    tables = {
        "config": asdict(ours.config),
        "features": to_dict(ours.spec),
        "text": to_dict(ours.text),
        "variant": {"name": "unknown"},
    }
    built = F5TTS.build(tables)
    assert (built.config, built.spec, built.text) == (ours.config, ours.spec, ours.text)
    assert built.variant == "unknown"
    assert not built.backbone.text.mask_text
    assert F5TTS.build(tables | {"variant": None}).variant == ""
    with pytest.raises(ConfigError, match="dimm"):
        F5TTS.build(tables | {"config": {"dimm": 3}})


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_padded_as_apple_s_gpus_need_it_change_nothing(kind, monkeypatch):
    model, texts = toy(kind), TEXTS[:2]
    (plain,) = model.generate(
        sentences(tokens(model, *texts), toy_voice(), QUICK), Noise(3, range(2))
    )
    samples = toy_voice().tensors["samples"]
    whole = samples, [(0, 40), (60, 90)], [20, 0], texts[0], QUICK
    edited = model.edit(*whole, Noise(3))
    monkeypatch.setattr("vivavoce.models.f5.model.bucket_length", lambda n, device: n + 14)
    (padded,) = model.generate(
        sentences(tokens(model, *texts), toy_voice(), QUICK), Noise(3, range(2))
    )
    assert torch.equal(padded.lengths, plain.lengths)
    assert_near(padded.values, plain.values)
    again = model.edit(*whole, Noise(3))
    assert torch.equal(again.lengths, edited.lengths)
    assert_near(again.values, edited.values)


@pytest.mark.parametrize("guidance", [0.0, 2.0])
@pytest.mark.parametrize("kind", KINDS)
def test_alone_as_in_a_batch(kind, guidance):
    model, options = toy(kind), replace(QUICK, guidance=guidance)
    (together,) = model.generate(
        sentences(tokens(model, *TEXTS), toy_voice(), options), Noise(3, range(3))
    )
    assert len(set(together.lengths.tolist())) == 3
    for row, text in enumerate(TEXTS):
        noise = Noise(3, [row])
        (alone,) = model.generate(sentences(tokens(model, text), toy_voice(), options), noise)
        n = int(alone.lengths[0])
        assert n == int(together.lengths[row]) == alone.values.shape[2]
        assert_near(together.values[row, :, :n], alone.values[0])
        assert not together.values[row, :, n:].any()


@pytest.mark.parametrize("spec", ["vocos", "bigvgan"])
def test_only_what_was_made_is_given(spec, monkeypatch):
    model = toy()
    if spec == "bigvgan":
        model.spec = BIGVGAN_24K
    mel, whole = model.mel(toy_voice().tensors["samples"]), []
    complete = model.complete
    monkeypatch.setattr(model, "complete", lambda *a: whole.append(complete(*a)) or whole[-1])
    values = spoken(model, TEXTS[0]).values[0].t()
    assert torch.equal(whole[0][0, : len(mel)], mel)
    assert torch.equal(values, whole[0][0, len(mel) :])
    assert (values[0] - mel[-1]).abs().max() > 0.1


@pytest.mark.parametrize("how", [{}, {"speed": 2.0}, {"speed": 0.5}])
@pytest.mark.parametrize("text", TEXTS)
def test_lengths_follow_the_reference(model, text, how):
    voice, options = toy_voice(), replace(QUICK, **how)
    n_samples = len(voice.tensors["samples"])
    whole = chunking.n_frames(voice.transcript, n_samples // 256, text, options.speed)
    given = n_samples // 256 + 1
    least = len(model._ids(voice.transcript, text)) + 1
    assert int(spoken(model, text, options).lengths[0]) == max(whole, least, given + 1) - given


def test_speed_and_duration(model):
    natural, fast, fixed = (
        int(spoken(model, TEXTS[2], replace(QUICK, **how)).lengths[0])
        for how in ({}, {"speed": 2.0}, {"duration_s": 1.5})
    )
    assert fast == pytest.approx(natural / 2, abs=1)
    assert fixed == pytest.approx(1.5 * model.spec.frame_rate, abs=2)


def test_the_seed_decides(model):
    first, again, other = (spoken(model, TEXTS[0], seed=seed).values for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 0.1


@pytest.mark.parametrize(("guidance", "rows"), [(0.0, 1), (2.0, 2)])
@pytest.mark.parametrize(("method", "each"), [("euler", 1), ("midpoint", 2)])
def test_one_pass_without_guidance(guidance, rows, method, each):
    model, shapes = toy(), []
    model.backbone.register_forward_hook(lambda _module, _in, out: shapes.append(len(out)))
    spoken(model, TEXTS[1], replace(QUICK, guidance=guidance, method=method))
    assert shapes == [rows] * QUICK.steps * each


def test_guidance_matters(model):
    plain, guided = (spoken(model, TEXTS[0], replace(QUICK, guidance=g)).values for g in (0.0, 2.0))
    assert (plain - guided).abs().max() > 1e-3


def test_steps_are_told_and_can_end_the_work():
    model, told, calls = toy(), [], []
    options = replace(QUICK, steps=5)
    spoken(model, TEXTS[1], options, on_step=lambda *step: told.append(step))
    assert told == [(n, 5) for n in range(1, 6)]

    def stop(done, _all):
        if done == 2:
            raise KeyboardInterrupt

    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    with pytest.raises(KeyboardInterrupt):
        spoken(model, TEXTS[1], options, on_step=stop)
    assert len(calls) == 2


def test_low_memory_lets_go_of_what_made_the_schedule():
    model, options = toy(), replace(QUICK, low_memory=True)
    before, expected = n_parameters(model), spoken(model, TEXTS[0]).values
    assert torch.equal(spoken(model, TEXTS[0], options).values, expected)
    config = model.config
    assert before - n_parameters(model) >= config.depth * 6 * config.dim**2
    assert torch.equal(spoken(model, TEXTS[0], options).values, expected)
    assert torch.equal(spoken(model, TEXTS[0], QUICK).values, expected)
    for other in ({"steps": 3}, {"sway": 0.0}, {"method": "midpoint"}):
        with pytest.raises(ConfigError, match="Load the model again"):
            spoken(model, TEXTS[0], replace(options, **other))


def test_not_a_number_is_tried_once_more_and_refused():
    model, tried = toy(), []
    model.backbone.output.bias.data[7] = torch.nan
    tts = TTS("toy", model, tiny_vocoder(), select("cpu"), {})
    model.backbone.text.register_forward_hook(lambda *_: tried.append(1))
    with pytest.raises(GuardError, match="NaN"):
        tts.speak("six.", toy_voice(), steps=2, guidance=0.0)
    assert len(tried) == 2


def test_it_has_no_voice_of_its_own(model):
    for name in (None, "anna"):
        with pytest.raises(UnknownVoice) as found:
            model.voice(name)
        assert "voices add" in str(found.value)
        assert "--ref" in str(found.value)


def test_a_voice_of_another_family_is_refused(model):
    other = replace(toy_voice(), family="glow")
    with pytest.raises(VoiceError, match="glow"):
        next(model.generate(sentences(tokens(model, TEXTS[0]), other, QUICK), Noise(0)))
    tts = TTS("toy", model, tiny_vocoder(), select("cpu"), {})
    with pytest.raises(VoiceError, match="glow"):
        tts.speak(TEXTS[0], other)


def test_nothing_to_speak(model):
    for empty in ("", " ", "...", "ЖЖ"):
        with pytest.raises(TextError):
            model.tokenise(empty, toy_voice(), QUICK)


def test_long_texts_are_cut_to_the_window(model):
    voice = toy_voice()
    limit = chunking.budget(voice.transcript, 1.0)
    found = list(model.chunks("some words, more words. " * 60, voice, QUICK))
    sizes = [len(chunk.text.strip()) for chunk in found]
    assert len(found) > 3
    assert max(sizes) <= limit
    assert sizes[0] <= limit / 2 < max(sizes)


@pytest.mark.parametrize("kind", ["v1", "e2"])
def test_editing_keeps_what_is_kept(kind):
    model, samples = toy(kind), toy_voice().tensors["samples"]
    mel = model.mel(samples)
    keep, gaps = [(0, 30), (50, len(mel))], [33, 5]
    features = model.edit(samples, keep, gaps, "some other words.", QUICK, Noise(0))
    values = features.values[0].t()
    assert features.lengths.tolist() == [len(values)] == [len(mel) - 20 + 38]
    assert torch.equal(values[:30], mel[:30])
    assert torch.equal(values[63:-5], mel[50:])
    again = model.edit(samples, keep, gaps, "some other words.", QUICK, Noise(1)).values[0].t()
    made = torch.tensor([*range(30, 63), *range(len(values) - 5, len(values))])
    assert (values - again)[made].abs().amax(1).min() > 1e-3
    assert torch.isfinite(values).all()


def test_what_a_transcript_holds_that_the_model_cannot_read_is_warned_of(model):
    tts = TTS("toy", model, tiny_vocoder(), select("cpu"), {})
    voice = replace(toy_voice(), transcript="one \u0436 two \u0436")
    assert model.unread(voice, QUICK) == ("\u0436",)
    speech = tts.speak("three.", voice, steps=2, guidance=0.0, on_problem="warn")
    (warning,) = [w for w in speech.warnings if "transcript" in w]
    assert "2 characters" in warning
    assert "CYRILLIC SMALL LETTER ZHE" in warning
