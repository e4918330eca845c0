"""Vocos against the reference, and the length and edge rules of its inverse transform."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.tolerance import EPSILON, ROUNDINGS, assert_near, assert_recorded
from vivavoce.audio.features import FeatureExtractor
from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import UsageError
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import decode_windowed
from vivavoce.vocoders.vocos import importer as convert
from vivavoce.vocoders.vocos.config import VocosConfig
from vivavoce.vocoders.vocos.model import Vocos


def load(recorded) -> Vocos:
    vocoder = Vocos.build(convert.tables(recorded.meta["config"])).eval()
    ours, dropped = convert.adapt(recorded.weights)
    strict_load(vocoder, ours)
    assert len(ours) + len(dropped) == len(recorded.weights)
    return vocoder


def toy(framing: str = "center") -> Vocos:
    torch.manual_seed(0)
    return Vocos(VocosConfig(16, 32, 2), FeatureSpec(framing=framing, n_mels=20)).eval()


@pytest.mark.parity
@pytest.mark.parametrize("name", ["vocos_center_tiny", "vocos_same_tiny"])
@torch.no_grad()
def test_parity(load_parity, name: str) -> None:
    recorded = load_parity(name)
    vocoder = load(recorded)
    hidden = vocoder.backbone(recorded.inputs["mel"])
    found = {
        "backbone": hidden,
        "head_linear": vocoder.head(hidden),
        "wave": vocoder.decode(recorded.inputs["mel"]),
        "wave_b2": vocoder.decode(recorded.inputs["mel_b2"]),
    }
    reference_mel = FeatureExtractor(replace(vocoder.accepts, clamp=1e-7))
    found["wave_from_wave"] = vocoder.decode(reference_mel(recorded.inputs["wave"]))
    assert found.keys() == recorded.outputs.keys()
    for key, value in found.items():
        assert_recorded(value, recorded, key)


@torch.no_grad()
def test_full_size_golden() -> None:
    """Weights 0.03 sin(0.1 i + j) over the reference's sorted names, from the reference."""
    vocoder = Vocos.build({})
    ours = vocoder.state_dict()
    names = {foreign_name(key): key for key in ours}
    for j, foreign in enumerate(sorted([*names, *BUFFERS])):
        if foreign in BUFFERS:
            continue
        key = names[foreign]
        steps = torch.arange(ours[key].numel(), dtype=torch.float64)
        value = 0.03 * torch.sin(0.1 * steps + j)
        if foreign.endswith("norm.weight"):
            value += 1
        elif foreign.endswith("gamma"):
            value += 0.125
        ours[key] = value.reshape(ours[key].shape).float()
    vocoder.load_state_dict(ours)
    mel = torch.sin(0.013 * torch.arange(2000, dtype=torch.float64)).reshape(1, 100, 20).float()
    samples = vocoder.decode(mel)[0]
    assert len(samples) == 4864
    rounding = ROUNDINGS * EPSILON * float(samples.abs().max())
    assert samples.std().item() == pytest.approx(0.0722434, abs=rounding)
    expected = {0: -0.023086, 1: -0.008027, 100: -0.087151, 1000: -0.007213, 2000: -0.02243}
    for index, value in {**expected, 4863: -0.000924}.items():
        assert samples[index].item() == pytest.approx(value, abs=rounding + 5e-7)  # as printed


BUFFERS = (
    "feature_extractor.mel_spec.mel_scale.fb",
    "feature_extractor.mel_spec.spectrogram.window",
    "head.istft.window",
)


def foreign_name(key: str) -> str:
    for ours, theirs in (
        ("blocks.", "convnext."),
        (".depthwise.", ".dwconv."),
        (".expand.", ".pwconv1."),
        (".contract.", ".pwconv2."),
        (".scale", ".gamma"),
        ("final_norm.", "final_layer_norm."),
        ("head.", "head.out."),
    ):
        key = key.replace(ours, theirs)
    return key


@pytest.mark.parametrize("framing", ["center", "same"])
@torch.no_grad()
def test_nothing_outside_the_receptive_field_is_heard(framing: str) -> None:
    vocoder = toy(framing)
    field, hop, frame = vocoder.receptive_field, vocoder.accepts.hop_length, 30
    features = torch.randn(1, 20, 61)
    changed = features.clone()
    changed[:, :, frame] += 100
    before = vocoder(features)[0]
    rounding = ROUNDINGS * EPSILON * float(before.abs().max())
    moved = (vocoder(changed)[0] - before).abs() > rounding
    heard = moved.nonzero()[:, 0]
    assert heard.min() >= (frame - field) * hop
    assert heard.max() < (frame + field + 1) * hop


@pytest.mark.parametrize("framing", ["center", "same"])
@pytest.mark.parametrize("length", [2, 40, 41, 90])
@torch.no_grad()
def test_windows_equal_the_whole(framing: str, length: int) -> None:
    vocoder = toy(framing)
    features = torch.randn(2, 20, length)
    whole = vocoder.decode(features)
    assert whole.shape[-1] == vocoder.n_samples(length)
    pieces = decode_windowed(vocoder, features, window_frames=40)
    assert_near(pieces, whole)


@torch.no_grad()
def test_loud_frames_are_limited() -> None:
    vocoder = toy()
    vocoder.head.bias[: vocoder.accepts.n_fft // 2 + 1] = 50.0
    assert vocoder.decode(torch.zeros(1, 20, 8)).isfinite().all()


def test_half_precision_keeps_the_head_in_float32() -> None:
    vocoder = toy()
    features = torch.randn(1, 20, 12)
    with torch.no_grad():
        hidden = vocoder.backbone(features)
        expected = vocoder.synthesise(hidden)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(vocoder.synthesise(hidden), expected)


def test_a_speaker_is_refused() -> None:
    with pytest.raises(UsageError):
        toy().decode(torch.zeros(1, 20, 8), torch.zeros(1, 4, 1))
