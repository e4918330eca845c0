"""Decoded samples and features on disk, computed once.

A file's name is a hash of the recording (path, size, time of change) and of everything that
decides the numbers in it, so nothing is ever out of date. Two processes may fill one cache: a
file appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from vivavoce import files
from vivavoce.audio import features, io
from vivavoce.types import FeatureSpec

ADVICE = "Free some space, or set data.cache to another folder."
VERSION = 1
"""Raised when the same specification starts to mean other numbers."""


@dataclass(frozen=True)
class FeatureCache:
    """Recordings as arrays: `samples` `[S]` at the specification's rate, `features` `[M, T]`.

    `derived` are kinds that a task makes of the samples, each with a text that changes with its
    numbers.
    """

    folder: Path
    spec: FeatureSpec
    needs: frozenset[str]
    derived: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def extractor(self) -> features.FeatureExtractor:
        return features.FeatureExtractor(self.spec)

    def prepare(self, audio: Path) -> float:
        """Make sure that what is needed lies there; the recording's length in seconds.

        Raises AudioError when the recording cannot be decoded, OutputError when the cache cannot
        be written.
        """
        wanted = [k for k in ("samples", "features") if k in self.needs] or ["samples"]
        missing = [k for k in wanted if not self._path(audio, k).is_file()]
        if missing:
            samples = io.read(audio, sample_rate=self.spec.sample_rate).samples
            if "samples" in missing:
                _write(self._path(audio, "samples"), samples)
            if "features" in missing:
                _write(self._path(audio, "features"), self._extract(samples))
        if wanted[0] == "samples":
            return len(self.samples(audio)) / self.spec.sample_rate
        return self.features(audio).shape[1] / self.spec.frame_rate

    def samples(self, audio: Path) -> np.ndarray:
        """`[S]` float32, mapped, read-only."""
        return np.load(self._path(audio, "samples"), mmap_mode="r")

    def features(self, audio: Path) -> np.ndarray:
        """`[M, T]` float32, mapped, read-only."""
        return np.load(self._path(audio, "features"), mmap_mode="r")

    def values(self, audio: Path, kind: str) -> np.ndarray:
        """A derived kind, mapped, read-only."""
        return np.load(self._path(audio, kind), mmap_mode="r")

    def derive(self, audio: Path, make: Callable[[str, torch.Tensor], torch.Tensor]) -> None:
        """Make sure that every derived kind lies there; `make(kind, samples)` computes one.

        Raises what `make` raises, and OutputError when the cache cannot be written.
        """
        for kind in self.derived:
            path = self._path(audio, kind)
            if not path.is_file():
                samples = torch.from_numpy(np.array(self.samples(audio)))
                _write(path, make(kind, samples).numpy())

    def _extract(self, samples: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.extractor(torch.from_numpy(samples)[None])[0].numpy()

    def _path(self, audio: Path, kind: str) -> Path:
        stat = audio.stat()
        meaning: object = asdict(self.spec) if kind == "features" else self.spec.sample_rate
        if kind in self.derived:
            meaning = [self.spec.sample_rate, self.derived[kind]]
        key = [VERSION, str(audio.resolve()), stat.st_size, stat.st_mtime_ns, meaning]
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]
        return self.folder / name[:2] / f"{name}.{kind}.npy"


def _write(path: Path, values: np.ndarray) -> None:
    with (
        files.atomic_path(path, advice=ADVICE) as temporary,
        temporary.open("wb") as stream,
    ):
        whole = np.issubdtype(values.dtype, np.integer)
        np.save(stream, np.ascontiguousarray(values, dtype=np.int64 if whole else np.float32))
