"""The table of pulses is what the front end itself says of pulses."""

import torch

from vivavoce.audio.features import extract
from vivavoce.audio.specs import VOCOS_24K
from vivavoce.models.forward.source import PulseMel
from vivavoce.vocoders.pulse.source import pulses

RESOLVED = 40  # bands, up to about 1.5 kHz


def test_it_is_the_mel_of_pulses_but_for_the_level():
    seconds, hertz = 0.5, 220.0
    frames = int(seconds * VOCOS_24K.frame_rate)
    pitch = torch.full((1, frames), hertz)
    phase = torch.arange(frames) * VOCOS_24K.hop_length * hertz / VOCOS_24K.sample_rate % 1
    wave = pulses(pitch, phase[None], torch.ones(1, frames), VOCOS_24K.hop_length, 24000)
    mel = extract(wave, VOCOS_24K)[0, 3:RESOLVED, frames // 2]
    table = PulseMel(VOCOS_24K)(pitch)[0, frames // 2, 3:RESOLVED]
    peaks = mel > mel.mean()
    correlation = torch.corrcoef(torch.stack([mel, table]))[0, 1]
    assert correlation > 0.9
    assert (mel - table)[peaks].std() < 0.5


def test_unvoiced_frames_have_none():
    assert not PulseMel(VOCOS_24K)(torch.zeros(2, 5)).any()


def test_between_two_entries_it_is_interpolated():
    table = PulseMel(VOCOS_24K)
    near = table(torch.tensor([[200.0, 200.2, 200.4]]))[0]
    torch.testing.assert_close(near[1], (near[0] + near[2]) / 2, atol=1e-2, rtol=0)
