"""Where one weight file comes from: a Hugging Face repository, a web address or a local path.

Parses what a person types. Asks neither the network nor the catalogue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vivavoce.errors import UsageError

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Source:
    """`kind` says which fields count: `hf` (repo, file, revision), `url` (url), `path` (path).

    `revision` is a branch, tag or commit; empty means the repository's main branch.
    """

    kind: Literal["hf", "url", "path"]
    repo: str = ""
    file: str = ""
    revision: str = ""
    url: str = ""
    path: Path | None = None

    def __str__(self) -> str:
        if self.kind == "hf":
            revision = f"@{self.revision}" if self.revision else ""
            return f"hf://{self.repo}/{self.file}{revision}"
        return self.url or str(self.path)


def parse(text: str) -> Source | None:
    """`hf://org/repo/file@revision`, `https://…`, or a path; None for a plain name.

    What has a folder separator, a suffix of a weight file or exists on disk is a path.
    Raises UsageError for an address that cannot be one.
    """
    if text.startswith("hf://"):
        return _parse_hf(text)
    if text.startswith(("https://", "http://")):
        return Source("url", url=text)
    if "://" in text:
        raise UsageError(f"'{text}' is not an address this understands.", "Use hf:// or https://.")
    path = Path(text).expanduser()
    suffixes = (".safetensors", ".pth", ".pt", ".bin", ".toml")
    if path.suffix in suffixes or path.is_absolute() or text.startswith((".", "~")):
        return Source("path", path=path)
    return Source("path", path=path) if path.exists() else None


def hf(repo: str, file: str, revision: str = "") -> Source:
    """A file of a Hugging Face repository `org/name`. Raises UsageError for odd names."""
    parts = [*repo.split("/"), *file.split("/")]
    odd = repo.count("/") != 1 or not all(_PART.fullmatch(p) and ".." not in p for p in parts)
    if odd or not re.fullmatch(r"[A-Za-z0-9._/-]*", revision) or ".." in revision:
        raise UsageError(
            f"'hf://{repo}/{file}{'@' * bool(revision)}{revision}' is not a file on the Hub.",
            "Write hf://org/repo/file or hf://org/repo/file@revision.",
        )
    return Source("hf", repo=repo, file=file, revision=revision)


def _parse_hf(text: str) -> Source:
    place, _, revision = text.removeprefix("hf://").partition("@")
    org, _, rest = place.partition("/")
    name, _, file = rest.partition("/")
    return hf(f"{org}/{name}", file, revision)
