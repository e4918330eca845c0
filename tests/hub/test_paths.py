from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vivavoce.hub import paths as cache


@pytest.fixture(autouse=True)
def _bare(monkeypatch, tmp_path):
    for name in ("VIVAVOCE_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "HF_HOME", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)


def test_our_own_variable_wins(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "v"))
    assert cache.folder() == tmp_path / "v"
    assert cache.models() == tmp_path / "v" / "models"
    assert not list(tmp_path.iterdir()), "asking for a path creates nothing"


@pytest.mark.parametrize(
    ("platform", "variable", "default"),
    [
        ("linux", "XDG_CACHE_HOME", ".cache/vivavoce"),
        ("darwin", None, "Library/Caches/vivavoce"),
        ("win32", "LOCALAPPDATA", "AppData/Local/vivavoce"),
    ],
)
def test_platform_defaults(monkeypatch, tmp_path, platform, variable, default):
    monkeypatch.setattr(sys, "platform", platform)
    assert cache.folder() == tmp_path / default
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "chosen"))
        assert cache.folder() == tmp_path / "chosen" / "vivavoce"


def test_downloads_keep_their_names_and_stay_inside():
    one = cache.download_path("https://a.example/x/model.pth?v=1")
    two = cache.download_path("https://b.example/x/model.pth")
    assert one.name == two.name == "model.pth"
    assert one != two
    for odd in (
        "https://a.example/%2e%2e/..",
        "https://a.example",
        "https://a.example/a%2Fb%5C..c",
    ):
        path = cache.download_path(odd)
        assert path.parent.parent == cache.folder() / "downloads"
        assert ".." not in path.parts
        assert not path.name.startswith(".")


def test_the_hubs_cache(monkeypatch, tmp_path):
    assert cache.hub() is None
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert cache.hub() == tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "other"))
    assert cache.hub() == tmp_path / "other"
