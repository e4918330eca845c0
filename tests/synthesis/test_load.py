"""Loading by folder: what fits is joined, what does not is refused with a reason."""

import pytest

from tests.tiny import tiny_folders
from vivavoce.errors import BadCheckpoint, UnknownModel, UnsupportedDevice
from vivavoce.synthesis.load import load
from vivavoce.weights import store


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    return tiny_folders(tmp_path)


def test_a_folder_speaks_and_says_why_it_is_where_it_is(folders):
    tts = load(folders[0], vocoder=folders[1], device="cpu")
    assert len(tts.speak("Hello there.").samples) > 1000
    assert "asked" in tts.selection.reason


def test_kinds_are_not_mixed_up(folders):
    with pytest.raises(BadCheckpoint, match="vocoder"):
        load(folders[1], vocoder=folders[0], device="cpu")


def test_unknown_names_have_near_misses():
    with pytest.raises(UnknownModel, match="kathleen"):
        load("kathlen")
    with pytest.raises(UnknownModel, match="models get vocos-mel-24khz"):
        load("kathleen", vocoder="vocos-mel-24khz", device="cpu")
    with pytest.raises(UnsupportedDevice):
        load(device="cuda:93")


def test_a_truncated_weight_file_is_refused(folders):
    file = folders[0] / store.TENSORS
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BadCheckpoint):
        load(folders[0], vocoder=folders[1], device="cpu")
