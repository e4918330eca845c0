"""The speaker encoder, against a recording and by what must hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mpsaudit import audit
from tests.models.xtts.cloner import SPEAKER, Cloner
from tests.tolerance import assert_near, assert_recorded
from vivavoce.audio.features import extract
from vivavoce.audio.specs import SPEAKER_16K
from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import AudioError, ConfigError
from vivavoce.models.xtts.speaker import SpeakerEncoder
from vivavoce.nn.speaker_config import SpeakerConfig

FOREIGN = ("torch_spec.", "num_batches_tracked")


@pytest.mark.parity
def test_it_is_the_published_one(load_parity):
    recorded = load_parity("xtts_speaker_encoder_tiny")
    sizes = recorded.meta["config"]
    encoder = SpeakerEncoder(
        SpeakerConfig(
            blocks=tuple(sizes["layers"]),
            channels=tuple(sizes["num_filters"]),
            n_mels=sizes["input_dim"],
            width=sizes["proj_dim"],
        )
    )
    weights = {k: v for k, v in recorded.weights.items() if not any(f in k for f in FOREIGN)}
    strict_load(encoder, weights)
    samples = recorded.inputs["wave16k"]
    with torch.no_grad():
        raw, unit = encoder.describe(extract(samples, SPEAKER_16K)), encoder(samples)
    assert_recorded(raw, recorded, "embedding_raw")
    assert_recorded(unit, recorded, "embedding_l2")


def test_its_tensors_are_the_published_ones_but_for_the_front_ends():
    names = SpeakerEncoder(SPEAKER).state_dict()
    assert {"conv1.weight", "layer4.0.downsample.1.running_var", "attention.3.bias"} <= set(names)
    assert not [name for name in names if any(f in name for f in FOREIGN)]


def test_how_loud_a_recording_is_does_not_matter():
    encoder, samples = Cloner().speaker_encoder, 0.3 * torch.randn(1, 32000)
    with torch.no_grad():
        loud, quiet = encoder(samples), encoder(0.25 * samples)
    assert_near(loud.norm(dim=1), torch.ones(1))
    assert float((loud * quiet).sum()) > 0.9999


def test_training_mode_changes_nothing():
    encoder, samples = Cloner().speaker_encoder, torch.randn(1, 16000)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    assert torch.equal(encoder.train()(samples), encoder.eval()(samples))
    after = encoder.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_rows_are_independent():
    encoder, samples = Cloner().speaker_encoder, torch.randn(2, 16000)
    with torch.no_grad():
        assert_near(encoder(samples)[1:], encoder(samples[1:]))


def test_other_than_four_stages_and_too_few_samples():
    with pytest.raises(ConfigError, match="four stages"):
        SpeakerEncoder(replace(SPEAKER, blocks=(1, 1, 1)))
    with pytest.raises(AudioError):
        SpeakerEncoder(SPEAKER)(torch.randn(1, 100))


def test_thirty_seconds_run_natively_on_every_macos():
    encoder, mel = Cloner().speaker_encoder, torch.randn(1, 64, 3001)

    def work():
        with torch.no_grad():
            return encoder.describe(mel)

    report = audit(work, macos=("14.4", "15.5"))
    assert report.operators > 10
    assert report.findings == ()
