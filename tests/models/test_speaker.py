"""Both speaker encoders of Coqui's: against the reference, files, windows, official names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.speechlike import speechlike
from tests.tolerance import assert_near, assert_recorded
from vivavoce.audio.coqui import speaker_features
from vivavoce.audio.features import extract
from vivavoce.audio.specs import SPEAKER_16K
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.checkpoints.speaker_names import speaker_tensors
from vivavoce.errors import BadCheckpoint, ConfigError
from vivavoce.evaluate.scorers import Similarity
from vivavoce.models import speaker
from vivavoce.nn.speaker import SpeakerNetwork
from vivavoce.nn.speaker_config import LstmSpeakerConfig, SpeakerConfig
from vivavoce.nn.speaker_lstm import LstmSpeakerNetwork
from vivavoce.types import Audio

MANIFESTS = Path(__file__).parents[1] / "data" / "manifests" / "zoo"
RATE = 16_000
TOY = SpeakerConfig(blocks=(1, 1, 1, 1), channels=(8, 8, 8, 8), width=12)
AUDIO = {"sample_rate": RATE, "fft_size": 512, "win_length": 400, "hop_length": 160}
POWERS = {"model_params": {"model_name": "lstm", "use_torch_spec": True}, "audio": AUDIO}


@pytest.mark.parity
@pytest.mark.parametrize("kind", ["projected", "plain"])
@torch.no_grad()
def test_parity_of_the_recurrent_encoder(load_parity, kind: str) -> None:
    recorded = load_parity(f"zoo/speaker_lstm_{kind}_tiny")
    settings = {"audio": {"num_mels": recorded.meta["config"]["input_dim"]}}
    weights = speaker_tensors(recorded.weights)
    assert weights.keys() == recorded.weights.keys()
    encoder = speaker.network(speaker.sizes(weights, settings)).eval()
    strict_load(encoder, weights)
    mel = recorded.inputs["mel"]
    raw = encoder.describe(mel)
    assert_recorded(encoder.normalised(mel), recorded, "instance_norm")
    assert_recorded(raw, recorded, "raw")
    assert_recorded(F.normalize(raw, dim=1), recorded, "embedding")


@pytest.mark.parity
def test_parity_of_the_resnet(load_parity) -> None:
    recorded = load_parity("xtts_speaker_encoder_tiny")
    weights = speaker_tensors(recorded.weights)
    encoder = speaker.network(speaker.sizes(weights, None))
    strict_load(encoder, weights)
    samples = recorded.inputs["wave16k"]  # shorter than a window: heard whole
    found = speaker.embedding(encoder.eval(), Audio(samples[0].numpy(), RATE))
    assert_recorded(found[None], recorded, "embedding_l2")


@pytest.mark.parametrize("name", ["lstm"])
def test_the_official_checkpoint_fits(name: str) -> None:
    keys = json.loads((MANIFESTS / f"speaker_encoder_{name}.json").read_text())["keys"]
    tensors = {key: torch.empty(shape, device="meta") for key, shape in keys.items()}
    own = speaker_tensors(tensors)
    config = speaker.sizes(own, {"audio": AUDIO})
    assert isinstance(config, LstmSpeakerConfig)
    assert (config.n_mels, config.hidden, config.layers, config.width) == (80, 768, 3, 256)
    with without_numbers():
        encoder = speaker.network(config)
    strict_load(encoder, own)
    assert own.keys() == tensors.keys()


def saved(folder: Path, settings: dict | None) -> Path:
    torch.manual_seed(3)
    if settings is None:
        weights = SpeakerNetwork(TOY).state_dict()
    else:
        features, windowed = speaker_features(settings)
        sizes = {"hidden": 8, "layers": 2, "width": 6, "projected": False}
        config = LstmSpeakerConfig(features=features, windowed=windowed, **sizes)
        weights = LstmSpeakerNetwork(config).state_dict()
        (folder / "config_se.json").write_text(json.dumps(settings))
    beside = {"torch_spec.0.filter": torch.ones(1, 1, 2), "bn1.num_batches_tracked": torch.ones(1)}
    torch.save({"model": weights | beside, "step": 3}, folder / "model_se.pth")
    return folder / "model_se.pth"


@pytest.mark.parametrize("settings", [None, POWERS, {"audio": AUDIO}])
def test_a_file_becomes_an_encoder_for_scores(tmp_path: Path, settings: dict | None) -> None:
    file = saved(tmp_path, settings)
    encoder, audio = speaker.load(file), speechlike(6.0, RATE)
    found = speaker.embedding(encoder, audio)
    if settings is None or settings is POWERS:
        rows = torch.from_numpy(speaker.windows(audio.samples, 40_000))
        spec = SPEAKER_16K if settings is None else speaker_features(POWERS)[0]
    else:
        rows, spec = torch.from_numpy(audio.samples)[None], speaker_features(settings)[0]
    expected = F.normalize(encoder.describe(extract(rows, spec)), dim=1).mean(0)
    assert_near(found, expected)
    score = Similarity(f"coqui:{file}")
    assert score.score(audio, audio)["sim"] == pytest.approx(1.0)
    assert score.facts["sim"].startswith("model_se.pth ")


def test_powers_are_heard_without_a_logarithm() -> None:
    spec, windowed = speaker_features(POWERS)
    assert (spec.log, spec.power, spec.window, spec.n_mels, windowed) == (
        *(None, 2.0, "hamming", 80),
        True,
    )
    spec, windowed = speaker_features({"audio": AUDIO})
    assert (spec.log, spec.hop_length, windowed) == ("log10", 160, False)


def test_windows_lie_as_the_reference_lays_them() -> None:
    samples = np.arange(120_000, dtype=np.float32)
    found = speaker.windows(samples, 40_000)
    assert found.shape == (10, 40_000)
    assert found[:, 0].tolist() == [int(n) for n in np.linspace(0, 80_000, 10)]
    assert speaker.windows(samples[:100], 40_000).shape == (1, 100)


def test_files_that_hold_no_encoder_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path, POWERS)
    (tmp_path / "config_se.json").unlink()
    with pytest.raises(BadCheckpoint, match="needs its settings"):
        speaker.load(file)
    torch.save({"model": {"lstm.weight": torch.ones(2)}}, file)
    with pytest.raises(BadCheckpoint, match="not a supported speaker encoder"):
        speaker.load(file)
    half = SpeakerNetwork(TOY).state_dict()
    half.pop("layer2.0.conv1.weight")
    torch.save({"model": half}, file)
    with pytest.raises(BadCheckpoint, match=r"not complete: 'layer2\.0\.conv1\.weight' is missing"):
        speaker.load(file)


def test_a_short_recording_has_a_vector() -> None:
    torch.manual_seed(0)
    features, _ = speaker_features({"audio": AUDIO})
    encoder = LstmSpeakerNetwork(LstmSpeakerConfig(features=features, hidden=4, width=4))
    assert encoder.describe(torch.randn(2, 80, 1)).isfinite().all()
    with pytest.raises(ValueError, match="layers 1 to 100"):
        LstmSpeakerConfig(features=features, layers=0)
    with pytest.raises(ConfigError, match="four stages"):
        speaker.network(SpeakerConfig(blocks=(1,), channels=(8,)))
