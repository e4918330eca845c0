"""Three updates of the references' adversarial trainings, against recordings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from tests.conftest import Parity
from tests.tolerance import UNITS, assert_within, peak, recorded_unit
from vivavoce.audio.specs import HIFIGAN_22K
from vivavoce.config import to_dict
from vivavoce.vocoders.adversarial.task import AdversarialTask
from vivavoce.vocoders.hifigan import train as hifigan
from vivavoce.vocoders.vocos import train as vocos

LOSS, GRADIENT, PARAMETER = 2e-6, 2e-5, 1e-6
"""Relative to the value, to the largest entry, and to 1 or the largest: parity of a training."""
JUMP = 1e-4
"""HiFi-GAN's generator without oneDNN: one of 29,568 absolute differences in a map of features has
another sign there, which moves its gradients by 4e-5 of the largest.
"""
CRITIC = (
    (r"\.convs\.", ".critic.layers."),
    (r"\.conv_post\.", ".critic.score."),
    (r"\.weight_g$", ".parametrizations.weight.original0"),
)
HIFIGAN = (
    (r"^model_d\.mpd\.discriminators", "discriminators.periods"),
    (r"^model_d\.msd\.discriminators", "discriminators.scales"),
    (r"\.weight_orig$", ".parametrizations.weight.original"),
    (r"\.weight_([uv])$", r".parametrizations.weight.0.\1"),
    (r"^model_g\.conv_pre", "vocoder.first"),
    (r"^model_g\.conv_post", "vocoder.last"),
    (r"^model_g\.ups\.(\d+)", r"vocoder.stages.\1.upsample"),
    (r"(^model_g\.resblocks.*)\.convs\.", r"\1.dilated."),
    *CRITIC[:2],
)
VOCOS = (
    (r"\.weight_v$", ".parametrizations.weight.original1"),
    (r"^multiperioddisc\.discriminators", "discriminators.periods"),
    (r"^multiresddisc\.discriminators\.(\d+)\.conv_post", r"discriminators.bands.\1.score"),
    (r"^multiresddisc\.discriminators", "discriminators.bands"),
    (r"\.band_convs\.", ".bands."),
    (r"^generator\.backbone\.convnext\.(\d+)\.dwconv", r"vocoder.backbone.blocks.\1.depthwise"),
    (r"^generator\.backbone\.convnext\.(\d+)\.pwconv1", r"vocoder.backbone.blocks.\1.expand"),
    (r"^generator\.backbone\.convnext\.(\d+)\.pwconv2", r"vocoder.backbone.blocks.\1.contract"),
    (r"^generator\.backbone\.convnext\.(\d+)\.gamma", r"vocoder.backbone.blocks.\1.scale"),
    (r"^generator\.backbone\.convnext", "vocoder.backbone.blocks"),
    (r"^generator\.backbone\.final_layer_norm", "vocoder.backbone.final_norm"),
    (r"^generator\.head\.out", "vocoder.head"),
    (r"^generator", "vocoder"),
    *CRITIC,
)
TABLES = ("feature_extractor", "melspec_loss", "istft", "spec_fn")


def renamed(name: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in pairs:
        name = re.sub(pattern, replacement, name)
    found = re.match(r"^model_g\.resblocks\.(\d+)\.(.*)$", name)
    if found:
        stage, block = divmod(int(found[1]), 3)
        return f"vocoder.stages.{stage}.blocks.{block}.{found[2]}"
    return name


@dataclass(frozen=True)
class Reference:
    """A recorded training and ours with its first weights."""

    recording: Parity
    task: AdversarialTask
    name: Callable[[str], str]
    real: Tensor
    features: Tensor

    def value(self, name: str) -> Tensor:
        return self.recording.outputs[name].reshape(())

    def update(
        self, optimisers: Mapping[str, torch.optim.Optimizer], clip: bool = True
    ) -> dict[str, float]:
        """One update of both phases; every loss before its own step."""
        task, found = self.task, {}
        for phase, optimiser in optimisers.items():
            optimiser.zero_grad()
            if phase == "discriminator":
                loss = task.discriminator_loss(self.real, self.features)
                found["disc"] = loss
            else:
                metrics = task.generator_losses(self.real, self.features)
                loss = task.total(metrics)
                found |= {"gen": loss, **metrics}
            loss.backward()
            limit = self.recording.meta["optimiser"]["clip"]
            if clip and limit:
                torch.nn.utils.clip_grad_norm_(task.parts()[phase].parameters(), limit)
            optimiser.step()
        return {name: value.item() for name, value in found.items()}

    def optimisers(self) -> dict[str, torch.optim.Optimizer]:
        given = self.recording.meta["optimiser"]
        return {
            phase: torch.optim.AdamW(
                part.parameters(),
                given.get("lr") or given["lr_gen"],
                tuple(given["betas"]),
                weight_decay=given["weight_decay"],
            )
            for phase, part in self.task.parts().items()
        }


def loaded(recording: Parity, task: AdversarialTask, pairs: tuple[tuple[str, str], ...]):
    tensors = {
        renamed(name, pairs): value
        for name, value in recording.weights.items()
        if not any(part in name for part in TABLES)
    }
    task.load_state_dict(tensors)
    return task.train()


@pytest.fixture
def hifigan_reference(load_parity) -> Reference:
    recording = load_parity("train_hifigan_gan_tiny")
    model = {
        "width": 32, "rates": [8, 8, 4], "kernels": [16, 16, 8], "block": 2,
        "block_kernels": [3, 5, 7], "block_dilations": [[1, 2], [2, 6], [3, 12]],
    }  # fmt: skip
    features = to_dict(replace(HIFIGAN_22K, framing="center"))
    loss = {
        "discriminator_width": 1 / 16,
        "scale_groups": [1, 2, 8, 8, 8, 8, 1],
        "magnitude_clamp": 1e-4,
    }
    task = hifigan.build_task({"model": model, "features": features, "loss": loss})
    loaded(recording, task, HIFIGAN)
    audio, mel = recording.inputs["audio"][:, 0], recording.inputs["mel"]
    return Reference(recording, task, lambda name: renamed(name, HIFIGAN), audio, mel)


@pytest.fixture
def vocos_reference(load_parity) -> Reference:
    recording = load_parity("train_vocos_gan_tiny")
    loss = vocos.PAPER | {"discriminator_width": 1 / 16, "gain_db": 0.0}
    model = {"dim": 64, "hidden_dim": 128, "n_layers": 3}
    task = vocos.build_task({"model": model, "features": {"clamp": 1e-7}, "loss": loss})
    loaded(recording, task, VOCOS)
    audio = recording.inputs["audio"]
    features = task.extract(audio)
    return Reference(recording, task, lambda name: renamed(name, VOCOS), audio, features)


@pytest.fixture(params=["hifigan", "vocos"])
def reference(request) -> Reference:
    return request.getfixturevalue(f"{request.param}_reference")


def assert_close(found: Tensor, expected: Tensor, name: str, jumps: float = 0.0) -> None:
    """Within 1e-6, or `jumps`.

    The gradient of an absolute difference jumps where the difference changes its sign: after an
    update's rounding, one of some 10^5 terms may do so in one program and not in the other. What is
    nearly at rest then moves by a part of the rate.
    """
    limit = max(PARAMETER * max(1, peak(expected)), jumps)
    assert_within(found, expected.reshape(found.shape), limit, name)


@pytest.mark.parity
def test_what_is_generated(reference: Reference) -> None:
    with torch.no_grad():
        wave = reference.task.vocoder.decode(reference.features)
    assert_close(wave, reference.recording.outputs["wave.0"], "wave")


@pytest.mark.parity
def test_losses_and_parameters_of_three_updates(reference: Reference) -> None:
    optimisers = reference.optimisers()
    rate = optimisers["generator"].param_groups[0]["lr"]
    parameters = dict(reference.task.named_parameters())
    for update in range(3):
        losses = reference.update(optimisers)
        for name in ("disc", "gen", "mel"):
            expected = reference.value(f"loss.{update}.{name}").item()
            assert losses[name] == pytest.approx(expected, rel=LOSS), f"{name} {update}"
        if update in (0, 2):
            start = f"after{update + 1}."
            for key, recorded in reference.recording.outputs.items():
                if key.startswith(start):
                    found = parameters[reference.name(key.removeprefix(start))]
                    assert_close(found, recorded, key, jumps=0.02 * rate if update else 0.0)


@pytest.mark.parity
def test_gradients_of_the_first_update(reference: Reference) -> None:
    reference.update(reference.optimisers(), clip=False)
    parameters = dict(reference.task.named_parameters())
    for key, expected in reference.recording.outputs.items():
        if key.startswith("grad."):
            name = key.removeprefix("grad.")
            found = parameters[reference.name(name)].grad
            jumps = not torch.backends.mkldnn.is_available() and name.startswith("model_g.")
            share = JUMP if jumps else GRADIENT
            limit = max(share * peak(expected), UNITS * recorded_unit(reference.recording, key))
            assert_within(found, expected, limit, key)


@pytest.mark.parity
def test_the_parts_of_hifigan_s_loss(hifigan_reference: Reference) -> None:
    found = hifigan_reference.update(hifigan_reference.optimisers())
    expected = hifigan_reference.value("loss.0.adversarial").item()
    assert found["adversarial"] == pytest.approx(expected, rel=LOSS)
    # The reference has the mean over all 54 maps, ours a sum over layers and a mean over critics.
    expected = hifigan_reference.value("loss.0.feature").item() * 54 / 8
    assert found["feature"] == pytest.approx(expected, rel=LOSS)
    assert hifigan_reference.task.loss.feature_weight * 54 / 8 == 108
