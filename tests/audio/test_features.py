import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.tolerance import assert_near, assert_spectrum, spectrum_error
from vivavoce.audio import specs
from vivavoce.audio.features import (
    FeatureExtractor,
    convert,
    denormalise,
    extract,
    normalise,
    preemphasise,
)
from vivavoce.errors import (
    AudioError,
    ConfigError,
    IncompatibleFeatures,
)
from vivavoce.types import FeatureSpec, Normalisation

VOCOS_OWN = replace(specs.VOCOS_24K, clamp=1e-7)
NAMED = {
    name: value
    for name, value in vars(specs).items()
    if isinstance(value, FeatureSpec) and value.kind != "latent"  # learned, not computed
}


def magnitudes(features: torch.Tensor, spec: FeatureSpec) -> torch.Tensor:
    """What the features say, without normalisation and logarithm."""
    if spec.normalisation:
        features = denormalise(features, spec.normalisation)
    features = features.double()
    return {None: features, "ln": features.exp(), "log10": 10**features}[spec.log]


def assert_front_end(wave: torch.Tensor, expected: torch.Tensor, spec: FeatureSpec) -> None:
    """Computed in float32, and in float64, where only the recording has rounding errors."""
    for samples in (wave, wave.double()):
        found = extract(samples, spec).float()
        assert_spectrum(magnitudes(found, spec), magnitudes(expected, spec))


def chirp(n: int = 12000, rate: int = 24000) -> torch.Tensor:
    t = np.arange(n) / rate
    return torch.tensor(0.5 * np.sin(2 * np.pi * (100 * t + 4000 * t**2)), dtype=torch.float32)[
        None
    ]


@pytest.mark.parity
@pytest.mark.parametrize(
    ("output", "spec"),
    [
        ("vocos_mel_f5 (clamp 1e-5)", specs.VOCOS_24K),
        ("vocos_features_center (clip 1e-7)", VOCOS_OWN),
        ("vocos_features_same", replace(VOCOS_OWN, framing="same")),
        ("bigvgan_mel", specs.BIGVGAN_24K),
    ],
)
def test_24k_front_ends_match_the_reference(load_parity, output, spec):
    recorded = load_parity("mels_24k")
    assert_front_end(recorded.inputs["wave24k"], recorded.outputs[output], spec)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("output", "spec", "wave"),
    [
        ("coqui_ap_melspectrogram_default", specs.COQUI_22K, "wave22k"),
        ("coqui_ap_spectrogram_default", specs.COQUI_LINEAR_22K, "wave22k"),
        ("vits_linear_spec", specs.VITS_LINEAR_22K, "wave22k"),
        ("vits_mel", specs.VITS_MEL_22K, "wave22k"),
        ("xtts_cond_mel_v1", specs.XTTS_COND_V1, "wave22k"),
        ("xtts_cond_mel_v2", specs.XTTS_COND_V2, "wave22k"),
        ("dvae_mel", specs.DVAE_22K, "wave22k"),
        ("speaker_encoder_mel_power", replace(specs.SPEAKER_16K, log=None), "wave16k"),
    ],
)
def test_22k_front_ends_match_the_reference(load_parity, output, spec, wave):
    recorded = load_parity("mels_22k")
    want = recorded.outputs[output].reshape(1, spec.n_channels, -1)
    if "xtts" in output or "dvae" in output:  # what the checkpoint's mel_stats divided
        want = want * recorded.inputs["mel_norms"][:, None]
    assert_front_end(recorded.inputs[wave], want, spec)


@pytest.mark.parity
def test_coqui_linear_is_exact_in_double_precision_as_the_reference_computes_it(load_parity):
    """Also in the quietest bins: nothing but the recording's own last digit is left."""
    recorded = load_parity("mels_22k")
    want = recorded.outputs["coqui_ap_spectrogram_default"][None]
    exact = extract(recorded.inputs["wave22k"].double(), specs.COQUI_LINEAR_22K)
    assert_near(exact, want.double(), 4.0)


