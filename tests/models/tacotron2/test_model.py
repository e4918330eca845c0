"""Rows side by side, parts as they come, styles, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.speechlike import speechlike
from vivavoce.errors import TextError, UnknownVoice, VoiceError
from vivavoce.models.base import Job, Sentence
from vivavoce.models.tacotron2.config import AttentionConfig, StyleConfig, TacotronOptions
from vivavoce.models.tacotron2.guard import AttentionGuard
from vivavoce.models.tacotron2.workloads import DYNAMIC, STYLE, TOY, _toy, random_model
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens, Voice

CLOSE = 1e-4
KINDS = {
    "location": TOY.attention,
    "softmax": replace(TOY.attention, norm="softmax"),
    "forward": replace(
        TOY.attention, forward_attention=True, forward_mask=True, agent=True, window=True
    ),
    "dynamic": DYNAMIC,
    "graves": AttentionConfig("graves", heads=3),
}
FIRST = _toy(replace(TOY, generation=1, n_linear=65))


def toy(**changes):
    return random_model(replace(TOY, **changes), torch.device("cpu"))


def sentence(model, count, voice=None, **options):
    tokens = Tokens(tuple(1 + (7 * i + count) % 100 for i in range(count)), (0,) * count)
    return Sentence(tokens, voice or model.voice(), TacotronOptions(**options))


def whole(model, one, seed=0, attempt=0):
    batcher = model.batcher(1)
    batcher.add(Job(one, seed, attempt=attempt))
    while True:
        for _, features, _ in batcher.step():
            return features


@pytest.mark.parametrize("kind", [*KINDS, "first"])
def test_batched_is_single(kind):
    config = FIRST if kind == "first" else replace(TOY, attention=KINDS[kind])
    model = random_model(replace(config, dropout_at_inference=True), torch.device("cpu"))
    rows = [sentence(model, n) for n in (9, 3, 14)]
    (batch,) = model.generate(rows, Noise(4, (0, 1, 2)))
    for index, row in enumerate(rows):
        parts = list(model.generate([row], Noise(4, (index,))))
        alone = torch.cat([part.values for part in parts], -1)
        together = batch.row(index).values
        assert alone.shape == together.shape
        assert (alone - together).abs().max() < CLOSE
        assert parts[-1].problems == (batch.problems[index],)


def test_a_sentence_that_joins_later_is_the_same_as_alone():
    model = toy(attention=DYNAMIC)
    first, second = sentence(model, 40), sentence(model, 11, speed=1.25)
    batcher, jobs, found = model.batcher(2), [Job(first, 1), Job(second, 2)], {}
    batcher.add(jobs[0])
    for _ in range(7):
        batcher.step()
    batcher.add(jobs[1])
    while batcher.jobs():
        found |= {job: features for job, features, ended in batcher.step() if ended}
    for job in jobs:
        expected = whole(model, job.sentence, job.seed).values
        assert (found[job].values - expected).abs().max() < CLOSE


@pytest.mark.parametrize("speed", [1.0, 0.7, 1.6])
def test_parts_are_the_whole(speed):
    model = toy(attention=DYNAMIC)
    one = sentence(model, 150, speed=speed)
    parts = list(model.generate([one], Noise(0)))
    assert len(parts) > 1
    expected = whole(model, one).values
    found = torch.cat([part.values for part in parts], -1)
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < CLOSE


def test_another_attempt_differs_although_the_first_draws_nothing():
    model = toy(attention=DYNAMIC)
    one = sentence(model, 20)
    first, again, second = (whole(model, one, seed, n) for seed, n in ((0, 0), (5, 0), (5, 1)))
    assert torch.equal(first.values, again.values)
    assert not torch.equal(first.values[..., :9], second.values[..., :9])


def test_a_model_that_never_stops_is_ended_and_reported():
    model = toy()
    model.decoder.stop.bias.data.fill_(-100.0)
    features = whole(model, sentence(model, 4))
    assert features.lengths[0] / model.spec.frame_rate < 5
    assert features.problems[0]


def watched(peaks, n_tokens=40, step_s=0.0116):
    guard = AttentionGuard(n_tokens, step_s)
    for peak in peaks:
        guard.push(peak)
    return guard.finish()


STEADY = [i // 6 for i in range(240)]


@pytest.mark.parametrize(
    ("peaks", "problem"),
    [
        (STEADY, ""),
        ([*STEADY[:120], *[3] * 4, *STEADY[120:]], ""),
        ([*STEADY[:60], *STEADY[150:]], "skipped 16 tokens at 0.7 s"),
        ([*STEADY[:150], *STEADY[30:]], "went back"),
        ([*STEADY[:120], *[20] * 200, *STEADY[120:]], "stuck at token 21 of 40"),
        (STEADY[:150], "ended at token 25 of 40"),
    ],
)
def test_the_guard_finds_failures_of_the_attention(peaks, problem):
    found = watched(peaks)
    assert bool(found) == bool(problem)
    assert problem in found


def test_a_style_is_a_voice():
    model = toy(attention=DYNAMIC, style=STYLE)
    plain, one = model.voice(), sentence(model, 12)
    recorded = model.style_voice(speechlike(2.0, level=0.1))
    weighted = model.style_voice({0: 0.5, 3: -0.5})
    assert not plain.tensors["style"].any()
    results = [whole(model, replace(one, voice=v)).values for v in (plain, recorded, weighted)]
    assert not torch.equal(results[0][..., :5], results[1][..., :5])
    assert not torch.equal(results[0][..., :5], results[2][..., :5])


def test_capacitron_without_a_recording_has_one_style_for_all_sentences():
    style = StyleConfig("capacitron", 16, (4, 4, 8, 8, 8, 8), 8, summary=8)
    model = toy(attention=DYNAMIC, style=style)
    assert torch.equal(model.voice().tensors["style"], model.voice().tensors["style"])
    recording = speechlike(2.0, level=0.1)
    assert model.style_voice(recording, "some words").tensors["style"].shape == (16,)
    with pytest.raises(VoiceError, match="needs a transcript"):
        model.style_voice(recording)
    with pytest.raises(VoiceError, match="no style tokens"):
        model.style_voice({0: 1.0})


def test_bad_requests_are_refused():
    model = toy(n_speakers=2, speaker_width=4)
    model.speaker_names = ("a", "b")
    for count in (0, 1001):
        with pytest.raises(TextError, match=f"has {count} tokens"):
            model.begin(sentence(model, count), Noise(0))
    for tensors in ({}, {"speaker": torch.tensor([2])}, {"speaker": torch.tensor([-1])}):
        with pytest.raises(UnknownVoice, match="'x' names no speaker"):
            model.begin(sentence(model, 3, Voice("x", "tacotron2", tensors)), Noise(0))
    with pytest.raises(VoiceError, match="has no styles"):
        model.style_voice(speechlike(2.0))
    styled = toy(style=STYLE)
    with pytest.raises(VoiceError, match="no style token 9; the model has 4"):
        styled.style_voice({9: 1.0})
