import pytest

from tests.tiny import tiny_folders
from vivavoce.errors import DownloadError, UnknownModel
from vivavoce.hub import library


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    tiny_folders(tmp_path / "models", n_speakers=2)
    return tmp_path


def test_lists_the_catalogue_and_what_was_imported(home):
    rows = {row["name"]: row for row in library.installed()}
    assert rows["kathleen"]["source"] == "bundled"
    assert not rows["vocos-mel-24khz"]["installed"]
    imported = [row for row in rows.values() if str(home) in row.get("path", "")]
    assert {row["kind"] for row in imported} == {"acoustic", "vocoder"}


def test_what_is_not_here_says_how_to_get_it(home):
    with pytest.raises(UnknownModel, match="models import FILE --as glow"):
        library.path("glow-tts-ljspeech")
    with pytest.raises(DownloadError):
        library.get("vocos-mel-24khz", offline=True)
    with pytest.raises(UnknownModel, match="kathleen"):
        library.show("kathlen")


def test_every_unknown_name_has_advice(home, tmp_path):
    with pytest.raises(UnknownModel, match="models list"):
        library.show("xyzzy")
    with pytest.raises(UnknownModel, match=r"no model\.toml.*models import"):
        library.path(str(tmp_path))


def test_a_model_is_got_with_its_vocoder(home, monkeypatch):
    got = []
    monkeypatch.setattr(library, "_get", lambda name, *_: got.append(name) or home / name)
    assert library.get("f5-v0-bigvgan") == home / "f5-v0-bigvgan"
    assert got == ["f5-v0-bigvgan", "bigvgan-v2-24khz-100band-256x"]
    got.clear()
    library.get("vocos-mel-24khz")
    assert got == ["vocos-mel-24khz"]


def test_facts_about_a_model_that_is_here_keep_what_the_catalogue_says(home):
    facts = library.show("kathleen")
    assert facts["languages"] == ["en"]
    assert facts["config"]


def test_preparing_a_name_does_nothing(home):
    library.prepare("f5-v1")
    library.prepare("kathleen")