CHIRP_FRAMES = [0, 1, 10, 24, -1]
# 80 dB below the loudest, then mean and spread of what is louder (of float64, as the definition
# says); values of four bands as printed by the two front ends of F5.
CHIRP_BANDS = {
    "VOCOS_24K": (-3.5, -2.734375, 1.972854, {
        0: [3.504267, 2.796036, -7.928497, -10.648845, -1.581298],
        10: [2.811687, 3.889957, -6.092041, -9.724141, -1.218331],
        50: [-1.306758, -1.999842, -7.167023, 2.899987, 0.306492],
        99: [-2.31154, -3.004713, -11.512925, -11.512925, 0.255979]}),
    "BIGVGAN_24K": (-8.0, -7.155784, 2.127343, {
        0: [0.301864, -1.554225, -9.973248, -11.512925, -5.658846],
        10: [-2.127189, -0.94601, -8.758484, -11.512925, -5.50901],
        50: [-5.740575, -7.508209, -10.904639, 0.362846, -5.233416],
        99: [-8.338806, -10.100793, -11.512925, -11.512925, -6.595407]}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHIRP_BANDS)
def test_golden_values_of_a_chirp(name):
    """Most bins of a chirp lie below the rounding errors of a float32 transform.

    Every processor has numbers of its own there. So bands are compared as magnitudes, and the
    statistics count all that is 80 dB below the loudest as 80 dB below it.
    """
    low, mean, spread, bands = CHIRP_BANDS[name]
    mel = extract(chirp(), NAMED[name])
    assert mel.shape == (1, 100, 47 if name == "VOCOS_24K" else 46)
    audible = mel.clamp(min=low)
    assert float(audible.mean()) == pytest.approx(mean, abs=1e-4)
    assert float(audible.std()) == pytest.approx(spread, abs=1e-4)
    allowed = spectrum_error(mel.exp())
    for band, values in bands.items():
        error = (mel[0, band, CHIRP_FRAMES].exp() - torch.tensor(values).exp()).abs()
        assert (error <= allowed[0, 0, CHIRP_FRAMES]).all()


@pytest.mark.parametrize("spec", NAMED.values(), ids=NAMED.keys())
def test_frame_count_and_channels(spec):
    for n in (8192, 8192 + 7):
        shape = extract(torch.randn(2, n) * 0.1, spec).shape
        frames = n // spec.hop_length + (1 if spec.framing == "center" else 0)
        assert shape == (2, spec.n_channels, frames)


def test_long_audio_in_blocks_equals_the_whole(monkeypatch):
    wave = torch.randn(1, 30000, generator=torch.Generator().manual_seed(0)) * 0.1
    whole = extract(wave, specs.VOCOS_24K)
    monkeypatch.setattr("vivavoce.audio.features.BLOCK_FRAMES", 7)
    assert_spectrum(extract(wave, specs.VOCOS_24K).exp(), whole.exp())


@pytest.mark.parametrize("spec", NAMED.values(), ids=NAMED.keys())
def test_gradient_is_finite_also_through_silence(spec):
    wave = torch.cat([chirp(8192), torch.zeros(1, 8192)], dim=1).requires_grad_()
    extract(wave, spec).sum().backward()
    assert torch.isfinite(wave.grad).all()
    assert wave.grad[:, :4096].abs().max() > 0


def test_buffers_are_not_saved():
    assert FeatureExtractor(specs.VOCOS_24K).state_dict() == {}


def test_preemphasis_reflects_the_first_sample():
    got = preemphasise(torch.tensor([[1.0, 2.0, 4.0]]), 0.5)
    assert got.tolist() == [[0.0, 1.5, 3.0]]


@pytest.mark.parametrize("spec", [specs.VOCOS_24K, specs.BIGVGAN_24K, specs.SPEAKER_16K])
def test_too_few_samples_raise(spec):
    for n in (0, 1, 100):
        with pytest.raises(AudioError, match="too few"):
            extract(torch.zeros(1, n), spec)


def test_latents_have_no_extractor():
    with pytest.raises(ConfigError, match="Latent"):
        FeatureExtractor(FeatureSpec(kind="latent"))


NORMALISATIONS = [
    Normalisation(),
    Normalisation(symmetric=False, max_norm=1.0),
    Normalisation(signal_norm=False, gain=1.0),
    Normalisation(clip=False, min_level_db=-80.0, ref_level_db=0.0),
    Normalisation(stats=((1.0, 2.0, 3.0), (0.5, 1.0, 2.0))),
]


@pytest.mark.parametrize("norm", NORMALISATIONS)
def test_denormalise_inverts_normalise(norm):
    values = torch.linspace(-3.0, 0.9, 30).reshape(1, 3, 10)
    assert_near(denormalise(normalise(values, norm), norm), values)


def test_normalise_maps_the_level_range():
    norm = Normalisation()
    ends = torch.tensor([-4.0, 1.0, 9.0])  # -80, 20 and 180 dB; 20 dB is taken off
    assert normalise(ends, norm).tolist() == pytest.approx([-4.0, 4.0, 4.0], abs=1e-6)


def test_statistics_are_taken_off_decibels_without_the_reference_level():
    norm = Normalisation(stats=((10.0,), (2.0,)))
    assert normalise(torch.tensor([[1.0]]), norm).item() == pytest.approx(5.0)


def test_statistics_for_other_bands_raise():
    with pytest.raises(ConfigError, match="3 bands"):
        normalise(torch.zeros(1, 4, 2), NORMALISATIONS[-1])


def test_convert_equals_extraction_with_the_other_normalisation():
    want = replace(specs.COQUI_22K, normalisation=Normalisation(max_norm=1.0, symmetric=False))
    wave = chirp()
    got = convert(extract(wave, specs.COQUI_22K), specs.COQUI_22K, want)
    assert_near(got, extract(wave, want))
    bare = replace(specs.COQUI_22K, normalisation=None)
    there = convert(extract(wave, bare), bare, specs.COQUI_22K)
    assert_near(there, extract(wave, specs.COQUI_22K))


def test_convert_refuses_other_differences():
    other = replace(specs.COQUI_22K, f_max=8000.0)
    with pytest.raises(IncompatibleFeatures, match="f_max"):
        convert(torch.zeros(1, 80, 2), specs.COQUI_22K, other)


def test_a_tone_lands_in_its_band():
    t = np.arange(24000) / 24000
    mel = extract(
        torch.tensor(np.sin(2 * math.pi * 1000 * t), dtype=torch.float32)[None], VOCOS_OWN
    )
    band = mel.mean(-1).argmax().item()
    edges = np.linspace(0, 2595 * math.log10(1 + 12000 / 700), 102)
    hz = 700 * (10 ** (edges / 2595) - 1)
    assert hz[band] < 1000 < hz[band + 2]
