"""Tokens -> durations -> pitch -> mel, in one pass.

Shapes: B batch, L tokens, T frames, S decoder steps of R frames, C channels, M mels.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vivavoce.errors import TextError
from vivavoce.models.base import AcousticModel, OnStep, Sentence, Traits
from vivavoce.models.forward import text as forward_text
from vivavoce.models.forward.blocks import PhoneDurations, Stack, positions
from vivavoce.models.forward.config import ForwardConfig, ForwardOptions
from vivavoce.models.forward.source import PulseMel
from vivavoce.nn.noise import Noise
from vivavoce.text.split import chunks
from vivavoce.types import Chunk, Features, FeatureSpec, Tokens, Voice

MAX_CHARS = 220  # about 15 s of speech, the longest that training saw
STEPS = 16
"""Lengths inside the model are multiples of this, so that few kernels are made where each is made
for one length (oneDNN, Metal): one sentence after another took 6 % less time on a CPU."""
N_PLACES = 3  # what a frame knows of its place in its token
TYPICAL_LOG_MEL = -5.0
TYPICAL_HZ = math.exp(5.3)
TICKS = 1 << 20  # in a frame: fractions of frames are added up as whole ticks


class Aligned(NamedTuple):
    """Frames on their tokens: hidden states `[B, S, R*(C+3)]`, mask `[B, S, 1]`, lengths `[B]`."""

    hidden: Tensor
    mask: Tensor
    lengths: Tensor


class Forward(AcousticModel[ForwardOptions]):
    """After FastPitch (Lancucki 2021, arXiv:2006.06873), with pitch per frame (FastSpeech 2)."""

    family = "forward"
    options_type = ForwardOptions
    config_type = ForwardConfig
    text_type = forward_text.ForwardTextConfig
    traits = Traits(times_words=True, stream_frames=64)

    def __init__(
        self,
        config: ForwardConfig,
        spec: FeatureSpec,
        text: forward_text.ForwardTextConfig | None = None,
        speaker_names: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.text = text or forward_text.ForwardTextConfig()
        self.speaker_names = speaker_names
        c, r = config, config.reduction
        self.embedding = nn.Embedding(c.n_tokens, c.encoder.width)
        self.encoder = Stack(c.encoder)
        self.durations = PhoneDurations(c.encoder.width, c.duration_width)
        aligned = r * (c.encoder.width + N_PLACES)
        self.pitch_input = nn.Linear(aligned, c.pitch.width)
        self.pitch = Stack(c.pitch)
        self.pitch_output = nn.Linear(c.pitch.width, 2 * r)
        self.pulses = PulseMel(spec)
        self.decoder_input = nn.Linear(aligned + r * (c.n_mels + 2), c.decoder.width)
        self.decoder = Stack(c.decoder)
        self.decoder_output = nn.Linear(c.decoder.width, r * c.n_mels)
        nn.init.constant_(self.decoder_output.bias, TYPICAL_LOG_MEL)

    def chunks(self, text: str, voice: Voice, options: ForwardOptions) -> Iterator[Chunk]:
        return chunks(text, MAX_CHARS)

    def tokenise(
        self, text: str, voice: Voice | None = None, options: ForwardOptions | None = None
    ) -> Tokens:
        """Raises TextError when nothing of `text` can be spoken."""
        return forward_text.encode(self.text, text)

    @property
    def device(self) -> torch.device:
        return self.embedding.weight.device

    @torch.inference_mode()
    def generate(
        self,
        sentences: Sequence[Sentence[ForwardOptions]],
        noise: Noise,
        on_step: OnStep | None = None,
    ) -> Iterator[Features]:
        """One `Features` with a row per sentence. Nothing is drawn from `noise`.

        Raises TextError for a sentence without tokens.
        """
        if any(len(s.tokens) == 0 for s in sentences):
            raise TextError("There is nothing to speak.", "Give at least one word.")
        ids, counts = pad_tokens([s.tokens for s in sentences], self.device)
        speed = torch.tensor([[s.options.speed] for s in sentences], device=self.device)
        raised = torch.tensor([[s.options.pitch / 12] for s in sentences], device=self.device)
        hidden, mask = self.encode(ids, counts)
        frames = self.frames(hidden, mask, speed)
        lengths = span_ends(frames)[0][:, -1].long() + 1
        aligned, owner = self.align(hidden, counts, frames, lengths)
        pitch = self.predicted_pitch(aligned) * torch.exp2(raised)
        mel = self.decode(aligned, pitch)
        inside = length_mask(aligned.lengths, owner.shape[1])
        held = torch.zeros_like(ids).scatter_add_(1, owner, inside.long())
        values = (mel * inside.unsqueeze(2)).transpose(1, 2).float()
        longest = int(aligned.lengths.max())
        held = held[:, : int(counts.max())]
        yield Features(values[:, :, :longest], aligned.lengths, self.spec, held)

    def batch_key(self, sentence: Sentence[ForwardOptions]) -> Hashable:
        """Any sentences can share a batch."""
        return None

    def encode(self, ids: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Ids `[B, L]` -> hidden states `[B, L, C]` and mask `[B, L, 1]`."""
        mask = length_mask(counts, ids.shape[1]).unsqueeze(2)
        x = self.embedding(ids)
        x = x + positions(ids.shape[1], x.shape[2], ids.device)
        return self.encoder(x * mask, mask), mask

    def frames(self, hidden: Tensor, mask: Tensor, speed: Tensor | float) -> Tensor:
        """Frames per token `[B, L]`, not rounded: a real token has at least one."""
        log_frames = self.durations(hidden, mask).float()
        return ((log_frames.exp() - 1) / speed).clamp_min(1) * mask.squeeze(2)

    def align(
        self, hidden: Tensor, counts: Tensor, frames: Tensor, lengths: Tensor
    ) -> tuple[Aligned, Tensor]:
        """Put each of `lengths` frames on its token; also the token's number `[B, T]`.

        Frame t belongs to the token whose span holds t, the spans being `frames` laid end to end;
        rounding therefore never adds up.
        """
        r = self.config.reduction
        n_frames = round_up(int(lengths.max()), r * STEPS)
        ends, parts = span_ends(frames)
        steps = torch.arange(n_frames, device=hidden.device, dtype=ends.dtype)
        past = ends + (parts > 0)  # the first frame behind a span
        owner = torch.searchsorted(past, steps.expand(len(ends), -1).contiguous(), right=True)
        owner = torch.minimum(owner, counts.unsqueeze(1) - 1)
        length = frames.gather(1, owner)
        ahead = (ends.gather(1, owner) - steps) + parts.gather(1, owner)
        behind = length - ahead
        places = torch.stack([behind / 8, ahead / 8, (behind + 0.5) / length.clamp_min(1)], 2)
        index = owner.unsqueeze(2).expand(-1, -1, hidden.shape[2])
        inside = length_mask(lengths, n_frames).unsqueeze(2)
        x = torch.cat([hidden.gather(1, index), places.clamp(-4, 4)], 2) * inside
        mask = inside[:, ::r]  # a step is real when its first frame is
        return Aligned(fold(x, r), mask, lengths), owner

    def pitch_parts(self, aligned: Aligned) -> tuple[Tensor, Tensor]:
        """Log-pitch relative to `TYPICAL_HZ`, and the logit of being voiced, each `[B, T]`."""
        x = self.pitch(self.pitch_input(aligned.hidden), aligned.mask)
        log_pitch, logit = self.pitch_output(x).unflatten(2, (2, -1)).unbind(2)
        return log_pitch.flatten(1), logit.flatten(1)

    def predicted_pitch(self, aligned: Aligned) -> Tensor:
        """Hz `[B, T]`, 0 where unvoiced."""
        log_pitch, logit = self.pitch_parts(aligned)
        return TYPICAL_HZ * log_pitch.float().exp() * (logit > 0)

    def decode(self, aligned: Aligned, pitch: Tensor) -> Tensor:
        """Mel `[B, T, M]` from frames on their tokens and pitch `[B, T]`."""
        r = self.config.reduction
        inside = length_mask(aligned.lengths, pitch.shape[1])
        pitch = pitch * inside
        voiced = (pitch > 0).float()
        height = (pitch.clamp_min(1) / TYPICAL_HZ).log() * voiced
        source = torch.cat([self.pulses(pitch), torch.stack([voiced, height], 2)], 2)
        x = torch.cat([aligned.hidden, fold(source, r)], 2)
        x = self.decoder(self.decoder_input(x), aligned.mask)
        return self.decoder_output(x).unflatten(2, (r, -1)).flatten(1, 2)


