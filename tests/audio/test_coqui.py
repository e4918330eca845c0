import pytest

from vivavoce.audio.coqui import features_from_coqui
from vivavoce.audio.specs import COQUI_22K
from vivavoce.errors import BadCheckpoint


@pytest.mark.parity
def test_the_recorded_default_settings_are_the_default_spec(load_parity):
    settings = load_parity("mels_22k").meta["config"]["audio_processor"]
    assert features_from_coqui(settings) == COQUI_22K
    assert features_from_coqui({}) == COQUI_22K


def test_settings_that_differ_arrive():
    table = {"sample_rate": 16000, "mel_fmax": 8000, "log_func": "np.log", "spec_gain": 1}
    spec = features_from_coqui({**table, "signal_norm": False, "num_mels": 64})
    assert (spec.sample_rate, spec.f_max, spec.log, spec.n_mels) == (16000, 8000.0, "ln", 64)
    assert spec.normalisation is not None
    assert (spec.normalisation.gain, spec.normalisation.signal_norm) == (1.0, False)


def test_a_statistics_file_must_be_there():
    with pytest.raises(BadCheckpoint, match=r"scale_stats\.npy"):
        features_from_coqui({"stats_path": "scale_stats.npy"})
    spec = features_from_coqui({"stats_path": "scale_stats.npy"}, stats=([1.0], [2.0]))
    assert spec.normalisation is not None
    assert spec.normalisation.stats == ((1.0,), (2.0,))
