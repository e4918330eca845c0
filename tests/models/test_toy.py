"""A family is its folder and one line: the toy of models/README.md comes, works and goes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

import vivavoce
from mpsaudit import audit
from tests.tiny import tiny_folders
from vivavoce import models
from vivavoce.checkpoints import store
from vivavoce.errors import UnknownModel
from vivavoce.models import MODELS
from vivavoce.types import FeatureSpec

PAGE = Path(models.__file__).parent / "README.md"
BLOCK = re.compile(r"`(toy/\w+\.py)`\n```python\n(.*?)```", re.DOTALL)
LONGEST = 60  # lines of the model itself: config.py and family.py, imports and blank lines apart


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """The files of the page in a folder of their own, and the one line in the table."""
    (tmp_path / "toy").mkdir()
    for name, code in re.findall(
        r"`(toy/\w+\.py)`\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL
    ):
        (tmp_path / name).write_text(code)
    (tmp_path / "toy" / "__init__.py").write_text('"""The toy of models/README.md."""\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(MODELS.folders, "toy", "toy")
    yield tmp_path
    for name in [name for name in sys.modules if name == "toy" or name.startswith("toy.")]:
        del sys.modules[name]


def test_the_toy_is_short():
    files = re.findall(
        r"`toy/(?:config|family)\.py`\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    lines = [line for line in "\n".join(files).splitlines() if line.strip()]
    code = [line for line in lines if not re.match(r'from |import |"""', line)]
    assert 0 < len(code) <= LONGEST


def test_it_speaks_by_path_and_is_imported_by_what_it_is(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    _, vocoder = tiny_folders(tmp_path / "parts")
    manifest = {"kind": "acoustic", "family": "toy", "name": "toy", "vocoder": str(vocoder)}
    spec = store.read_manifest(vocoder)["features"]
    tensors = {"letters.weight": torch.randn(128, FeatureSpec(**spec).n_mels)}
    tables = {"config": {"frames": 30}, "features": spec, "text": {}}
    store.save(tmp_path / "model", manifest | tables, tensors)
    tts = vivavoce.load(tmp_path / "model", device="cpu")
    speech = tts.speak("Hello there.", on_problem="warn")
    again = tts.batch(["Hello there.", "No."], on_problem="warn")
    assert speech.duration_s > 1
    assert abs(again[0].samples - speech.samples).max() < 1e-4
    assert MODELS.recognise(["toy.letters"]) == "toy"


def test_it_trains_for_a_step(toy):
    task = MODELS.build_task("toy")({}, ())
    optimiser = torch.optim.SGD(task.parameters(), 10.0)
    batch = {"tokens": torch.tensor([[1, 2]]), "features": torch.ones(1, 100, 4)}
    before, _ = task("model", batch, 0)
    before.backward()
    optimiser.step()
    assert task.validate(batch)["loss"] < before


def test_it_is_audited(toy):
    work = MODELS.workloads()["toy.typical"]
    report = audit(work.build("cpu"))
    assert report.clean, report


def test_afterwards_nobody_knows_it():
    with pytest.raises(UnknownModel, match="toy"):
        MODELS.family("toy")
