"""A training run as a value: the TOML file's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from vivavoce import config
from vivavoce.errors import ConfigError, near_misses


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """One manifest. Paths are relative to the working directory, `audio` to the manifest's folder.

    Columns are names (`jsonl`, `csv` with a header line) or numbers from 0 (`ljspeech`).
    `include` and `exclude` hold ids, globs (`LJ00[12]-*`) or ranges of prefixes (`a0500..a0539`).
    """

    path: Path
    format: Literal["ljspeech", "jsonl", "csv"] = "ljspeech"
    audio: Path | None = None
    delimiter: str | None = None
    audio_column: int | str | None = None
    text_column: int | str | None = None
    speaker_column: int | str | None = None
    speaker: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """`validation` is a number of utterances, or ids, globs and ranges as in a source."""

    sources: tuple[DataSource, ...]
    validation: int | tuple[str, ...] = 16
    min_s: float = 0.3
    max_s: float = 15.0
    cache: Path | None = None


@dataclass(frozen=True, kw_only=True)
class PhaseOptim:
    """How one phase's parameters move. `final` is the last learning rate as a part of `lr`."""

    name: Literal["adamw", "radam"] = "adamw"
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-9
    weight_decay: float = 0.0
    warmup_steps: int = 0
    schedule: Literal["constant", "cosine", "noam", "exponential"] = "constant"
    final: float = 0.01
    clip: float = 0.0

    def __post_init__(self) -> None:
        if self.lr <= 0 or not 0 < self.final <= 1:
            raise ValueError("lr must be positive and final in (0, 1].")
        if self.schedule == "noam" and self.warmup_steps < 1:
            raise ValueError("the noam schedule needs warmup_steps.")


@dataclass(frozen=True, kw_only=True)
class OptimConfig(PhaseOptim):
    """`[optim]`: values for all phases; `[optim.phases.NAME]` overrides them for one."""

    steps: int
    accumulate: int = 1
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1 or self.accumulate < 1:
            raise ValueError("steps and accumulate must be at least 1.")

    def phase(self, name: str) -> PhaseOptim:
        """The values of one phase."""
        mine = asdict(self)
        base = {f.name: mine[f.name] for f in fields(PhaseOptim)}
        where = f"optim.phases.{name}"
        return config.from_dict(PhaseOptim, {**base, **self.phases.get(name, {})}, where)

    def require_phases(self, known: Sequence[str]) -> None:
        """Raises ConfigError when a table names a phase that the family does not have."""
        for name in self.phases:
            if name not in known:
                raise ConfigError(f"Unknown key 'optim.phases.{name}'.", near_misses(name, known))


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """`batch_seconds` bounds a batch's padded audio, `batch_size` its utterances: either or both.

    `threads` 0 leaves torch's number of threads alone.
    """

    batch_seconds: float = 0.0
    batch_size: int = 0
    precision: Literal["auto", "float32", "tf32", "bfloat16", "float16"] = "auto"
    checkpoint_every_s: float = 600.0
    checkpoint_every: int = 0
    keep: int = 3
    validate_every: int = 1000
    samples: int = 2
    best_metric: str = "loss"
    ema_decay: float = 0.0
    nan_limit: int = 25
    threads: int = 0
    workers: int = 2

    def __post_init__(self) -> None:
        if self.batch_seconds <= 0 and self.batch_size < 1:
            raise ValueError("give batch_seconds, batch_size or both.")
        if not 0 <= self.ema_decay < 1:
            raise ValueError("ema_decay must be in [0, 1).")
        if self.keep < 1 or self.workers < 1 or self.nan_limit < 1:
            raise ValueError("keep, workers and nan_limit must be at least 1.")


@dataclass(frozen=True, kw_only=True)
class LogConfig:
    """`tensorboard` left out: written when it is installed."""

    every: int = 25
    tensorboard: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole run. `model`, `text`, `features` and `loss` are handed to the family as they are."""

    name: str
    family: str
    output: Path
    data: DataConfig
    optim: OptimConfig
    loop: LoopConfig
    seed: int = 0
    log: LogConfig = field(default_factory=LogConfig)
    model: dict[str, Any] = field(default_factory=dict)
    text: dict[str, Any] = field(default_factory=dict)
    features: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """What the family parses."""
        return {
            "model": self.model,
            "text": self.text,
            "features": self.features,
            "loss": self.loss,
        }


def load(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe. Raises ConfigError naming the key and the file."""
    return config.load(Recipe, path, overrides)
