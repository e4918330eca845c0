from __future__ import annotations
from dataclasses import dataclass
@dataclass(frozen=True)
class TextConfig:
    kind: str = "x"
class TextRules:
    def __init__(self, config): self.config = config
