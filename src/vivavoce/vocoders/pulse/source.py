"""Pulses at a pitch, sample by sample, and where in their cycle they are at each frame.

Shapes: B batch, T frames, S samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

HIGHEST_HARMONIC_HZ = 11_000.0
LOWEST_HZ = 40.0
FLAT = 1e-5  # of twice a sine: nearer to a pulse the quotient is its limit


CYCLE = 1 << 24
"""Ticks in a cycle. float32 holds every one, and int32 sums of them wrap at whole cycles."""


class PulsePhase:
    """Where in their cycle the pulses are, frame after frame of one utterance.

    Sums are whole ticks modulo a cycle: in float32 a minute of speech would lose the phase of its
    upper harmonics, float64 does not exist on MPS, and sums of ticks do not depend on how the
    frames are cut into parts. They begin anew in every unvoiced frame: what two devices round
    differently in the pitch then adds up over a stretch of voice, not over the utterance.
    """

    def __init__(self, hop_s: float) -> None:
        self.hop_s = hop_s
        self.frames = 0
        self._last: tuple[Tensor, Tensor] | None = None

    def follow(self, pitch: Tensor, voiced: Tensor) -> tuple[Tensor, Tensor]:
        """Phase in cycles, below 1, and number of each of the next frames; both of `[B, T]`.

        Between frames the pitch is a straight line. The phase of the first frame is 0, and of all
        unvoiced ones.
        """
        pitch = pitch.float()
        first = self._last is None
        last, start = self._last or (pitch[:, :1], torch.zeros_like(pitch[:, :1]).int())
        joined = torch.cat([last, pitch], 1)
        cycles = (joined[:, 1:] + joined[:, :-1]) * (self.hop_s / 2)
        ticks = ((cycles - cycles.floor()) * CYCLE).round().int()
        if first:
            ticks = torch.cat([torch.zeros_like(ticks[:, :1]), ticks[:, 1:]], 1)
        sums = start + ticks.cumsum(1, dtype=torch.int32)
        steps = torch.arange(pitch.shape[1], device=pitch.device, dtype=pitch.dtype)
        silence = running_maximum(torch.where(voiced > 0, -1.0, steps))
        begun = sums.gather(1, silence.clamp_min(0).long())
        sums = (sums - torch.where(silence < 0, 0, begun)) & (CYCLE - 1)
        self._last = pitch[:, -1:], sums[:, -1:]
        numbers = torch.arange(self.frames, self.frames + pitch.shape[1], device=pitch.device)
        self.frames += pitch.shape[1]
        return sums.to(pitch) / CYCLE, numbers.to(pitch).expand_as(pitch)


def running_maximum(x: Tensor) -> Tensor:
    """Of all values up to each one of `[B, T]`: `cummax`, which not every device has."""
    shift = 1
    while shift < x.shape[1]:
        x = torch.cat([x[:, :shift], torch.maximum(x[:, shift:], x[:, :-shift])], 1)
        shift *= 2
    return x


def pulses(pitch: Tensor, phase: Tensor, voiced: Tensor, hop: int, sample_rate: int) -> Tensor:
    """Band-limited pulses `[B, (T - 1) * hop]`; all arguments `[B, T]`, at the frames' centres.

    Every harmonic that stays below 11 kHz for a frame has amplitude 1: the sum of cos(h x) over
    h = 1..H is sin((H + 1/2) x) / (2 sin(x / 2)) - 1/2. `voiced` (0 or 1) is faded over a frame.
    """
    u = torch.arange(hop, device=pitch.device, dtype=pitch.dtype) / hop
    f, f_next = pitch[:, :-1, None], pitch[:, 1:, None]
    mean_step = (f + f_next) * (hop / sample_rate / 2)
    gap = phase[:, 1:, None] - phase[:, :-1, None] - mean_step
    # what the phase differs from the pitch's own, if it was measured; to a silence it goes on
    gap = (gap - gap.round()) * voiced[:, 1:, None]
    bend = (f_next - f) * (hop / sample_rate / 2) * (u * u - u)
    cycles = phase[:, :-1, None] + (mean_step + gap) * u + bend
    angle = (cycles - cycles.round()) * (2 * torch.pi)  # small, so precise, near a pulse
    highest = torch.maximum(f, f_next).clamp_min(LOWEST_HZ)  # one number of harmonics a frame
    harmonics = (HIGHEST_HARMONIC_HZ / highest).floor() + 0.5
    below = 2 * (angle / 2).sin()
    flat = below.abs() <= FLAT
    wave = torch.where(flat, harmonics, (harmonics * angle).sin() / torch.where(flat, 1.0, below))
    level = voiced[:, :-1, None] + (voiced[:, 1:, None] - voiced[:, :-1, None]) * u
    return ((wave - 0.5) * level).flatten(1)
