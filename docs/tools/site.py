"""Hooks of mkdocs: pages that live beside the code, and links that leave the folder docs/."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"(\]\()(?!\w+:|#|/)([^)#\s]+)(#[^)\s]*)?(\))")
ROOT_PAGES = ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
CODE_PAGES = ("README.md", "MODEL_CARD.md")


def outside() -> list[Path]:
    """The pages of the site that are not in docs/."""
    code = [page for name in CODE_PAGES for page in sorted((ROOT / "src").rglob(name))]
    return [ROOT / name for name in ROOT_PAGES] + code


def on_files(files: Any, config: Any) -> Any:
    for page in outside():
        uri = page.relative_to(ROOT).as_posix()
        files.append(File.generated(config, uri, abs_src_path=str(page)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links as the files lie in the repository, turned into links of the site."""
    source = Path(page.file.abs_src_path)

    def turned(match: re.Match[str]) -> str:
        before, target, anchor, after = match.groups()
        return before + _address(source, target, page.file.src_uri, config) + (anchor or "") + after

    return LINK.sub(turned, markdown)


def _address(source: Path, target: str, uri: str, config: Any) -> str:
    path = Path(os.path.normpath(source.parent / target))
    if path.is_relative_to(DOCS):
        there = path.relative_to(DOCS).as_posix()
    elif path in outside():
        there = path.relative_to(ROOT).as_posix()
    elif path.is_relative_to(ROOT) and path.exists():
        kind = "tree" if path.is_dir() else "blob"
        return f"{config.repo_url.rstrip('/')}/{kind}/main/{path.relative_to(ROOT).as_posix()}"
    else:
        return target
    return os.path.relpath(there, Path(uri).parent).replace(os.sep, "/")
