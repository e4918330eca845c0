"""One hostile file, or one file among honest ones, and how it has to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Outcome = Literal["refused", "loads", "either"]
"""`refused`: a VivavoceError; `loads`: no error; `either`: for mutations, where chance decides."""


@dataclass(frozen=True)
class HostileFile:
    """A file `name` with `content`, read by one of `loaders.LOADERS`.

    `beside` are honest files in the same folder; `base` names an honest folder of `honest.FOLDERS`
    that is copied first. In `content` the text CANARY stands for the path of a file that must not
    come into being.
    """

    id: str
    name: str
    content: bytes
    loader: str
    expected: Outcome = "refused"
    beside: Mapping[str, bytes] = field(default_factory=dict)
    base: str = ""

    def write(self, folder: Path, honest: Path) -> Path:
        """Write the case into an empty folder; the hostile file's path."""
        sources = sorted((honest / self.base).rglob("*")) if self.base else []
        for source in sources:
            target = folder / source.relative_to(honest / self.base)
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(source.read_bytes())
        for name, content in {**self.beside, self.name: self.content}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.replace(CANARY, CANARY_PATH))
        return folder / self.name


# As long as each other: lengths are written into pickles.
CANARY = b"/CANARY_PATH_OF_A_FILE_THAT_MUST_NOT_BE"
CANARY_PATH = b"/tmp/vivavoce-canary-that-must-not-be.x"
assert len(CANARY) == len(CANARY_PATH)
