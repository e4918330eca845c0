"""Parallel WaveGAN and UnivNet: against the reference, exact windows, official names, bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce.audio.specs import COQUI_22K
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.errors import BadCheckpoint, ConfigError, UsageError
from vivavoce.types import FeatureSpec
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import Preparation, Vocoder, decode_windowed, stream_windows
from vivavoce.vocoders.univnet.config import UnivnetConfig
from vivavoce.vocoders.univnet.model import Univnet
from vivavoce.vocoders.univnet.workloads import TOY as UNIVNET
from vivavoce.vocoders.wavegan.config import WaveganConfig
from vivavoce.vocoders.wavegan.model import Wavegan
from vivavoce.vocoders.wavegan.workloads import TOY as WAVEGAN

MANIFESTS = Path(__file__).parents[1] / "data" / "manifests"
FULL = {"univnet": (UnivnetConfig(), 14_846_210), "wavegan": (WaveganConfig(), 1_320_442)}
families = pytest.mark.parametrize("family", list(FULL))


def toy(family: str, spec: FeatureSpec = COQUI_22K) -> Vocoder:
    torch.manual_seed(0)
    model = Univnet(UNIVNET, spec) if family == "univnet" else Wavegan(WAVEGAN, spec)
    return model.eval()


def official(family: str, kind: str) -> dict[str, torch.Tensor]:
    keys = json.loads((MANIFESTS / f"{family}_{kind}.json").read_text())["keys"]
    return {f"model_g.{key}": torch.empty(shape, device="meta") for key, shape in keys.items()}


def built(family: str, recorded) -> Vocoder:
    importer = VOCODERS.family(family).importer
    foreign = {"generator_model_params": recorded.meta["config"], "audio": {}}
    hop = 1
    for rate in recorded.meta["config"]["upsample_factors"]:
        hop *= rate
    foreign["audio"] = {"hop_length": hop}
    vocoder = VOCODERS.family(family).model.build(importer.tables(foreign, recorded.weights, None))
    ours, dropped = importer.adapt(recorded.weights)
    strict_load(vocoder, ours)
    assert not dropped
    return vocoder.eval()


@pytest.mark.parity
@torch.no_grad()
def test_parity_of_parallel_wavegan(load_parity) -> None:
    recorded = load_parity("zoo/parallel_wavegan_tiny")
    vocoder = built("wavegan", recorded)
    mel, draws = recorded.inputs["mel"], recorded.inputs
    assert_recorded(vocoder(mel, draws["forward.noise0"][:, 0])[:, None], recorded, "forward")
    padded = torch.nn.functional.pad(mel, (2, 2), "replicate")
    noise = draws["noise0"].unflatten(2, (-1, vocoder.accepts.hop_length))[:, 0].transpose(1, 2)
    prepared = torch.cat([padded, noise], 1)
    assert_recorded(vocoder.decode(prepared)[:, None], recorded, "inference")
    assert vocoder.n_samples(mel.shape[-1]) == recorded.outputs["inference"].shape[-1]


@pytest.mark.parity
@torch.no_grad()
def test_parity_of_univnet(load_parity) -> None:
    recorded = load_parity("zoo/univnet_tiny")
    vocoder = built("univnet", recorded)
    mel, draws = recorded.inputs["mel"], recorded.inputs
    assert_recorded(vocoder(mel, draws["forward.noise0"])[:, None], recorded, "forward")
    prepared = torch.cat([mel, draws["noise1"]], 1)
    assert_recorded(vocoder.decode(prepared)[:, None], recorded, "inference")


@pytest.mark.parity
@torch.no_grad()
def test_parity_of_tortoises_univnet(load_parity) -> None:
    recorded = load_parity("zoo/tortoise_univnet_tiny")
    importer, mel, noise = VOCODERS.family("univnet").importer, *_inputs(recorded)
    assert importer.recognises(recorded.weights)
    spec = FeatureSpec(n_mels=20, hop_length=recorded.meta["config"]["hop_length"])
    vocoder = Univnet(importer.config_from_tensors(recorded.weights), spec)
    strict_load(vocoder, importer.adapt(recorded.weights)[0])
    vocoder.eval()
    assert_recorded(vocoder(mel, noise)[:, None], recorded, "forward")
    drawn = recorded.inputs["noise"]
    vocoder.preparation = lambda: Drawn(drawn)
    whole = decode_windowed(vocoder, mel)
    assert whole.shape[-1] == vocoder.n_samples(mel.shape[-1])
    assert_recorded(whole[:, None], recorded, "inference")


def _inputs(recorded) -> tuple[torch.Tensor, torch.Tensor]:
    return recorded.inputs["mel"], recorded.inputs["forward_noise"]


class Drawn(Preparation):
    """Noise that was recorded, frame by frame."""

    def __init__(self, noise: torch.Tensor) -> None:
        self.noise = noise

    def push(self, part):
        count = part.shape[-1]
        mine, self.noise = self.noise[..., :count], self.noise[..., count:]
        yield torch.cat([part, mine], 1)


def test_tortoises_official_vocoder_fits() -> None:
    keys = json.loads((MANIFESTS / "tortoise_v2.json").read_text())["vocoder"]
    foreign = {key: torch.empty(shape, device="meta") for key, shape in keys.items()}
    importer = VOCODERS.family("univnet").importer
    config = importer.config_from_tensors(foreign)
    assert config == UnivnetConfig(mirrored=True)
    with without_numbers():
        vocoder = Univnet(config, FeatureSpec())
    strict_load(vocoder, importer.adapt(foreign)[0])


@torch.no_grad()
def test_the_silence_behind_an_utterance_is_heard_and_not_kept() -> None:
    torch.manual_seed(0)
    vocoder = Univnet(replace(UNIVNET, mirrored=True), COQUI_22K).eval()
    mel = torch.randn(1, 80, 60)
    silence = torch.full((1, 80, vocoder.tail_frames), vocoder.tail_value)
    kept = vocoder.n_samples(60)
    whole = vocoder.decode(torch.cat([mel, silence], -1))[:, :kept]
    assert_near(decode_windowed(vocoder, mel, window_frames=50), whole)
    pieces = list(stream_windows(vocoder, mel.split(7, -1), 55, eager=True))
    assert_near(torch.cat(pieces, -1), whole)
    assert decode_windowed(vocoder, mel[..., :1]).shape[-1] == vocoder.n_samples(1)


@families
@torch.no_grad()
def test_the_receptive_field_is_exact(family: str) -> None:
    """The samples that a changed frame reaches are those computed, or some fewer."""
    vocoder = toy(family).double()
    frame, field, hop = 40, vocoder.receptive_field, vocoder.accepts.hop_length
    features = torch.randn(1, 80 + vocoder.noise_channels, 81, dtype=torch.float64)
    changed = features.clone()
    changed[..., frame] += 1
    parts = ([one[:, :80], one[:, 80:]] for one in (features, changed))
    if family == "wavegan":
        parts = ([mel, noise.transpose(1, 2).flatten(1)] for mel, noise in parts)
    one, other = (vocoder(*part) for part in parts)
    heard = (one - other)[0].nonzero()[:, 0]
    assert (frame - field) * hop <= heard.min()
    assert heard.max() < (frame + field + 1) * hop
    assert heard.max() - heard.min() > (2 * field - 3) * hop


@families
@pytest.mark.parametrize("length", [1, 45, 75])
@torch.no_grad()
def test_windows_equal_the_whole(family: str, length: int) -> None:
    vocoder = toy(family)
    mel = torch.randn(2, 80, length)
    edges = (vocoder.edge_frames, vocoder.edge_frames)
    whole = vocoder.decode(torch.nn.functional.pad(mel, edges, "replicate"))
    assert whole.shape[-1] == vocoder.n_samples(length)
    assert_near(decode_windowed(vocoder, mel, window_frames=50), whole)
    pieces = stream_windows(vocoder, mel.split(7, -1), 55, eager=True)
    assert_near(torch.cat(list(pieces), -1), whole)
    alone = decode_windowed(vocoder, mel[1:])
    assert_near(alone[0], whole[1])


@families
def test_the_official_checkpoint_fits(family: str) -> None:
    foreign = official(family, "default" if family == "wavegan" else "ljspeech")
    foreign["model_d.first.bias"] = torch.empty(1, device="meta")
    importer = VOCODERS.family(family).importer
    tables = importer.tables({"audio": {}, "generator_model_params": {}}, foreign, None)
    with torch.device("meta"):
        vocoder = VOCODERS.family(family).model.build(tables)
    config, elements = FULL[family]
    assert vocoder.config == config
    ours, dropped = importer.adapt(foreign)
    strict_load(vocoder, ours)
    assert dropped == ["model_d.first.bias"]
    normed = sum(v.numel() for k, v in foreign.items() if k.endswith("original0"))
    assert sum(p.numel() for p in vocoder.parameters()) == elements - normed


@families
def test_another_or_half_a_checkpoint_is_refused(family: str) -> None:
    foreign = official(family, "default" if family == "wavegan" else "ljspeech")
    tables = VOCODERS.family(family).importer.tables
    with pytest.raises(BadCheckpoint, match="'melgan_generator'"):
        tables({"generator_model": "melgan_generator", "audio": {}}, foreign, None)
    part = "conv_layers.0.conv." if family == "wavegan" else "first_conv."
    half = {k: v for k, v in foreign.items() if not k.startswith(f"model_g.{part}")}
    with pytest.raises(BadCheckpoint, match="missing"):
        tables({"audio": {}}, half, None)


def test_a_wrong_number_of_layers_is_refused() -> None:
    foreign = official("wavegan", "default")
    sizes = {"audio": {}, "generator_model_params": {"num_res_blocks": 20}}
    with pytest.raises(BadCheckpoint, match="num_res_blocks"):
        VOCODERS.family("wavegan").importer.tables(sizes, foreign, None)


@families
def test_impossible_sizes_and_speakers_are_refused(family: str) -> None:
    with pytest.raises(ConfigError, match="hop of 200"):
        toy(family, replace(COQUI_22K, hop_length=200))
    model = VOCODERS.family(family).model
    for bad in ({"rates": [8, 0]}, {"layers": 1000}, {"kernel": 2}):
        with pytest.raises(ConfigError):
            model.build({"config": bad})
    with pytest.raises(UsageError, match="no speaker"):
        toy(family).decode(torch.zeros(1, 80, 9), torch.zeros(1, 4, 1))
