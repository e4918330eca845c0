"""Where downloads and imported models lie. Creates nothing and asks nobody: paths only.

`VIVAVOCE_HOME` decides; otherwise the platform's cache folder. Hugging Face files stay in the
Hub's own cache (`HF_HOME`), where other programs find them too.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit


def folder() -> Path:
    """The cache's root: `VIVAVOCE_HOME`, else `vivavoce` in the platform's cache folder."""
    chosen = os.environ.get("VIVAVOCE_HOME")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "vivavoce"
    name, default = ("XDG_CACHE_HOME", Path.home() / ".cache")
    if sys.platform == "win32":
        name, default = ("LOCALAPPDATA", Path.home() / "AppData" / "Local")
    return Path(os.environ.get(name) or default) / "vivavoce"


def models() -> Path:
    """Imported models, one folder each."""
    return folder() / "models"


def voices() -> Path:
    """The user's voices, one file each."""
    return folder() / "voices"


def download_path(url: str) -> Path:
    """Where the file of a web address is kept: its own name, in a folder made from the address."""
    name = Path(unquote(urlsplit(url).path)).name
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in name).lstrip(".") or "file"
    return folder() / "downloads" / hashlib.sha256(url.encode()).hexdigest()[:16] / safe[-120:]


def hub() -> Path | None:
    """The Hub's cache as the environment names it; None leaves it to huggingface_hub."""
    if os.environ.get("HF_HUB_CACHE"):
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    home = os.environ.get("HF_HOME")
    return Path(home).expanduser() / "hub" if home else None
