"""What a person types for a place of weights, taken apart: a Hub repository, a web address, a path.

Asks neither the network nor the catalogue.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from vivavoce.checkpoints.companions import WEIGHT_SUFFIXES
from vivavoce.errors import UsageError

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_REPOSITORY = re.compile(rf"{_PART.pattern}/{_PART.pattern}")
_PATH_SUFFIXES = (*WEIGHT_SUFFIXES, ".toml", ".onnx", ".index.json")
_HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co", "hf-mirror.com")
# What stands between a repository and a revision in the address of a page.
_HUB_PAGES = ("blob", "resolve", "raw", "tree")
_NOT_MODELS = ("datasets", "spaces", "api", "models", "docs")


@dataclass(frozen=True)
class Source:
    """`kind` says which fields count: `hf` (repo, file, revision), `url` (url), `path` (path).

    `file` may be a folder of the repository, or empty for all of it. `revision` is a branch, tag
    or commit; empty means the repository's main branch.
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
            return f"hf://{self.repo}/{self.file}".rstrip("/") + revision
        return self.url or str(self.path)


def parse(text: str) -> Source | None:
    """`hf://org/repo[/file][@revision]`, a Hub page, `https://…`, or a path; None for a name.

    What begins like a path, has the suffix of a weight file or exists on disk is a path.
    Raises UsageError for an address that cannot be one.
    """
    if text.startswith("hf://"):
        place, _, revision = text.removeprefix("hf://").partition("@")
        org, _, rest = place.partition("/")
        name, _, file = rest.partition("/")
        return hf(f"{org}/{name}", file.strip("/"), revision)
    if text.startswith(("https://", "http://")):
        return _hub_page(text) or Source("url", url=_raw_page(text))
    if "://" in text:
        raise UsageError(f"'{text}' is not a supported address.", "Use hf:// or https://.")
    path = Path(text).expanduser()
    like_a_path = text.endswith(_PATH_SUFFIXES) or text.startswith((".", "~")) or path.is_absolute()
    return Source("path", path=path) if like_a_path or (text and _exists(path)) else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or no text for a path
        return False


def repository(text: str) -> str:
    """The repository that `org/name` names; empty where `text` is something else."""
    return text if _REPOSITORY.fullmatch(text) else ""


def hf(repo: str, file: str = "", revision: str = "") -> Source:
    """A file, folder or all of the Hub repository `org/name`. Raises UsageError for odd names."""
    inside = [part.removeprefix(".") for part in file.split("/")] if file else []
    parts = [*repo.split("/"), *inside]
    odd = repo.count("/") != 1 or not all(_PART.fullmatch(p) and ".." not in p for p in parts)
    if odd or not re.fullmatch(r"[A-Za-z0-9._/-]*", revision) or ".." in revision:
        raise UsageError(
            f"'hf://{repo}/{file}{'@' * bool(revision)}{revision}' is not a file on the Hub.",
            "Write hf://org/repo, hf://org/repo/file or hf://org/repo/file@revision.",
        )
    return Source("hf", repo=repo, file=file, revision=revision)


def _hub_page(text: str) -> Source | None:
    """What the address of a Hub page or file means, also on a mirror; None for another site."""
    parts = urlsplit(text)
    names = [unquote(name) for name in parts.path.split("/") if name]
    page = names[2] if len(names) > 2 else ""
    mirror = urlsplit(os.environ.get("HF_ENDPOINT", "")).netloc
    if parts.hostname not in _HUB_HOSTS and (parts.netloc != mirror or page not in _HUB_PAGES):
        return None
    if len(names) < 2 or names[0] in _NOT_MODELS or page not in ("", *_HUB_PAGES):
        raise UsageError(f"{text} is not a model's page.", "Give the address of a model or file.")
    revision = "" if names[3:4] == ["main"] else "".join(names[3:4])
    return hf("/".join(names[:2]), "/".join(names[4:]), revision)


def _raw_page(text: str) -> str:
    """The file behind a GitHub page that shows it."""
    if urlsplit(text).hostname != "github.com":
        return text
    return re.sub(r"^(https?://[^/]+/[^/]+/[^/]+)/blob/", r"\1/raw/", text)