def span_ends(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Where spans of `frames` `[B, L]`, laid end to end, end: whole frames, and the part beyond.

    The sums are exact, so a frame's place in its span is as precise at the end of a long utterance
    as at its beginning. Fractions are rounded to a millionth of a frame; there may be
    2,000 spans.
    """
    whole = frames.floor()
    ticks = ((frames - whole) * TICKS).round().int().cumsum(1, dtype=torch.int32)
    rest = ticks & (TICKS - 1)
    carried = (ticks - rest).to(whole) / TICKS
    return whole.cumsum(1) + carried, rest.to(whole) / TICKS


def round_up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple


def fold(x: Tensor, r: int) -> Tensor:
    """`[B, T, C]` to `[B, T/R, R*C]`."""
    return x.unflatten(1, (-1, r)).flatten(2)


def pad_tokens(tokens: Sequence[Tokens], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids `[B, L]` padded with 0 to a multiple of `STEPS`, and how many are real `[B]`."""
    counts = torch.tensor([len(t) for t in tokens])
    ids = torch.zeros(len(tokens), round_up(int(counts.max()), STEPS), dtype=torch.long)
    for row, entry in enumerate(tokens):
        ids[row, : len(entry)] = torch.tensor(entry.ids)
    return ids.to(device), counts.to(device)


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """`[B, T]` float: 1 where a position is real."""
    steps = torch.arange(longest, device=lengths.device)
    return (steps < lengths.unsqueeze(1)).float()
