"""Files that belong to a checkpoint: vocabularies, statistics, speakers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


@dataclass(frozen=True)
class Companion:
    """A file that belongs to a checkpoint and lies beside it.

    `pattern` is its name, `otherwise` the address of one to take for a checkpoint of the Hub that
    has none. It is not looked for when a tensor's name ends with `unless`.
    """

    pattern: str
    otherwise: str = ""
    unless: str = ""

    @property
    def tensors(self) -> bool:
        """Whether it holds tensors; else it is text."""
        return Path(self.pattern).suffix in WEIGHT_SUFFIXES
