"""HiFi-GAN against the reference, and exactness of windowed decoding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tolerance import ROUNDINGS, assert_near, assert_recorded
from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.checkpoints.remap import strict_load, under
from vivavoce.errors import ConfigError, UsageError
from vivavoce.nn import tiles
from vivavoce.nn.windows import Window
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import decode_windowed, stream_windows
from vivavoce.vocoders.hifigan import importer as convert
from vivavoce.vocoders.hifigan.config import V1, V2, V3, HifiganConfig
from vivavoce.vocoders.hifigan.model import Hifigan


def toy(**changes) -> Hifigan:
    torch.manual_seed(0)
    return Hifigan(replace(HifiganConfig(width=16), **changes), HIFIGAN_22K).eval()


@pytest.mark.parity
@pytest.mark.parametrize("name", ["hifigan_resblock1_tiny", "hifigan_resblock2_tiny"])
@torch.no_grad()
def test_parity(load_parity, name: str) -> None:
    recorded = load_parity(name)
    tables = convert.tables({"generator_model_params": recorded.meta["config"], "audio": {}})
    vocoder = Hifigan.build(tables).eval()
    ours, dropped = convert.adapt(recorded.weights)
    strict_load(vocoder, ours)
    assert not dropped
    mel = recorded.inputs["mel"]
    found = {
        "folded.ups.0.weight": ours["stages.0.upsample.weight"],
        "forward": vocoder.decode(mel)[:, None],
        "forward_weight_norm_removed": vocoder.decode(mel)[:, None],
        "inference_pad5_replicate": decode_windowed(vocoder, mel)[:, None],
    }
    assert found.keys() == recorded.outputs.keys()
    for key, value in found.items():
        assert_recorded(value, recorded, key)


@pytest.mark.parity
@torch.no_grad()
def test_parity_with_a_speaker(load_parity) -> None:
    """The decoder of XTTS: plain outer convolutions, no output bias, a speaker at every stage."""
    recorded = load_parity("xtts_hifigan_tiny")
    sizes = recorded.meta["config"]
    config = HifiganConfig(
        width=sizes["upsample_initial_channel_decoder"],
        condition_dim=sizes["d_vector_dim"],
        condition_stages=sizes["cond_d_vector_in_each_upsampling_layer"],
        output_bias=False,
    )
    spec = FeatureSpec(
        kind="latent",
        sample_rate=sizes["output_sample_rate"],
        hop_length=sizes["output_hop_length"],
        n_mels=sizes["decoder_input_dim"],
    )
    vocoder = Hifigan(config, spec).eval()
    theirs = under(recorded.weights, "waveform_decoder.")
    assert convert.config_from_tensors(theirs) == config
    ours, _ = convert.adapt(theirs)
    strict_load(vocoder, ours)
    latents, speaker = recorded.outputs["interp2"], recorded.inputs["speaker"]
    assert vocoder.receptive_field == 13
    for samples in (
        vocoder.decode(latents, speaker),
        decode_windowed(vocoder, latents, window_frames=30, condition=speaker),
    ):
        assert_recorded(samples[:, None], recorded, "wave")


@pytest.mark.parity
@torch.no_grad()
def test_trained_weights(data_folder) -> None:
    """Genuine V2 weights on a recorded mel, against the waveform the reference makes of it."""
    import soundfile

    from vivavoce.checkpoints.read import read as read_checkpoint
    from vivavoce.config import read

    folder = data_folder("hifigan_v2_lj")
    model = folder / "hifigan" / "LJ_V2"
    vocoder = Hifigan.build(convert.tables(read(model / "config.json"))).eval()
    ours, dropped = convert.adapt(read_checkpoint(model / "generator_v2", ("generator",)).tensors)
    strict_load(vocoder, ours)
    assert not dropped
    mel = torch.from_numpy(np.load(folder / "reference" / "LJ001-0006.mel.npy")).float()
    expected, rate = soundfile.read(
        folder / "reference" / "LJ001-0006.hifigan_v2_out.wav", dtype="float32"
    )
    assert rate == vocoder.accepts.sample_rate
    samples = decode_windowed(vocoder, mel.reshape(1, 80, -1))[0].numpy()
    assert len(samples) == len(expected)
    assert_near(torch.from_numpy(samples), torch.from_numpy(expected), 12 * ROUNDINGS)  # 16 bits


@pytest.mark.parametrize("config", [V1, V2, V3])
@torch.no_grad()
def test_the_receptive_field_is_exact(config: HifiganConfig) -> None:
    """With all weights positive nothing cancels: the samples a frame reaches are those computed."""
    narrow = replace(config, width=2 ** len(config.rates))
    vocoder = Hifigan(narrow, replace(HIFIGAN_22K, n_mels=1)).double().eval()
    for parameter in vocoder.parameters():
        parameter.fill_(0.0 if parameter.dim() == 1 else 0.2)
    field, hop, frame = vocoder.receptive_field, narrow.hop_length, 20
    features = torch.zeros(1, 1, 41, dtype=torch.float64)
    features[..., frame] = 1e-30
    heard = vocoder(features)[0].nonzero()[:, 0]
    assert (frame - field) * hop <= heard.min() < (frame - field + 1) * hop
    assert (frame + field) * hop <= heard.max() < (frame + field + 1) * hop


@pytest.mark.parametrize("config", [V1, V2, V3])
@torch.no_grad()
def test_the_context_of_every_stage_is_exact(config: HifiganConfig) -> None:
    """With all weights positive what is left out is missing from the sum. The last stage computes
    few steps beside those of the two frames that are kept.
    """
    narrow = replace(config, width=2 ** len(config.rates))
    vocoder = Hifigan(narrow, replace(HIFIGAN_22K, n_mels=1)).double().eval()
    for parameter in vocoder.parameters():
        parameter.fill_(0.0 if parameter.dim() == 1 else 0.2)
    steps = []
    vocoder.stages[-1].register_forward_pre_hook(lambda _, given: steps.append(given[0].shape[-1]))
    field, hop = vocoder.receptive_field, narrow.hop_length
    features = torch.full((1, 1, 2 * field + 2), 1e-30, dtype=torch.float64)
    whole = vocoder(features)[..., field * hop : -field * hop]
    window = vocoder(features, kept=Window(features, field, field + 2))
    torch.testing.assert_close(window, whole, rtol=1e-12, atol=0)
    assert steps[1] == 2 * (hop // narrow.rates[-1] + vocoder.contexts[-1]) < steps[0]


@pytest.mark.parametrize("length", [1, 30, 31, 75])
@torch.no_grad()
def test_windows_equal_the_whole(length: int) -> None:
    vocoder = toy(edge_frames=5)
    mel = torch.randn(2, 80, length)
    whole = vocoder.decode(torch.nn.functional.pad(mel, (5, 5), "replicate"))
    assert whole.shape[-1] == vocoder.n_samples(length)
    assert_near(decode_windowed(vocoder, mel, window_frames=30), whole)
    pieces = list(stream_windows(vocoder, mel.split(7, -1), 40))
    assert_near(torch.cat(pieces, -1), whole)


@torch.no_grad()
def test_padding_changes_nothing() -> None:
    vocoder = toy()
    mel = torch.randn(2, 80, 20)
    samples = decode_windowed(vocoder, mel, lengths=[20, 9])
    alone = decode_windowed(vocoder, mel[1:, :, :9])
    assert torch.equal(samples[1, : 9 * 256], alone[0])
    assert not samples[1, 9 * 256 :].any()


@torch.no_grad()
def test_no_tensor_is_longer_than_apples_limit(monkeypatch) -> None:
    """An utterance of 300 frames (76,800 samples) never reaches a layer in one piece."""
    longest = 0
    for name in ("conv2d", "conv_transpose2d"):
        original = getattr(torch.nn.functional, name)

        def watched(x, *rest, original=original, **named):
            nonlocal longest
            result = original(x, *rest, **named)
            longest = max(longest, *x.shape, *result.shape)
            return result

        monkeypatch.setattr(torch.nn.functional, name, watched)
    with torch.enable_grad():  # one pass through every layer, as on any other device
        decode_windowed(toy(), torch.zeros(1, 80, 300))
    assert 50_000 < longest <= 65_536


@torch.no_grad()
def test_a_stretch_at_a_time_gives_the_same_samples(monkeypatch) -> None:
    monkeypatch.setattr(tiles, "VALUES", 1)
    vocoder, mel = toy(), torch.randn(1, 80, 120)
    found = vocoder.decode(mel)  # 30,720 samples, in stretches of 8,192
    with torch.enable_grad():
        whole = vocoder.decode(mel).detach()
    torch.testing.assert_close(found, whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("block", [1, 2])
@torch.no_grad()
def test_a_frozen_generator_decodes_the_same_with_fewer_products(block) -> None:
    vocoder = Hifigan(HifiganConfig(width=128, block=block), HIFIGAN_22K).eval()
    mel = torch.randn(2, 80, 40)
    plain = vocoder.decode(mel)
    vocoder.freeze()
    fused = [stage.fused is not None for stage in vocoder.stages]
    assert fused == [True, True, False, False]  # 64, 32, 16 and 8 channels
    fast, windowed = vocoder.decode(mel), decode_windowed(vocoder, mel, window_frames=34)
    assert not torch.equal(fast, plain)
    assert_near(fast, plain)
    assert_near(windowed, plain)
    with torch.enable_grad():
        assert_near(vocoder.decode(mel).detach(), plain)


@torch.no_grad()
def test_a_frugal_one_gives_memory_back_and_the_same_samples(monkeypatch) -> None:
    told = []
    monkeypatch.setattr("vivavoce.vocoders.generator.trim", lambda: told.append(1))
    vocoder, features = toy(), torch.randn(1, 80, 12)
    plain = vocoder.decode(features)
    assert told == []
    vocoder.frugal = True
    assert torch.equal(vocoder.decode(features), plain)
    assert len(told) == len(vocoder.stages)


def test_the_speaker_must_be_there_exactly_when_needed() -> None:
    with pytest.raises(UsageError, match="accepts no"):
        toy().decode(torch.zeros(1, 80, 3), torch.zeros(1, 4, 1))
    with pytest.raises(UsageError, match="needs a"):
        toy(condition_dim=4).decode(torch.zeros(1, 80, 3))


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="hop"):
        Hifigan(HifiganConfig(rates=(8, 8, 2, 1), kernels=(16, 16, 4, 3)), HIFIGAN_22K)
    with pytest.raises(ConfigError, match="even"):
        Hifigan.build({"config": {"kernels": [16, 16, 4, 5]}})


def test_gradients_reach_every_parameter() -> None:
    vocoder = toy(condition_dim=4, condition_stages=True).train()
    vocoder(torch.randn(1, 80, 4), torch.randn(1, 4, 1)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in vocoder.parameters())
