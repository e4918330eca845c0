from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vivavoce.errors import IncompatibleFeatures
from vivavoce.types import Audio, FeatureSpec, Tokens

MEL = FeatureSpec()


def test_audio_knows_its_length():
    assert Audio(np.zeros(12000, np.float32), 24000).duration_s == 0.5


def test_a_spec_knows_its_shape():
    assert (MEL.n_channels, MEL.frame_rate) == (100, 93.75)
    assert replace(MEL, kind="linear").n_channels == 513


def test_equal_specs_fit_and_half_the_rate_is_the_default_limit():
    MEL.require(replace(MEL, f_max=12000.0))
    assert MEL.differences(replace(MEL, f_max=None)) == {}


def test_every_difference_is_named_with_both_values():
    other = replace(MEL, hop_length=300, mel_scale="slaney")
    with pytest.raises(IncompatibleFeatures, match=r"hop_length: 256 against 300") as caught:
        MEL.require(other)
    assert "mel_scale: 'htk' against 'slaney'" in str(caught.value)
    MEL.require(other, ignore=("hop_length", "mel_scale"))


def test_tokens_of_silence_alone_are_not_speakable():
    assert not Tokens((1, 2), (-1, -1)).speakable
    assert Tokens((1, 2), (-1, 0)).speakable
    assert not Tokens(()).speakable
    assert len(Tokens((1, 2, 3))) == 3
