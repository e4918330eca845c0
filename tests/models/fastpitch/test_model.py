"""Every kind of stack: batched equals single, short texts, places that run out, odd voices."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.errors import BadCheckpoint, ConfigError, TextError, UnknownVoice
from vivavoce.models.base import sentences
from vivavoce.models.fastpitch.config import FastPitchConfig, FastPitchOptions, StackSizes
from vivavoce.models.fastpitch.model import FastPitch
from vivavoce.models.fastpitch.workloads import TOY, TOY_SPEEDY, random_model
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens, Voice

NOISE = Noise(0)
HEADS = StackSizes(layers=2, heads=2, inner=24)
NARROW = replace(TOY, width=16, encoder=HEADS, decoder=HEADS)
KINDS = {
    "transformer": NARROW,
    "residual": TOY_SPEEDY,
    "options": replace(
        NARROW,
        encoder=StackSizes("relative", 2, 2, 24, 3, window=4),
        decoder=StackSizes("wavenet", 2, 1, 12, 5, blocks=2),
        positions=0,
    ),
    "align": replace(NARROW, duration_batch_norm=True, pitch=None, energy=None),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def tokens(count: int) -> Tokens:
    return Tokens(tuple(3 + i % 90 for i in range(count)), (0,) * count)


def spoken(model: FastPitch, counts: tuple[int, ...], **options: float):
    asked = sentences(map(tokens, counts), model.voice(), FastPitchOptions(**options))
    (features,) = model.generate(asked, NOISE)
    return features


@kinds
def test_batched_is_single(kind: str) -> None:
    """A short row beside longer ones: padding reaches no convolution, norm or attention."""
    model = random_model(KINDS[kind], torch.device("cpu"))
    counts = (3, 25, 11, 1)
    together = spoken(model, counts)
    for row, count in enumerate(counts):
        alone, mine = spoken(model, (count,)), together.row(row)
        assert torch.equal(alone.durations[0], mine.durations[0, :count])
        assert_near(mine.values, alone.values, 256)
    past = together.values[3, :, int(together.lengths[3]) :]
    assert not past.any()


@kinds
def test_the_shortest_texts_can_be_spoken(kind: str) -> None:
    """Texts of few tokens are shorter than the kernels of SpeedySpeech."""
    model = random_model(KINDS[kind], torch.device("cpu"))
    for count in (1, 2, 4):
        found = spoken(model, (count,))
        assert int(found.lengths[0]) >= count
        assert found.values.isfinite().all()


def test_durations_are_whole_and_follow_the_speed() -> None:
    model = random_model(TOY, torch.device("cpu"))
    usual, fast = spoken(model, (20,)), spoken(model, (20,), speed=2.0)
    assert usual.durations.sum() == usual.lengths == 100
    assert int(fast.lengths[0]) < 60
    least = spoken(model, (20,), speed=10.0)
    assert torch.equal(least.durations, torch.ones(1, 20, dtype=torch.long))


def test_a_tie_is_rounded_to_the_even_number_as_the_reference_does() -> None:
    """Logarithms whose exponential is a tie on this processor: those of its neighbours may be."""
    model = random_model(TOY, torch.device("cpu"))
    ties = torch.arange(2, 60).repeat_interleave(9) + 0.5
    log = (ties + 1).log() * (1 + torch.finfo().eps * torch.arange(-4, 5).repeat(58))
    exact = log.exp() - 1 == ties
    assert exact.any()
    frames = model.frames(log[None, None], torch.ones(1, 1, len(log)), 1.0)[0]
    assert (frames[exact] % 2 == 0).all()
    assert ((frames - ties).abs() <= 0.5 + 1e-4).all()


def test_speakers_differ_and_must_be_there() -> None:
    model = random_model(replace(TOY, n_speakers=3), torch.device("cpu"))
    mels = [
        next(model.generate(sentences([tokens(9)], model.voice(n), FastPitchOptions()), NOISE))
        for n in "ab"
    ]
    assert not torch.allclose(mels[0].values[..., :9], mels[1].values[..., :9])
    for tensors in ({}, {"speaker": torch.tensor([3])}, {"speaker": torch.tensor([-1])}):
        voice = Voice("nobody", "fastpitch", tensors)
        with pytest.raises(UnknownVoice, match="'nobody' names none of the model's 3 speakers"):
            list(model.generate(sentences([tokens(9)], voice, FastPitchOptions()), NOISE))


def test_nothing_and_too_much_are_refused() -> None:
    model = random_model(replace(TOY, positions=60), torch.device("cpu"))
    with pytest.raises(TextError, match="nothing to speak"):
        spoken(model, (0,))
    strange = Tokens((3, 130), (0, 0))
    with pytest.raises(BadCheckpoint, match="symbol number 130; the model has 130"):
        list(model.generate(sentences([strange], model.voice(), FastPitchOptions()), NOISE))
    with pytest.raises(TextError, match="100 frames; the limit of this model is 60"):
        spoken(model, (20,))
    assert int(spoken(model, (12,)).lengths[0]) == 60


@pytest.mark.parametrize(
    "sizes",
    [
        {"width": 15, "encoder": {"heads": 2}},
        {"encoder": {"kind": "wavenet"}},
        {"decoder": {"kind": "relative"}},
        {"encoder": {"layers": 0}},
        {"decoder": {"layers": 100_000}},
        {"pitch": {"kernel": 4}},
        {"durations": {"width": 0}},
        {"unknown": 1},
    ],
)
def test_impossible_sizes_are_refused(sizes: dict) -> None:
    with pytest.raises(ConfigError):
        FastPitch.build({"config": {"n_tokens": 5} | sizes, "features": {}})


def test_the_defaults_are_fastpitch_s() -> None:
    config = FastPitchConfig(n_tokens=1)
    assert (config.encoder.layers, config.decoder.layers, config.width) == (6, 6, 384)
