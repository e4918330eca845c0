import pytest
import torch

from tests.tolerance import EPSILON, assert_near, assert_recorded, assert_within
from vivavoce.audio.stft import istft, pad, stft
from vivavoce.errors import AudioError, ConfigError
from vivavoce.types import FeatureSpec

FOURIER = 32.0  # roundings: the stages of a transform, the windows and the sum of the overlaps

SPECS = {
    "vocos": FeatureSpec(),
    "win<n_fft": FeatureSpec(n_fft=2048, win_length=1024),
    "hop does not divide": FeatureSpec(n_fft=1024, hop_length=300, win_length=1000),
    "odd n_fft": FeatureSpec(n_fft=15, hop_length=4, win_length=15),
    "hamming": FeatureSpec(n_fft=512, hop_length=160, win_length=400, window="hamming"),
    "half overlap": FeatureSpec(n_fft=64, hop_length=32, win_length=64),
}


def torch_istft(real, imag, spec):
    window = getattr(torch, f"{spec.window}_window")(spec.win_length)
    return torch.istft(
        torch.complex(real, imag), spec.n_fft, spec.hop_length, spec.win_length, window, center=True
    )


def spectrum(spec, frames, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, spec.n_fft // 2 + 1, frames)
    return [torch.randn(shape, generator=generator) for _ in range(2)]


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
@pytest.mark.parametrize("frames", [2, 5, 40])
def test_istft_equals_torch(spec, frames):
    real, imag = spectrum(spec, frames)
    got = istft(real, imag, spec)
    assert got.shape == (2, (frames - 1) * spec.hop_length)
    want = torch_istft(real, imag, spec)[:, : got.shape[1]]  # one more where n_fft is odd
    assert_near(got, want, FOURIER)


def test_istft_equals_torch_over_twelve_orders_of_magnitude():
    spec = SPECS["vocos"]
    real, imag = spectrum(spec, 50)
    scale = 10.0 ** torch.linspace(-9, 3, 50)
    real, imag = real * scale, imag * scale
    want, got = torch_istft(real, imag, spec), istft(real, imag, spec)
    # Each hop of samples against the largest of the frames that overlap there.
    for first in range(0, 49 * 256, 256):
        part = slice(first, first + 256)
        level = want[:, max(0, first - 1024) : first + 1024].abs().max()
        assert_within(got[:, part], want[:, part], FOURIER * EPSILON * level)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS.keys())
def test_stft_equals_torch_and_round_trips(spec):
    samples = torch.randn(2, 20 * spec.hop_length + spec.n_fft, generator=torch.manual_seed(1))
    real, imag = stft(samples, spec)
    window = getattr(torch, f"{spec.window}_window")(spec.win_length)
    want = torch.stft(
        samples, spec.n_fft, spec.hop_length, spec.win_length, window, return_complex=True
    )
    assert_near(torch.view_as_real(torch.complex(real, imag)), torch.view_as_real(want), FOURIER)
    back = istft(real, imag, spec)
    assert_near(back, samples[:, : back.shape[1]], 2 * FOURIER)


@pytest.mark.parametrize("hop", [256, 300])
def test_same_framing_keeps_whole_hops_and_round_trips(hop):
    spec = FeatureSpec(hop_length=hop, framing="same")
    samples = torch.randn(2, 10 * hop, generator=torch.manual_seed(2))
    real, imag = stft(samples, spec)
    assert real.shape == (2, 513, 10)
    back = istft(real, imag, spec)
    assert back.shape == samples.shape
    assert_near(back, samples, 8 * FOURIER)  # the first samples are divided by a small window


@pytest.mark.parity
@pytest.mark.parametrize("name", ["vocos_center_tiny", "vocos_same_tiny"])
def test_istft_of_a_recorded_vocoder_head(load_parity, name):
    recorded = load_parity(name)
    head = recorded.meta["config"]["head"]
    framing = head["padding"]
    spec = FeatureSpec(n_fft=head["n_fft"], hop_length=head["hop_length"], framing=framing)
    log_magnitude, phase = recorded.outputs["head_linear"].transpose(1, 2).chunk(2, dim=1)
    magnitude = log_magnitude.exp().clamp(max=100.0)
    got = istft(magnitude * phase.cos(), magnitude * phase.sin(), spec)
    assert_recorded(got, recorded, "wave")


def test_imaginary_parts_that_a_real_signal_cannot_have_do_not_matter():
    spec = SPECS["vocos"]
    real, imag = spectrum(spec, 6)
    changed = imag.clone()
    changed[:, [0, -1]] += 5.0
    assert torch.equal(istft(real, changed, spec), istft(real, imag, spec))


@pytest.mark.parametrize("framing", ["center", "same"])
def test_gradient_of_istft_is_its_adjoint(framing):
    """The map is linear: <w, istft(x)> must equal <gradient, x>."""
    spec = FeatureSpec(n_fft=16, hop_length=4, win_length=16, framing=framing)
    real, imag = (x.double().requires_grad_() for x in spectrum(spec, 9))
    out = istft(real, imag, spec)
    weights = torch.randn(out.shape, generator=torch.manual_seed(3)).double()
    total = (out * weights).sum()
    total.backward()
    inner = (real.grad * real).sum() + (imag.grad * imag).sum()
    terms = (out * weights).abs().sum()
    assert_within(inner, total, 1e-13 * float(terms.detach()))  # 450 steps of float64


def test_gradient_flows_through_stft_and_back():
    samples = torch.randn(1, 4096, generator=torch.manual_seed(4)).requires_grad_()
    istft(*stft(samples, FeatureSpec()), FeatureSpec()).sum().backward()
    assert_near(samples.grad, torch.ones_like(samples), 8 * FOURIER)


def test_no_reading_back_and_no_scatter():
    """Neither operations that wait for the device, nor ones some devices run on the CPU."""
    from torch.autograd.profiler import profile

    real, imag = spectrum(FeatureSpec(), 8)
    with profile() as profiled:
        istft(real, imag, FeatureSpec())
    names = {event.name for event in profiled.function_events}
    assert "aten::_fft_c2r" in names
    refused = ["_local_scalar_dense", "index_add_", "unfold_backward", "col2im", "index_put_"]
    assert not names & {f"aten::{name}" for name in refused}


def test_constant_padding():
    spec = FeatureSpec(n_fft=4, hop_length=2, win_length=4, pad_mode="constant")
    assert pad(torch.ones(1, 2), spec).tolist() == [[0, 0, 1, 1, 0, 0]]


def test_too_few_samples_to_reflect_raise():
    with pytest.raises(AudioError, match="513"):
        stft(torch.zeros(1, 512), FeatureSpec())
    stft(torch.zeros(1, 513), FeatureSpec())


def test_a_window_that_leaves_gaps_raises():
    spec = FeatureSpec(n_fft=64, hop_length=64, win_length=32)
    with pytest.raises(ConfigError, match="does not cover"):
        istft(*spectrum(spec, 4), spec)
