"""A short training: the loss falls, the export speaks, recipes are read strictly."""

import pytest
import torch

from vivavoce.checkpoints import store
from vivavoce.errors import ConfigError
from vivavoce.hub import build
from vivavoce.hub.read import Stored
from vivavoce.models.forward.family import FAMILY
from vivavoce.models.forward.train import build_task, mel_losses

SMALL = {
    "encoder": {"block": "attention", "width": 16, "hidden": 24, "layers": 1, "kernel": 5},
    "pitch": {"width": 12, "hidden": 24, "layers": 1},
    "decoder": {"width": 16, "hidden": 32, "layers": 1},
    "duration_width": 16,
}


def task():
    torch.manual_seed(0)
    return build_task({"model": SMALL}, ())


def batch():
    generator = torch.Generator().manual_seed(0)
    durations = torch.tensor([[4.0, 6.0, 5.5, 7.5], [3.0, 4.0, 0.0, 0.0]])
    frames = torch.tensor([24, 8])
    features = torch.randn(2, 100, 24, generator=generator)
    return {
        "tokens": torch.tensor([[5, 20, 33, 40], [7, 22, 0, 0]]),
        "token_lengths": torch.tensor([4, 2]),
        "durations": durations,
        "features": features,
        "feature_lengths": frames,
        "pitch": torch.where(torch.arange(24) % 5 > 1, 210.0, 0.0).expand(2, -1),
    }


def test_the_loss_falls():
    found, data = task(), batch()
    optimiser = torch.optim.AdamW(found.parameters(), 3e-3)
    losses = []
    for step in range(60):
        optimiser.zero_grad()
        loss, metrics = found("model", data, step)
        loss.backward()
        optimiser.step()
        losses.append(metrics)
    for part in ("loss", "mel", "duration", "pitch", "voicing"):
        assert losses[-1][part] < 0.9 * losses[0][part], part


def test_padding_has_no_say():
    found, data = task().eval(), batch()
    before = found.validate(data)
    data["features"][1, :, 8:] = 99.0
    data["pitch"] = data["pitch"].clone()
    data["pitch"][1, 8:] = 0.0
    after = found.validate(data)
    assert torch.equal(before["mel"], after["mel"])


def test_what_is_exported_is_what_was_trained(tmp_path):
    found = task()
    found.export(tmp_path / "voice")
    manifest, tensors = store.load(tmp_path / "voice")
    model = build.acoustic(Stored(manifest, tensors))
    assert manifest["family"] == "forward"
    assert torch.equal(model.embedding.weight, found.exported.embedding.weight)
    assert model.pulses.table.device.type == "cpu"
    assert FAMILY.importer.recognises(tensors)


def test_a_wrong_key_is_named():
    with pytest.raises(ConfigError, match="layerz"):
        build_task({"model": {"decoder": {"layerz": 3}}}, ())


def test_equal_mels_have_no_distance():
    mel = torch.randn(1, 6, 100)
    level, change = mel_losses(mel, mel, torch.ones(1, 6, 1))
    assert level == change == 0
    level, change = mel_losses(mel + 1, mel, torch.ones(1, 6, 1))
    assert level == pytest.approx(1.0)
    assert change == pytest.approx(0.0, abs=1e-5)
