"""A training run as a value: the TOML file's tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from vivavoce import config
from vivavoce.errors import ConfigError, near_misses


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """One manifest. Paths are relative to the working directory, `audio` to the manifest's folder.
    Without `audio` recordings are searched beside the manifest and in its folders `wavs`, `wav`,
    `clips`, `audio`, `opus`, `flac`, `recordings` and `train`.

    Columns are names (`jsonl`, `csv` with a header line) or numbers from 0 (`ljspeech`).
    `language` is that of all rows, if the family needs one, or `language_column` that of
    each. `include` and `exclude` hold ids, globs (`LJ00[12]-*`) or ranges of prefixes
    (`a0500..a0539`).
    """

    path: Path
    format: Literal["ljspeech", "jsonl", "csv"] = "ljspeech"
    audio: Path | None = None
    delimiter: str | None = None
    audio_column: int | str | None = None
    text_column: int | str | None = None
    speaker_column: int | str | None = None
    speaker: str = ""
    language_column: int | str | None = None
    language: str = ""
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
    """Optimiser of one phase. `final` is the last learning rate as a fraction of `lr`."""

    name: Literal["adamw", "radam", "adafactor"] = "adamw"
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-9
    weight_decay: float = 0.0
    warmup_steps: int = 0
    schedule: Literal["constant", "cosine", "noam", "exponential", "linear"] = "constant"
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

    `threads` 0 is torch's default. The moving average is updated every `ema_every` updates and
    only copies the weights until update `ema_from`; `ema_law` is how its decay grows (ema.py).
    A run ends after `patience` validations in a row without improvement (0: never).
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
    ema_law: Literal["ramp", "power"] = "ramp"
    ema_every: int = 1
    ema_from: int = 0
    patience: int = 0
    nan_limit: int = 25
    threads: int = 0
    workers: int = 2

    def __post_init__(self) -> None:
        if self.batch_seconds <= 0 and self.batch_size < 1:
            raise ValueError("give batch_seconds, batch_size or both.")
        if not 0 <= self.ema_decay < 1:
            raise ValueError("ema_decay must be in [0, 1).")
        if min(self.keep, self.workers, self.nan_limit, self.ema_every) < 1:
            raise ValueError("keep, workers, nan_limit and ema_every must be at least 1.")


@dataclass(frozen=True, kw_only=True)
class LogConfig:
    """`tensorboard`: by default written if it is installed."""

    every: int = 25
    tensorboard: bool | None = None


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """Low-rank adapters: `alpha / rank` scales them. `targets` are patterns of the names of linear
    layers; without them the family's own, attention and feed-forward. `lr`, if given, replaces
    `optim.lr` for adapters: they need about ten times that of all weights.
    """

    rank: int = 16
    alpha: float = 16.0
    lr: float = 0.0
    targets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha <= 0 or self.lr < 0:
            raise ValueError("rank must be at least 1, alpha positive and lr not negative.")


@dataclass(frozen=True, kw_only=True)
class StartConfig:
    """`model` is a name, folder, file or address whose weights the run starts from; without it
    they are random.

    `train`: `all` weights, or `lora`, adapters only; `auto` is `all` unless that does not fit
    into memory. `freeze` names groups of the family or patterns of parameters that keep
    their values. `vocabulary`: `extend` adds tokens of the texts that the starting model lacks.
    """

    model: str = ""
    train: Literal["auto", "all", "lora"] = "auto"
    freeze: tuple[str, ...] = ()
    vocabulary: Literal["keep", "extend"] = "keep"
    adapter: AdapterConfig = field(default_factory=AdapterConfig)

    def __post_init__(self) -> None:
        if not self.model and (self.train == "lora" or self.freeze):
            raise ValueError("train = 'lora' and freeze need start.model.")


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """Memory limits of a run. `limit_gb` 0 is the device's free memory.

    `recompute`: blocks are recomputed in the backward pass instead of stored; `auto`: only if
    the plan needs it. `average`: whether the plan may drop the moving average.
    """

    limit_gb: float = 0.0
    recompute: Literal["auto", "always", "never"] = "auto"
    average: Literal["auto", "keep"] = "auto"


@dataclass(frozen=True, kw_only=True)
class SpeakConfig:
    """Texts synthesised at every validation, with `vocoder`, a model's name or folder.

    A model that clones uses the voice of the first validation utterance. `options` are the
    model's own.
    """

    texts: tuple[str, ...] = ()
    vocoder: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.texts and not self.vocoder:
            raise ValueError("texts need a vocoder.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole run. `model`, `text`, `features` and `loss` are passed to the family unchanged."""

    name: str
    family: str
    output: Path
    data: DataConfig
    optim: OptimConfig
    loop: LoopConfig
    seed: int = 0
    log: LogConfig = field(default_factory=LogConfig)
    start: StartConfig = field(default_factory=StartConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    speak: SpeakConfig = field(default_factory=SpeakConfig)
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
    """Read a recipe. Raises ConfigError naming the key and the file.

    `data = "FOLDER"`, or a list in place of a folder, in the recipe or an override, keeps the
    recipe's other values of `data` and takes its utterances from there.
    """
    tables = config.read(path)
    if isinstance(folder := tables.get("data"), str):
        tables["data"] = {"sources": [{"path": folder}]}
    return config.from_dict(Recipe, config.apply_overrides(tables, [*map(_as_sources, overrides)]))


def _as_sources(override: str) -> str:
    """`data=FOLDER` as a change of the sources alone."""
    key, _, value = override.partition("=")
    if key.strip() != "data" or value.strip().startswith("{"):
        return override
    source = {"path": json.dumps(value.strip())}
    if value.strip().endswith(".jsonl"):
        source["format"] = '"jsonl"'
    return f"data.sources=[{{ {', '.join(f'{k} = {v}' for k, v in source.items())} }}]"
