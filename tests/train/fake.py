"""A toy family for the loop's tests, in two shapes: one phase, and generator against critic.

As a script it reads lines `[RECIPE, OVERRIDES, STEP, SIGNAL, ENVIRONMENTS]`, trains in one fork of
itself for each environment, which is faster than starting Python again, and prints how each ended.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from torch import Tensor, nn

from vivavoce.models import MODELS
from vivavoce.nn.counted import CountedTask
from vivavoce.nn.task import Task
from vivavoce.types import FeatureSpec, Tokens

SPEC = FeatureSpec(sample_rate=8000, hop_length=80, n_fft=160, win_length=160, n_mels=8)
ALPHABET = "abcdefghijklmnopqrstuvwxyz ."


class Model(nn.Module):
    """Letters to the mean of the mel spectrum: learnable, with dropout."""

    def __init__(self, dropout: float, width: int = 16) -> None:
        super().__init__()
        self.table = nn.Embedding(len(ALPHABET), width)
        self.net = nn.Sequential(
            nn.Linear(width, width), nn.Tanh(), nn.Dropout(dropout), nn.Linear(width, SPEC.n_mels)
        )

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        mask = (torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]).float()[
            ..., None
        ]
        return self.net((self.table(tokens) * mask).sum(1) / mask.sum(1))


class OnePhase(Task):
    phases: tuple[str, ...] = ("model",)
    needs = frozenset({"tokens", "features"})
    segment_frames: int | None = None
    spec = SPEC

    def __init__(self, tables: Mapping[str, Any], speakers: tuple[str, ...]) -> None:
        super().__init__()
        self.options = tables["model"]
        self.speakers = speakers
        self.exported: nn.Module = Model(tables["model"].get("dropout", 0.1))

    def parts(self) -> dict[str, nn.Module]:
        return {"model": self.exported}

    def encode_text(self, text: str) -> Tokens:
        known = [c for c in text.lower() if c in ALPHABET]
        unknown = tuple(c for c in text.lower() if c not in ALPHABET)
        return Tokens(tuple(ALPHABET.index(c) for c in known), unknown=unknown)

    def forward(self, phase: str, batch: dict[str, Tensor], step: int) -> Any:
        loss = self.loss(batch)
        if step in self.options.get("nan_steps", ()):
            loss = loss * float("nan")
        return loss, {"error": loss.detach().sqrt()}

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        frames = batch["feature_lengths"][:, None]
        target = batch["features"].sum(-1) / frames
        return (self.exported(batch["tokens"], batch["token_lengths"]) - target).square().mean()

    def validate(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": self.loss(batch)}

    def sample(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"tone.audio": torch.zeros(800), "mel.image": batch["features"][0]}

    def export(self, folder: Path) -> None:
        numbers = {k: v.tolist() for k, v in self.exported.state_dict().items()}
        (folder / "model.json").write_text(json.dumps(numbers))


class Counted(CountedTask):
    """The same model; its loss is a mean over letters, so long texts weigh more."""

    needs = OnePhase.needs
    segment_frames: int | None = None
    spec = SPEC
    weights: Mapping[str, float] = {"error": 1.0}
    encode_text = OnePhase.encode_text
    sample = OnePhase.sample
    export = OnePhase.export
    parts = OnePhase.parts

    def __init__(self, tables: Mapping[str, Any], speakers: tuple[str, ...]) -> None:
        super().__init__()
        self.exported: nn.Module = Model(tables["model"].get("dropout", 0.1))

    def draw(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return batch

    def counts(self, drawn: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"error": drawn["token_lengths"].sum().float()}

    def sums(self, drawn: dict[str, Tensor]) -> dict[str, Tensor]:
        target = drawn["features"].sum(-1) / drawn["feature_lengths"][:, None]
        errors = (self.exported(drawn["tokens"], drawn["token_lengths"]) - target).square()
        return {"error": (errors.mean(1) * drawn["token_lengths"]).sum()}


class TwoPhases(Task):
    """Noise to samples against a critic, on random crops."""

    phases = ("critic", "generator")
    needs = frozenset({"samples", "features"})
    segment_frames: int | None = 10
    spec = SPEC

    def __init__(self, tables: Mapping[str, Any], speakers: tuple[str, ...]) -> None:
        super().__init__()
        self.noise = tables["model"].get("noise", 0.1)
        self.exported = nn.Conv1d(SPEC.n_mels, SPEC.hop_length, 3, padding=1)
        self.critic = nn.Sequential(nn.Linear(800, 8), nn.LeakyReLU(), nn.Linear(8, 1))

    def parts(self) -> dict[str, nn.Module]:
        return {"critic": self.critic, "generator": self.exported}

    def forward(self, phase: str, batch: dict[str, Tensor], step: int) -> Any:
        real = batch["samples"]
        noise = torch.randn_like(batch["features"]) * self.noise
        fake = self.exported(batch["features"] + noise).transpose(1, 2).flatten(1)
        if phase == "critic":
            loss = (1 - self.critic(real)).square() + self.critic(fake.detach()).square()
            return loss.mean(), {}
        far = (fake - real).abs().mean()
        return far + (1 - self.critic(fake)).square().mean(), {"far": far.detach()}

    def validate(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        fake = self.exported(batch["features"]).transpose(1, 2).flatten(1)
        n = min(fake.shape[1], batch["samples"].shape[1])
        return {"loss": (fake[:, :n] - batch["samples"][:, :n]).abs().mean()}

    def sample(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"copy.audio": self.exported(batch["features"]).transpose(1, 2).flatten()}

    def export(self, folder: Path) -> None:
        (folder / "model.json").write_text("{}")


def build_task(tables: Mapping[str, Any], speakers: tuple[str, ...]) -> nn.Module:
    kind = tables["model"].get("kind", "one")
    kinds = {"one": OnePhase, "two": TwoPhases, "counted": Counted}
    return kinds[kind](tables, speakers)


def write_data(folder: Path, count: int = 12) -> Path:
    """An LJSpeech-style folder of noisy tones whose pitch follows the text."""
    rng = np.random.default_rng(0)
    (folder / "wavs").mkdir(parents=True)
    lines = []
    for i in range(count):
        seconds = 0.4 + 0.05 * i
        time = np.arange(int(SPEC.sample_rate * seconds)) / SPEC.sample_rate
        tone = 0.3 * np.sin(2 * np.pi * (200 + 150 * i) * time)
        samples = (tone + 0.01 * rng.standard_normal(len(time))).astype(np.float32)
        soundfile.write(folder / "wavs" / f"tone{i:02d}.wav", samples, SPEC.sample_rate)
        lines.append(f"tone{i:02d}|{ALPHABET[i] * 3} {ALPHABET[-3 - i]}.")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


def register() -> None:

    MODELS.folders["fake"] = "tests.train.fake_family"


def attempt(
    recipe: str, overrides: list[str], step: int, number: int, environments: list[dict[str, str]]
) -> list[int]:
    """Train in children that send themselves signal `number` as soon as they have logged `step`.

    Returns their statuses as `os.waitpid` gives them.
    """
    from vivavoce.train import train

    def strike(done: int, total: int | None, note: str) -> None:
        if note.startswith("train ") and done == step:
            os.kill(os.getpid(), number)

    children = []
    for environment in environments:
        child = os.fork()
        if not child:
            status = 1
            try:
                os.environ.update(environment)
                train(recipe, overrides, device="cpu", on_progress=strike)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    return [os.waitpid(child, 0)[1] for child in children]


if __name__ == "__main__":
    import torch._dynamo  # seconds to import, and every optimiser does

    register()
    torch.set_num_threads(1)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # torch 2.8 prints lines of its own on stdout, about its process groups
    for line in sys.stdin:
        print(attempt(*json.loads(line)), file=answers, flush=True)
    os._exit(0)  # nothing to tidy up, and the interpreter takes seconds over it
