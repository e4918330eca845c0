"""BigVGAN against the reference, and exactness of windowed decoding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.audio.specs import BIGVGAN_24K
from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import ConfigError, UsageError
from vivavoce.nn.convolution import laid_out
from vivavoce.vocoders.base import decode_windowed, stream_windows
from vivavoce.vocoders.bigvgan import importer as convert
from vivavoce.vocoders.bigvgan.config import BigvganConfig
from vivavoce.vocoders.bigvgan.model import Bigvgan

V2 = BigvganConfig()
SNAKE = BigvganConfig(
    rates=(8, 8, 2, 2),
    kernels=(16, 16, 4, 4),
    block=2,
    block_dilations=((1, 3), (1, 3), (1, 3)),
    activation="snake",
    log_scale=False,
)


def toy(**changes) -> Bigvgan:
    torch.manual_seed(0)
    vocoder = Bigvgan(replace(V2, **({"width": 64} | changes)), BIGVGAN_24K).eval()
    for name, parameter in vocoder.named_parameters():
        if name.endswith((".alpha", ".beta")):
            torch.nn.init.normal_(parameter, std=0.5)
    return vocoder


@pytest.mark.parity
@pytest.mark.parametrize("name", ["bigvgan_v2_tiny", "bigvgan_snake_res2_tanh_tiny"])
@pytest.mark.parametrize("gradients", [False, True])
def test_parity(load_parity, name: str, gradients: bool) -> None:
    """With gradients the activations are plain convolutions, without them products of matrices."""
    recorded = load_parity(name)
    vocoder = Bigvgan.build(convert.tables(recorded.meta["config"])).eval()
    ours, dropped = convert.adapt(recorded.weights)
    strict_load(vocoder, ours)
    assert len(ours) + len(dropped) < len(recorded.weights)
    mel, x = recorded.inputs["mel"], laid_out(recorded.inputs["activation_x"])
    with torch.set_grad_enabled(gradients):
        first = vocoder.first(laid_out(mel))
        wave = vocoder.decode(mel)[:, None]
        found = {
            "folded.conv_pre.weight": ours["first.weight"],
            "folded.ups.0.0.weight": ours["stages.0.upsample.weight"],
            "conv_pre": first[:, :, 0],
            "up0": vocoder.stages[0].upsample(first)[:, :, 0],
            "activation1d_resblock0_0": vocoder.stages[0].blocks[0].activations[0](x)[:, :, 0],
            "wave": wave,
            "wave_weight_norm_removed": wave,
        }
    assert found.keys() == recorded.outputs.keys()
    for key, value in found.items():
        assert_recorded(value, recorded, key)


@pytest.mark.parametrize("config", [V2, SNAKE])
@torch.no_grad()
def test_the_receptive_field_is_exact(config: BigvganConfig) -> None:
    """The samples that a frame reaches are those computed, and none beyond."""
    narrow = replace(config, width=2 ** len(config.rates))
    vocoder = Bigvgan(narrow, replace(BIGVGAN_24K, n_mels=1)).double().eval()
    for name, parameter in vocoder.named_parameters():
        if not name.endswith((".alpha", ".beta")):
            parameter.fill_(0.0 if parameter.dim() == 1 else 0.2)
    field, hop = vocoder.receptive_field, narrow.hop_length
    frame = field + 5
    features = torch.zeros(1, 1, 2 * frame + 1, dtype=torch.float64)
    features[..., frame] = 1e-30
    heard = vocoder(features)[0].nonzero()[:, 0]
    assert (frame - field) * hop <= heard.min() < (frame - field + 1) * hop
    assert (frame + field - 1) * hop <= heard.max() < (frame + field + 1) * hop


@pytest.mark.parametrize("length", [1, 36, 37, 60])
@torch.no_grad()
def test_windows_equal_the_whole(length: int) -> None:
    vocoder, mel = toy(block=2, block_dilations=((1, 3),) * 3), torch.randn(2, 100, length)
    whole = vocoder.decode(mel)
    assert whole.shape == (2, vocoder.n_samples(length))
    windowed = decode_windowed(vocoder, mel, window_frames=36)
    assert_near(windowed, whole)
    pieces = list(stream_windows(vocoder, mel.split(11, -1), 32))
    assert_near(torch.cat(pieces, -1), whole)


@torch.no_grad()
def test_padding_changes_nothing() -> None:
    vocoder, mel = toy(), torch.randn(2, 100, 20)
    samples = decode_windowed(vocoder, mel, lengths=[20, 9])
    alone = decode_windowed(vocoder, mel[1:, :, :9])
    assert torch.equal(samples[1, : 9 * 256], alone[0])
    assert not samples[1, 9 * 256 :].any()


@pytest.mark.parametrize("gradients", [False, True])
def test_no_tensor_is_longer_than_apples_limit(gradients: bool) -> None:
    """An utterance of 300 frames (76,800 samples) never reaches a layer in one piece."""
    longest = 0

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            nonlocal longest
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor) and result.dim() == 4:
                longest = max(longest, *result.shape)
            return result

    with torch.set_grad_enabled(gradients), Watch():
        decode_windowed(toy(width=64, block=2), torch.zeros(1, 100, 300))
    assert 50_000 < longest <= 65_536


@torch.no_grad()
def test_a_wide_generator_decodes_the_same_with_fewer_products() -> None:
    vocoder, mel = toy(width=128), torch.randn(1, 100, 40)
    plain = vocoder.decode(mel)
    vocoder.freeze()
    assert any(getattr(m, "filter", None) is not None for m in vocoder.modules())
    assert all(stage.fused is None for stage in vocoder.stages)  # another activation
    fast = vocoder.decode(mel)
    assert not torch.equal(fast, plain)
    assert_near(fast, plain)


def test_a_speaker_is_refused() -> None:
    with pytest.raises(UsageError, match="speaker"):
        toy().decode(torch.zeros(1, 100, 3), torch.zeros(1, 4, 1))


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="hop"):
        Bigvgan(replace(V2, rates=(4, 4, 2, 2, 2, 4), kernels=(8, 8, 4, 4, 4, 8)), BIGVGAN_24K)
    with pytest.raises(ConfigError, match="even"):
        Bigvgan.build({"config": {"kernels": [8, 8, 4, 4, 4, 5]}})
    with pytest.raises(ConfigError):
        Bigvgan.build({"config": {"activation": "relu"}})


def test_gradients_reach_every_parameter() -> None:
    vocoder = toy().train()
    vocoder(torch.randn(1, 100, 4)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in vocoder.parameters())
