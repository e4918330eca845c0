"""Loading by folder: what fits is joined, what does not is refused with a reason."""

import pytest
import torch

from tests.tiny import tiny_folders
from vivavoce.device import Selection
from vivavoce.device.placement import Measurement, remember
from vivavoce.errors import BadCheckpoint, UnknownModel, UnsupportedDevice
from vivavoce.synthesis.load import load
from vivavoce.weights import cache, store


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


GPU = torch.device("meta")  # somewhere else that every machine has


@pytest.fixture
def a_gpu(monkeypatch):
    found = Selection(GPU, torch.float32, "GPU found")
    monkeypatch.setattr("vivavoce.device.select", lambda name: found)


@pytest.mark.usefixtures("a_gpu")
def test_each_stage_goes_where_it_was_measured_right_and_faster(folders):
    kept = cache.folder()
    remember(kept, GPU, "acoustic.glow", Measurement(0.3, 1e-4))
    remember(kept, GPU, "vocoder.vocos", Measurement(1e-6, 1e-4, cpu_s=1.0, device_s=3.1))
    tts = load(folders[0], vocoder=folders[1])
    assert (tts.selection.device.type, tts.vocoder_selection.device.type) == ("cpu", "cpu")
    assert "acoustic on cpu: meta gave wrong numbers in the self-test (0.3)" in tts.selection.reason
    assert "vocoder on cpu: measured 3.1 times faster there" in tts.vocoder_selection.reason
    assert len(tts.speak("Hello there.").samples) > 1000


@pytest.mark.usefixtures("a_gpu")
def test_one_stage_may_stay_while_the_other_leaves(folders):
    remember(cache.folder(), GPU, "acoustic.glow", Measurement(failure="glow.typical: no"))
    tts = load(folders[0], vocoder=folders[1])
    assert (tts.selection.device.type, tts.vocoder_selection.device.type) == ("cpu", "meta")
    assert next(tts.vocoder.parameters()).device.type == "meta"
    assert next(tts.model.parameters()).device.type == "cpu"
    assert tts.vocoder_selection.reason == "GPU found"
    assert (tts.renderer.device, tts.renderer.vocoder_device) == (torch.device("cpu"), GPU)
