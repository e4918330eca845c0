"""Training Vocos: losses fall, gradients arrive, phases touch only their own parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import strict_load
from vivavoce.config import to_dict
from vivavoce.errors import ConfigError
from vivavoce.nn.adversarial import discriminator_losses
from vivavoce.vocoders.adversarial.critics import CriticSet
from vivavoce.vocoders.adversarial.reconstruction import ReconstructionLoss
from vivavoce.vocoders.adversarial.task import AdversarialTask
from vivavoce.vocoders.vocos.model import Vocos
from vivavoce.vocoders.vocos.train import VocosLoss, build_task

TABLES = {
    "model": {"dim": 32, "hidden_dim": 64, "n_layers": 2},
    "features": {"n_mels": 40, "sample_rate": 16000},
    "loss": {"segment_frames": 16, "discriminator_width": 0.05, "adversarial_from_step": 6},
}


def task() -> AdversarialTask:
    torch.manual_seed(0)
    return build_task(TABLES)


def batch(n_samples: int = 4096) -> dict[str, torch.Tensor]:
    time = torch.arange(n_samples) / 16000
    rows = [0.4 * torch.sin(2 * torch.pi * (150 * i * time + 800 * time**2)) for i in (1, 2)]
    return {"samples": torch.stack(rows), "sample_lengths": torch.tensor([n_samples, n_samples])}


def train(model: AdversarialTask, steps: range) -> list[dict[str, float]]:
    optimisers = {k: torch.optim.AdamW(m.parameters(), 2e-3) for k, m in model.parts().items()}
    history = []
    for step in steps:
        metrics: dict[str, float] = {}
        for phase in model.phases:
            optimisers[phase].zero_grad()
            loss, found = model(phase, batch(), step)
            if loss.requires_grad:
                loss.backward()
                optimisers[phase].step()
            metrics |= {name: value.item() for name, value in found.items()}
        history.append(metrics)
    return history


def test_losses_fall_before_and_with_the_discriminators() -> None:
    model = task()
    before = model.validate(batch())["mel"].item()
    history = train(model, range(10))
    assert set(history[0]) == {"mel", "stft"}
    assert set(history[-1]) == {"mel", "stft", "adversarial", "feature", "discriminator"}
    assert history[5]["mel"] < 0.95 * history[0]["mel"]
    assert history[-1]["discriminator"] < history[6]["discriminator"]
    assert model.validate(batch())["mel"].item() < before


def test_the_discriminators_cost_nothing_before_their_step() -> None:
    loss, metrics = task()("discriminator", batch(), 5)
    assert not loss.requires_grad
    assert metrics == {}


@pytest.mark.parametrize("phase", ["discriminator", "generator"])
def test_gradients_reach_the_phases_own_parameters_only(phase: str) -> None:
    model = task()
    model(phase, batch(), 6)[0].backward()
    for name, module in model.parts().items():
        for key, parameter in module.named_parameters():
            # a bias may rightly get zero: inside the hinge, real and generated cancel out
            assert (parameter.grad is not None) == (name == phase), f"{name}: {key}"
        moved = [p for p in module.parameters() if p.grad is not None and p.grad.any()]
        assert (len(moved) > 0.9 * len(list(module.parameters()))) == (name == phase)
    assert all(p.requires_grad for p in model.parameters())


def test_lower_precision_stays_finite_and_close() -> None:
    model = task()
    model.loss = type(model.loss)(gain_db=0.0, segment_frames=16)
    exact, _ = model("generator", batch(), 6)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = model("generator", batch(), 6)
    loss.backward()
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=0.02)
    assert all(p.grad.isfinite().all() for p in model.vocoder.parameters())


def test_silence_gives_finite_gradients() -> None:
    model = task()
    model("generator", {"samples": torch.zeros(1, 4096)}, 6)[0].backward()
    assert all(p.grad.isfinite().all() for p in model.vocoder.parameters())


def test_padding_is_not_validated() -> None:
    model = task().eval()
    whole = batch()
    padded = {
        "samples": torch.nn.functional.pad(whole["samples"], (0, 2000)),
        "sample_lengths": whole["sample_lengths"],
    }
    assert model.validate(padded) == model.validate(whole)


def test_samples_for_eye_and_ear() -> None:
    found = task().sample(batch())
    assert found["rebuilt.audio"].shape == found["natural.audio"].shape == (4096,)
    assert found["rebuilt_mel.image"].shape == (40, 17)


def test_what_is_exported_can_be_built_again(tmp_path: Path) -> None:
    model = task()
    model.export(tmp_path / "toy")
    manifest, tensors = store.load(tmp_path / "toy")
    vocoder = Vocos.build(manifest)
    strict_load(vocoder, tensors)
    assert manifest["family"] == "vocos"
    assert to_dict(vocoder.accepts) == to_dict(model.spec)
    features = torch.randn(1, 40, 9)
    with torch.no_grad():
        assert torch.equal(vocoder.decode(features), model.exported.decode(features))


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"loss\.mel_wieght"):
        build_task({"loss": {"mel_wieght": 1.0}})


def test_reconstruction_is_zero_for_equal_samples_and_grows_with_the_difference() -> None:
    model = task()
    loss = ReconstructionLoss(model.spec, (512, 1024))
    real = batch()["samples"]
    assert all(v.item() == 0 for v in loss(real, real).values())
    near, far = loss(0.9 * real, real), loss(0.5 * real, real)
    assert all(0 < near[k] < far[k] for k in near)
    assert far["mel"].item() == pytest.approx(torch.tensor(2.0).log().item(), abs=0.25)


def test_perfect_judgement_costs_nothing() -> None:
    real, fake = [(torch.full((1, 1, 3), 2.0), [])], [(torch.full((1, 1, 3), -2.0), [])]
    assert discriminator_losses(real, fake, "hinge").mean().item() == 0
    assert discriminator_losses(fake, real, "hinge").mean().item() == 6


def test_discriminators_have_the_papers_widths() -> None:
    full = CriticSet(VocosLoss(discriminator_periods=(2,), discriminator_ffts=(512,)))
    assert [layer.out_channels for layer in full.periods[0].critic.layers] == [
        32,
        128,
        512,
        1024,
        1024,
    ]
    narrow = CriticSet(
        VocosLoss(discriminator_periods=(2, 3), discriminator_ffts=(512,), discriminator_width=0.05)
    )
    assert len(narrow(torch.randn(1, 1000))) == 3
