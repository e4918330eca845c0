"""What holds for every converter in the table."""

from __future__ import annotations

import importlib.util
from threading import Thread

import numpy as np
import pytest
import torch

from tests.converters.toy import toy
from tests.speechlike import speechlike
from vivavoce.converters import CONVERTERS
from vivavoce.converters.base import ConversionModel
from vivavoce.errors import AudioError, UnknownVoice, VoiceError
from vivavoce.nn.noise import Noise
from vivavoce.types import Audio, Voice

CLOSE = 1e-4
families = pytest.mark.parametrize("family", CONVERTERS.names)


def source(seconds: float = 3.0, seed: int = 1) -> Audio:
    return speechlike(seconds, level=0.1, seed=seed)


def target(seed: int = 2) -> Audio:
    return speechlike(7.0, level=0.1, seed=seed)


@families
def test_a_family_is_what_the_contract_says(family):
    found = CONVERTERS.family(family)
    assert issubclass(found.model, ConversionModel)
    assert found.model.family == family
    assert {"shortest", "typical", "longest", "stream"} <= set(found.workloads())
    assert importlib.util.find_spec(f"{CONVERTERS.folders[family]}.config")


@families
@pytest.mark.parametrize("seconds", [0.1, 1.0, 2.345])
def test_the_length_stays(family, seconds):
    converter, audio = toy(family), source(seconds)
    speech = converter.convert(audio, target())
    expected = round(len(audio.samples) * converter.sample_rate / audio.sample_rate)
    assert len(speech.samples) == expected
    assert np.isfinite(speech.samples).all()


@families
def test_one_seed_gives_one_result_and_the_target_matters(family):
    converter = toy(family)
    one = converter.voice(target())
    other = Voice("other", family, {name: -tensor for name, tensor in one.tensors.items()})
    first = converter.convert(source(), one, seed=4).samples
    assert np.array_equal(first, converter.convert(source(), one, seed=4).samples)
    assert np.abs(first - converter.convert(source(), other, seed=4).samples).max() > 1e-5


@families
def test_streamed_is_whole(family):
    converter = toy(family)
    voice = converter.voice(target())
    whole = converter.convert(source(), voice).samples
    chunks = list(converter.stream(source(), voice))
    assert len(chunks) > 1
    streamed = np.concatenate([chunk.samples for chunk in chunks])
    assert streamed.shape == whole.shape
    assert np.abs(streamed - whole).max() < CLOSE
    starts = [chunk.start_s for chunk in chunks]
    assert starts[0] == 0
    assert starts == sorted(starts)


@families
@torch.inference_mode()
def test_windows_change_little_or_nothing(family):
    """Convolutions reach so far and no farther; of WavLM's attention the far part is missing."""
    model = toy(family).model
    samples = torch.from_numpy(source(8.0).samples[: 8 * model.input_rate])
    voice = Voice("v", family, model.target([torch.from_numpy(target().samples)]))
    whole = torch.cat(list(model.stream(samples, voice, Noise(0))), -1)
    size = model.window_frames
    try:
        model.window_frames = 2 * model.context_frames + 40
        parts = list(model.stream(samples, voice, Noise(0)))
    finally:
        model.window_frames = size
    cut = torch.cat(parts, -1)
    assert cut.shape == whole.shape
    assert len(parts) > 1
    if family == "openvoice":
        assert (cut - whole).abs().max() < CLOSE
    else:
        assert (cut - whole).abs().mean() < 0.1 * whole.std()


@families
def test_threads_do_not_disturb_each_other(family):
    converter, results = toy(family), {}
    voice = converter.voice(target())

    def work(seed: int) -> None:
        results[seed] = converter.convert(source(1.0), voice, seed=seed).samples

    threads = [Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (1, 2):
        assert (
            np.abs(results[seed] - converter.convert(source(1.0), voice, seed=seed).samples).max()
            < CLOSE
        )


@families
def test_bad_recordings_are_refused(family):
    converter = toy(family)
    voice = converter.voice(target())
    empty, short = (Audio(np.zeros(n, np.float32), 16_000) for n in (0, 100))
    broken = Audio(np.full(16_000, np.nan, np.float32), 16_000)
    for audio in (empty, short, broken):
        with pytest.raises(AudioError):
            converter.convert(audio, voice)
    for audio in (empty, broken, Audio(np.zeros(16_000, np.float32), 16_000)):
        with pytest.raises(AudioError):
            converter.convert(source(), audio)
    with pytest.raises(VoiceError, match=r"has 0\.\d s of speech"):
        converter.convert(source(), source(0.4))


@families
def test_bad_voices_are_refused(family):
    converter = toy(family)
    good = converter.voice(target())
    ((name, tensor),) = good.tensors.items()
    for voice, message in (
        (Voice("x", "f5", good.tensors), "is one of f5; this model needs one of"),
        (Voice("x", family), f"lacks its {name}"),
        (Voice("x", family, {name: tensor[..., :-1]}), "without NaN; it has"),
        (Voice("x", family, {name: tensor * torch.nan}), "channels without NaN"),
        (Voice("x", family, {name: tensor.long()}), "lacks its"),
    ):
        with pytest.raises(VoiceError, match=message):
            converter.convert(source(), voice)
    with pytest.raises(UnknownVoice):
        converter.convert(source(), "nobody-of-this-name")
