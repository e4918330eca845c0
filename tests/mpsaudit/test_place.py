from __future__ import annotations

import sys
from pathlib import Path

import torch

from mpsaudit.place import Places, _short


def test_the_line_outside_torch():
    place, backward = Places().current()
    assert place.endswith("in test_the_line_outside_torch")
    assert not backward


def test_torch_s_own_frames_are_passed_over():
    places, seen = Places(), []

    class Watched(torch.nn.Module):
        def forward(self, x):
            return x

    net = torch.nn.Sequential(Watched())
    net.register_forward_hook(lambda *_: seen.append(places.current()[0]))
    net(torch.ones(1))
    assert seen[0].startswith("tests")
    assert "torch" not in seen[0]


def test_paths_are_short_where_modules_are_imported_from(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    _short.cache_clear()
    assert _short(str(tmp_path / "a" / "b.py")) == str(Path("a") / "b.py")
    assert _short("/elsewhere/b.py") == "/elsewhere/b.py"
    _short.cache_clear()
