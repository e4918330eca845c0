"""Models as files of other programs, by name."""

import pytest

from tests.models.vits.toy import stored, toy
from tests.tiny import tiny_model
from vivavoce.checkpoints import store
from vivavoce.config import to_dict
from vivavoce.errors import UsageError
from vivavoce.hub.export import export


def test_a_voice_for_piper(tmp_path):
    folder = stored(tmp_path / "toy", *toy())
    files = export(str(folder), tmp_path / "out.onnx", "piper")
    assert [file.name for file in files] == ["out.onnx", "out.onnx.json"]
    assert all(file.stat().st_size for file in files)


def test_formats_that_a_family_has_not(tmp_path):
    folder = stored(tmp_path / "toy", *toy())
    with pytest.raises(UsageError, match=r"'vits' cannot be exported as 'pipper'.*'piper'"):
        export(str(folder), tmp_path / "out", "pipper")
    model = tiny_model()
    tables = {"config": to_dict(model.config), "features": to_dict(model.spec)}
    manifest = {"kind": "acoustic", "family": "glow", "name": "tiny", **tables}
    store.save(tmp_path / "tiny", manifest, model.state_dict())
    with pytest.raises(UsageError, match="'glow' cannot be exported as 'piper'"):
        export(str(tmp_path / "tiny"), tmp_path / "out", "piper")
