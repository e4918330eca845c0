"""What is written is run: Python blocks of the README and the guides, and the paths they name."""

import re
from pathlib import Path

import pytest

from tests.models.xtts.speaking import tiny_xtts
from tests.tiny import tiny_f5
from vivavoce.speech.load import load

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[^)]*\)")
NEEDS_DATA = re.compile(r"train\(")


def blocks():
    for page in PAGES:
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1):
            yield pytest.param(match[1], id=f"{page.stem}-{number}")


def with_a_tiny_clone(load):
    """Models that clone are too large to be here: a tiny one answers to the name."""
    tiny = {"f5-v1": tiny_f5, "xtts-v2": tiny_xtts}
    return lambda name=None, **how: tiny[name]() if name in tiny else load(name, **how)


@pytest.mark.parametrize("code", list(blocks()))
def test_python_block_runs(code, tmp_path, monkeypatch):
    if NEEDS_DATA.search(code):
        compile(code, "doc", "exec")
        pytest.skip("needs a recipe and recordings: only compiled")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vivavoce.speech.load.load", with_a_tiny_clone(load))
    exec(code, {"__name__": "doc"})


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} names {target}"


def test_architecture_names_real_files():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:src|tests|docs|recipes)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
