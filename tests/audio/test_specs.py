import subprocess
import sys

import pytest

from vivavoce.audio import specs
from vivavoce.errors import IncompatibleFeatures


def test_specs_of_different_families_are_told_apart():
    with pytest.raises(IncompatibleFeatures, match="mel_scale"):
        specs.VOCOS_24K.require(specs.BIGVGAN_24K)
    with pytest.raises(IncompatibleFeatures, match="f_max"):
        specs.HIFIGAN_22K.require(specs.VITS_MEL_22K)


def test_channels():
    assert specs.VITS_LINEAR_22K.n_channels == 513
    assert (specs.DVAE_22K.n_channels, specs.SPEAKER_16K.n_channels) == (80, 64)


def test_modules_at_the_edges_do_not_import_torch():
    names = ["specs", "tables", "formats", "sink", "encode", "media", "io"]
    names += ["resample", "loudness", "edit", "guards"]
    code = f"import sys, {', '.join(f'vivavoce.audio.{n}' for n in names)}\n"
    code += "assert 'torch' not in sys.modules and 'av' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
