"""Pulses: at their pitch, as many harmonics as fit, and one line over parts."""

import math

import pytest
import torch

from vivavoce.vocoders.pulse.source import PulsePhase, pulses

HOP, RATE = 256, 24000


def line(hertz, frames):
    pitch = torch.full((1, frames), float(hertz))
    return pitch, PulsePhase(HOP / RATE).follow(pitch, torch.ones_like(pitch))[0]


@pytest.mark.parametrize("hertz", [80.0, 200.0, 517.0])
def test_the_spectrum_is_harmonics_of_one_height(hertz):
    pitch, phase = line(hertz, 189)
    wave = pulses(pitch, phase, torch.ones_like(pitch), HOP, RATE)[0]
    wave = wave[: 48000 // 1]
    count = len(wave)
    t = torch.arange(count, dtype=torch.float64) / RATE
    for number in (1, 2, 10, int(11000 / hertz)):
        turned = wave.double() * torch.exp(-2j * math.pi * number * hertz * t)
        height = 2 * turned.mean().abs()
        assert height == pytest.approx(1.0, abs=0.03), number
    beyond = wave.double() * torch.exp(-2j * math.pi * (int(11000 / hertz) + 1) * hertz * t)
    assert 2 * beyond.mean().abs() < 0.03


def test_close_to_a_pulse_the_sum_is_precise():
    """There both parts of the quotient are nearly zero."""
    pitch = torch.linspace(201, 203, 500)[:, None].expand(-1, 4)
    phase = PulsePhase(HOP / RATE).follow(pitch, torch.ones_like(pitch))[0]
    wave = pulses(pitch, phase, torch.ones_like(pitch), HOP, RATE).double()
    x = 2 * math.pi / RATE * pitch[:, :1].double() * torch.arange(wave.shape[1])
    exact = sum(torch.cos(h * x) for h in range(1, 55))
    assert (wave - exact).abs().max() < 2e-4 * 54


def test_unvoiced_is_silent_and_fades_over_a_frame():
    pitch, phase = line(200.0, 5)
    voiced = torch.tensor([[1.0, 1.0, 0.0, 0.0, 0.0]])
    wave = pulses(pitch, phase, voiced, HOP, RATE)[0]
    assert wave[:HOP].abs().max() > 1
    assert not wave[2 * HOP :].any()


def test_a_track_goes_on_where_it_stopped():
    pitch = 150 + 100 * torch.rand(2, 90, generator=torch.Generator().manual_seed(0))
    voiced = (torch.rand(2, 90, generator=torch.Generator().manual_seed(1)) > 0.4).float()
    whole, numbers = PulsePhase(HOP / RATE).follow(pitch, voiced)
    track, sizes = PulsePhase(HOP / RATE), [1, 40, 49]
    parts = [
        track.follow(*part)
        for part in zip(*(x.split(sizes, 1) for x in (pitch, voiced)), strict=True)
    ]
    apart = torch.cat([phase for phase, _ in parts], 1)
    assert (torch.cat([n for _, n in parts], 1) == numbers).all()
    gap = (apart - whole + 0.5) % 1 - 0.5
    assert gap.abs().max() < 1e-6


def test_a_measured_phase_is_met_at_every_frame():
    """The pitch says one thing, the phase another: the wave goes through the phase."""
    pitch = torch.full((1, 3), 200.0)
    phase = torch.tensor([[0.0, 0.25, 0.5]])
    wave = pulses(pitch, phase, torch.ones(1, 3), HOP, RATE)[0]
    assert wave[0] == wave.max()  # a pulse where the phase is 0
    harmonics = math.floor(11000 / 200)
    at_half = sum(math.cos(math.pi / 2 * h) for h in range(1, harmonics + 1))
    assert float(wave[HOP]) == pytest.approx(at_half, abs=1e-3)


def test_the_phase_begins_anew_in_a_silence():
    """What is behind does not hear the pitch before; what fades out goes on as it was."""
    voiced = torch.tensor([[1, 1, 1, 0, 1, 1, 0, 0, 1, 1.0]])
    low, high = torch.full((1, 10), 200.0), torch.full((1, 10), 200.0)
    high[:, :3] = 333.0
    phases = [PulsePhase(HOP / RATE).follow(pitch, voiced)[0] for pitch in (low, high)]
    step = 200 * HOP / RATE
    expected = torch.tensor([0, 1, 2, 0, 1, 2, 0, 0, 1, 2]) * step % 1
    torch.testing.assert_close(phases[0][0], expected, atol=1e-6, rtol=0)
    assert torch.equal(phases[0][:, 4:], phases[1][:, 4:])
    assert not torch.isclose(phases[0][:, 1:3], phases[1][:, 1:3]).any()
    cut = pulses(low, phases[0], voiced, HOP, RATE)[0, 2 * HOP : 3 * HOP]
    alone, always = line(200, 10)
    fading = pulses(alone, always, voiced, HOP, RATE)[0, 2 * HOP : 3 * HOP]
    torch.testing.assert_close(cut, fading, atol=2e-4, rtol=0)
