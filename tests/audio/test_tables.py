import numpy as np
import pytest

from vivavoce.audio import specs, tables
from vivavoce.errors import ConfigError


@pytest.mark.parity
def test_filter_banks_match_the_reference(load_parity):
    recorded = load_parity("mels_24k").outputs
    htk = tables.mel_filters(specs.VOCOS_24K)
    slaney = tables.mel_filters(specs.BIGVGAN_24K)
    # the reference makes them in float32, from differences of frequencies up to 12,000 Hz
    np.testing.assert_allclose(htk.T, recorded["htk_filterbank"].numpy(), atol=1e-5)
    np.testing.assert_allclose(slaney, recorded["slaney_filterbank_bigvgan"].numpy(), atol=1e-8)


def test_filter_bank_sums():
    assert tables.mel_filters(specs.VOCOS_24K).sum() == pytest.approx(503.8287, abs=1e-3)
    assert tables.mel_filters(specs.BIGVGAN_24K).sum() == pytest.approx(4.264108, abs=1e-5)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mel_and_back(scale):
    hz = np.array([0.0, 50.0, 999.0, 1000.0, 1001.0, 4000.0, 12000.0])
    mel = tables.hz_to_mel(hz, scale)
    assert (np.diff(mel) > 0).all()
    np.testing.assert_allclose(tables.mel_to_hz(mel, scale), hz, atol=1e-8)


def test_window_is_periodic_centred_and_shared():
    window = tables.window("hann", 400, 512)
    assert window[:56].tolist() == [0.0] * 56
    np.testing.assert_allclose(window[56:456], np.hanning(401)[:-1], atol=1e-12)
    assert not window.flags.writeable
    hamming = tables.window("hamming", 400, 512)
    np.testing.assert_allclose(hamming[56:456], np.hamming(401)[:-1], atol=1e-12)


def test_window_longer_than_the_transform_raises():
    with pytest.raises(ConfigError, match="longer"):
        tables.window("hann", 1024, 512)
