"""Five steps of every trainable family in two processes: `python -m tests.train.two_ranks`.

Each process has batches of its own. Prints as JSON, for each family, whether all parameters are
equal in both, and whether training changed them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from tests.train.test_distributed import environments
from vivavoce.audio.specs import HIFIGAN_22K, VOCOS_24K, XTTS_LATENTS
from vivavoce.config import to_dict
from vivavoce.models.f5 import workloads as f5
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.text import F5TextConfig
from vivavoce.models.f5.train import F5Task
from vivavoce.models.forward import workloads as forward
from vivavoce.models.forward.train import ForwardTask
from vivavoce.models.glow import workloads as glow
from vivavoce.models.glow.train import GlowTask
from vivavoce.models.vits import workloads as vits
from vivavoce.models.vits.train import VitsLoss, VitsTask, VitsTTS, VitsVoice, decoders
from vivavoce.models.xtts import workloads as xtts
from vivavoce.models.xtts.model import Xtts
from vivavoce.models.xtts.train import XttsTask
from vivavoce.nn.task import Batch, Task
from vivavoce.train import distributed
from vivavoce.train.cache import FeatureCache
from vivavoce.train.data import Data
from vivavoce.train.distributed import Group
from vivavoce.train.loop import Trainer
from vivavoce.train.recipe import DataConfig, LoopConfig, OptimConfig, Recipe
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.bigvgan import workloads as bigvgan
from vivavoce.vocoders.bigvgan.train import build_task as bigvgan_task
from vivavoce.vocoders.hifigan import workloads as hifigan
from vivavoce.vocoders.hifigan.config import V1
from vivavoce.vocoders.hifigan.train import build_task as hifigan_task
from vivavoce.vocoders.pulse import workloads as pulse
from vivavoce.vocoders.pulse.train import PulseLoss, PulseTask
from vivavoce.vocoders.vocos import workloads as vocos
from vivavoce.vocoders.vocos.train import build_task as vocos_task

CPU = torch.device("cpu")
STEPS = 5
HOP = 256


def texts(rows: int, length: int, letters: int = 70) -> Batch:
    return {
        "tokens": torch.randint(3, letters, (rows, length)),
        "token_lengths": torch.arange(length, length - rows, -1),
        "speakers": torch.zeros(rows, dtype=torch.long),
    }


def sounds(frames: int, rows: int = 2) -> Batch:
    samples = 0.1 * torch.randn(rows, frames * HOP)
    return {"samples": samples, "sample_lengths": torch.full((rows,), frames * HOP)}


def mels(rows: int, n_mels: int, frames: int) -> Batch:
    lengths = torch.arange(frames, frames - 2 * rows, -2)
    return {"features": 3 + 2 * torch.randn(rows, n_mels, frames), "feature_lengths": lengths}


def small(config: object, **loss: float) -> dict[str, dict[str, Any]]:
    """The tables of a recipe."""
    return {"model": to_dict(config), "loss": loss}


def f5_task() -> Task:
    text = F5TextConfig(f5.LETTERS, normalise=False)
    return F5Task(F5TTS(replace(f5.TOY, n_tokens=len(f5.LETTERS)), VOCOS_24K, text))


def xtts_batch() -> Batch:
    codes = {"codes": torch.randint(0, 1000, (2, 9)), "code_lengths": torch.tensor([9, 7])}
    samples = 0.1 * torch.randn(2, 2 * 22_050)
    lengths = {"sample_lengths": torch.full((2,), 2 * 22_050)}
    return texts(2, 12) | codes | {"samples": samples} | lengths


def forward_batch() -> Batch:
    durations = torch.full((2, 12), 4.0)
    pitch = 200 * (torch.rand(2, 48) > 0.3).float()
    found = texts(2, 12) | mels(2, forward.TOY.n_mels, 48)
    lengths = {"token_lengths": torch.tensor([12, 12]), "feature_lengths": torch.tensor([48, 48])}
    return found | lengths | {"durations": durations, "pitch": pitch}


def vits_task() -> Task:
    config = replace(vits.TOY, posterior=True, variational_durations=True, posterior_layers=2)
    narrow = {"width": 32, "block_kernels": (3,), "block_dilations": ((1, 3),)}
    spec = replace(XTTS_LATENTS, sample_rate=22050, n_mels=config.latent_width)
    decoder = decoders.build(decoders.config_of({"output_bias": False} | narrow), spec)
    few = {"period_channels": (4, 4, 4), "scale_channels": (4, 4, 4), "scale_groups": (1, 2, 1)}
    voice = VitsVoice(VitsTTS(config, spec), decoder)
    return VitsTask(voice, replace(HIFIGAN_22K, f_max=None), VitsLoss(**few))


def pulse_batch() -> Batch:
    return sounds(64) | {
        "pitch": 200 * (torch.rand(2, 65) > 0.3).float(),
        "phase": torch.rand(2, 65),
    }


FAMILIES: dict[str, tuple[Callable[[], Task], Callable[[], Batch]]] = {
    "forward": (
        lambda: ForwardTask(forward.random_model(forward.TOY, CPU).requires_grad_(True)),
        forward_batch,
    ),
    "glow": (
        lambda: GlowTask(glow.random_model(glow.TOY, CPU).requires_grad_(True)),
        lambda: texts(3, 12) | mels(3, glow.TOY.n_mels, 60),
    ),
    "pulse": (
        lambda: PulseTask(pulse.TOY, FeatureSpec(), PulseLoss(segment_frames=64)),
        pulse_batch,
    ),
    "vits": (vits_task, lambda: texts(2, 12) | sounds(80)),
    "vocos": (lambda: vocos_task(small(vocos.TOY, discriminator_width=0.05)), lambda: sounds(32)),
    "hifigan": (
        lambda: hifigan_task(small(replace(V1, **hifigan.TOY), discriminator_width=0.05)),
        lambda: sounds(16),
    ),
    "bigvgan": (
        lambda: bigvgan_task(small(bigvgan.TOY, discriminator_width=0.05)),
        lambda: sounds(32),
    ),
    "f5": (f5_task, lambda: texts(3, 12, 20) | mels(3, VOCOS_24K.n_mels, 60)),
    "xtts": (lambda: XttsTask(Xtts(xtts.TOY)), xtts_batch),
}
"""A small task, and a batch for it: what is drawn differs between the processes."""


def trained(family: str, group: Group, folder: Path) -> tuple[str, bool]:
    """A digest of all parameters after the steps, and whether the steps changed them."""
    make, batch = FAMILIES[family]
    torch.manual_seed(0)
    task = make()
    data = Data((), (), FeatureCache(folder, task.spec, frozenset(task.needs)), None)
    recipe = Recipe(
        name=family,
        family=family,
        output=folder,
        data=DataConfig(sources=()),
        optim=OptimConfig(lr=1e-4, steps=STEPS),
        loop=LoopConfig(batch_size=2),
    )
    trainer = Trainer(task, data, recipe, CPU, group)
    before = digest(task)
    for step in range(STEPS):
        torch.manual_seed(1000 + 10 * step + group.rank)
        trainer.update([batch()])
        trainer.state.step += 1
    assert trainer.state.skipped == 0
    return digest(task), digest(task) != before


def digest(task: Task) -> str:
    whole = hashlib.sha256()
    for parameter in task.parameters():
        values: Tensor = parameter.detach().contiguous()
        whole.update(values.numpy().tobytes())
    return whole.hexdigest()


def main() -> None:
    ours, theirs = environments(world=2)
    read, write = os.pipe()
    child = os.fork()
    os.environ.update(theirs if child == 0 else ours)
    group = distributed.from_environment()
    distributed.join(group, CPU)
    with TemporaryDirectory() as folder:
        found = {family: trained(family, group, Path(folder)) for family in FAMILIES}
    distributed.leave(group)
    if child == 0:
        os.write(write, json.dumps(found).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        other = json.load(answer)
    os.waitpid(child, 0)
    told = {f: {"equal": found[f][0] == other[f][0], "moved": found[f][1]} for f in FAMILIES}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
