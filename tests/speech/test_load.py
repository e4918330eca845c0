"""Loading by folder: what fits is joined, what does not is refused with a reason."""

import gc
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from tests.models.xtts import official
from tests.tiny import tiny_f5_folders, tiny_folders
from vivavoce import runtime as devices
from vivavoce.checkpoints import store
from vivavoce.errors import BadCheckpoint, UnknownModel, UnsupportedDevice, UsageError
from vivavoce.hub import paths as cache
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.glow.model import GlowTTS
from vivavoce.runtime import Selection, int8
from vivavoce.runtime.int8 import Int8Linear
from vivavoce.runtime.placement import Measurement, remember
from vivavoce.speech.load import load


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
    monkeypatch.setattr("vivavoce.runtime.select", lambda name: found)


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
    assert (tts.synthesiser.device, tts.synthesiser.vocoder_device) == (torch.device("cpu"), GPU)


has_int8 = pytest.mark.skipif(not int8.available(), reason="this torch has no such product")


@has_int8
@pytest.mark.parametrize(("write", "kind"), [(tiny_folders, GlowTTS), (tiny_f5_folders, F5TTS)])
def test_int8_is_for_models_that_have_measured_it(tmp_path, monkeypatch, write, kind):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kind, "freeze", lambda *_: pytest.fail("the weights were read"))
    model, vocoder = write(tmp_path)
    with pytest.raises(UsageError, match=r"'tiny.*int8 weights\. Use float32, or bfloat16"):
        load(model, vocoder=vocoder, device="cpu", precision="int8")


@has_int8
def test_int8_weights_are_the_gpt_s_and_nothing_else_s(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    folder = official.write_official(tmp_path / "XTTS-v2")
    tts = load(folder, device="cpu", precision="int8")
    assert "int8" in tts.selection.reason
    assert tts.selection.dtype == torch.float32
    found = [name for name, m in tts.model.named_modules() if isinstance(m, Int8Linear)]
    assert len(found) == 4 * tts.model.config.depth
    assert all(name.startswith("gpt.blocks.") for name in found)
    assert not any(isinstance(m, Int8Linear) for m in tts.vocoder.modules())
    assert tts.vocoder.frugal
    said = tts.speak("a b", voice=official.NAMES[0], max_codes=8, on_problem="warn")
    assert len(said.samples) > 1000


def test_nobody_else_holds_the_weights_when_they_are_laid_out_anew(tmp_path, monkeypatch):
    """Or none could go before all are copied: 3.8 GB instead of 2.4 for XTTS."""
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    seen, plain = [], GlowTTS.freeze

    def freeze(self, arithmetic):
        own = {place(weight) for weight in self.parameters()}
        seen.append(own & {place(found) for found in gc.get_objects() if type(found) is Tensor})
        return plain(self, arithmetic)

    def place(tensor):
        return tensor.untyped_storage().data_ptr()

    monkeypatch.setattr(GlowTTS, "freeze", freeze)
    model, vocoder = tiny_folders(tmp_path)
    load(model, vocoder=vocoder, device="cpu")
    assert seen == [set()]


@pytest.mark.parametrize(
    ("precision", "fast", "wanted"),
    [
        ("float32", False, "float32"),
        ("auto", False, "auto"),
        ("float32", True, "float32"),
        ("auto", True, "fastest"),
        ("bfloat16", True, "bfloat16"),
        ("int8", True, "int8"),
    ],
)
def test_fast_leaves_a_precision_that_was_named(folders, monkeypatch, precision, fast, wanted):
    asked = []
    monkeypatch.setattr(GlowTTS, "traits", replace(GlowTTS.traits, large_products=True))

    def choose(name, *_):
        asked.append(name)
        return devices.Precision(torch.float32, "a test")

    monkeypatch.setattr(devices, "choose_precision", choose)
    load(folders[0], vocoder=folders[1], device="cpu", precision=precision, fast=fast)
    assert asked[-1] == wanted


def test_auto_is_float32_for_a_model_that_gains_nothing_by_less(folders):
    tts = load(folders[0], vocoder=folders[1], device="cpu")
    assert tts.selection.dtype == torch.float32
    assert "float32: this model has no large products" in tts.selection.reason


def test_auto_leaves_a_format_that_the_self_test_found_wrong(folders, monkeypatch):
    monkeypatch.setattr(GlowTTS, "traits", replace(GlowTTS.traits, large_products=True))
    wrong = Measurement(1e-6, 1e-4, lower_fault="f5.bfloat16 on cpu is 3.0 times as wrong")
    remember(cache.folder(), torch.device("cpu"), "acoustic.glow", wrong)
    tts = load(folders[0], vocoder=folders[1], device="cpu")
    assert "float32: f5.bfloat16 on cpu is 3.0 times as wrong" in tts.selection.reason
