"""Whom Tortoise sounds like: recordings, or a number, to the two vectors that its networks read.

As the published inference prepares its references, but that a recording is heard in pieces, not
at one place that is drawn. Shapes: S samples, M mels, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio.features import extract
from vivavoce.audio.findings import Finding
from vivavoce.audio.recording import LONG_SILENCE_S, check_recording
from vivavoce.audio.resample import resample_as_published
from vivavoce.audio.specs import DVAE_22K
from vivavoce.errors import VoiceError
from vivavoce.models.tortoise.config import TortoiseConfig
from vivavoce.models.tortoise.diffusion import DiffusionDecoder
from vivavoce.nn.mel_attention import ConditioningEncoder
from vivavoce.nn.noise import Noise
from vivavoce.runtime.float32 import exact_float32
from vivavoce.types import Audio, FeatureSpec, Voice

FAMILY = "tortoise"
SHORTEST_S = 1.0
HEARD_S = 30.0
PIECE_S, MADE_OF_S = 6.0, 102_400 / 24_000
"""Of a piece, by the GPT's encoder and by the diffusion's; shorter ones end in silence."""
SHORTEST_PIECE_S = 4.0
ADVICE = "Give some seconds of speech; six to thirty are best."
FIRST = "Put the best part first."
AGAIN = "Make it again from its recordings: vivavoce voices add."
SLOPE, RATE, GAIN = 0.2, 0.1, 2**0.5


class Drawn(nn.Module):
    """Random numbers to a vector like those of real voices: the network of StyleGAN (1812.04948).

    Weights are kept far too large and scaled, `RATE` being how fast they were to learn.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(6))

    def forward(self, x: Tensor) -> Tensor:
        """`[1, W]` to `[1, W]`."""
        *scaled, last = [layer for layer in self.layers if isinstance(layer, nn.Linear)]
        for layer in scaled:
            weight = layer.weight * (RATE * layer.in_features**-0.5)
            x = GAIN * F.leaky_relu(F.linear(x, weight, layer.bias * RATE), SLOPE)
        return last(x)


class TortoiseCloner(Protocol):
    """What a model must have for making voices; `mel_stats` is `[M]`."""

    config: TortoiseConfig
    spec: FeatureSpec
    conditioning: ConditioningEncoder
    diffusion: DiffusionDecoder
    drawn_latent: Drawn
    drawn_embedding: Drawn
    mel_stats: Tensor


@torch.no_grad()
def drawn(model: TortoiseCloner, number: int) -> dict[str, Tensor]:
    """The tensors of a voice that nobody has; each number is another."""
    noise = Noise(number)
    where = model.mel_stats.device
    latent, embedding = (
        part(noise.normal([1], width)[..., 0].to(where))[0].float().cpu()
        for part, width in (
            (model.drawn_latent, model.config.width),
            (model.drawn_embedding, 2 * model.config.diffusion.width),
        )
    )
    return {"latent": latent, "embedding": embedding}


def make_voice(
    model: TortoiseCloner,
    recordings: Audio | Sequence[Audio],
    name: str,
    language: str = "en",
    licence: str = "",
    transcript: str = "",
) -> Voice:
    """The voice heard in recordings of one speaker, each with 1 s of speech or more.

    Its tensors: `latent` `[W]` for the GPT and `embedding` `[2W]` for the diffusion, means over
    the pieces. Of each recording the first 30 s are heard. Raises AudioError (empty, silent,
    NaN, integers, not mono), VoiceError (none, or too short).
    """
    several = [recordings] if isinstance(recordings, Audio) else list(recordings)
    if not several:
        raise VoiceError("There is no recording.", ADVICE)
    heard: list[Audio] = []
    warnings: list[str] = []
    for number, audio in enumerate(several, 1):
        what = f"Recording {number}" if len(several) > 1 else "The recording"
        head = replace(audio, samples=audio.samples[: round(2 * HEARD_S * audio.sample_rate)])
        report = check_recording(
            head, shortest_s=SHORTEST_S, keep_s=LONG_SILENCE_S, advice=ADVICE, what=what
        )
        heard += _pieces(report.require())
        warnings += report.warnings
        ahead = (len(audio.samples) - len(head.samples)) / audio.sample_rate
        if (unheard := report.audio.duration_s + ahead - HEARD_S) > 0:
            warnings.append(Finding("partly used", unheard, "s", FIRST, "note").message(what))
    with torch.no_grad(), exact_float32(model.mel_stats.device):
        tensors = {"latent": _latent(model, heard), "embedding": _embedding(model, heard)}
    words = " ".join(transcript.split())
    return Voice(name, FAMILY, tensors, language, words, licence, tuple(warnings))


def reference(voice: Voice, config: TortoiseConfig) -> tuple[Tensor, Tensor]:
    """The voice's `latent` and `embedding`.

    Raises VoiceError for a voice of another family, of a model of other sizes, or a damaged one.
    """
    voice.require_family(FAMILY, AGAIN)
    latent, embedding = voice.tensors.get("latent"), voice.tensors.get("embedding")
    if latent is None or embedding is None:
        raise VoiceError(f"The voice '{voice.name}' lacks its latent or its embedding.", AGAIN)
    for part, width in ((latent, config.width), (embedding, 2 * config.diffusion.width)):
        if tuple(part.shape) != (width,) or not part.is_floating_point():
            raise VoiceError(
                f"The voice '{voice.name}' was made for another model: it has a vector of"
                f" {tuple(part.shape)} where this model has ({width},).",
                AGAIN,
            )
        if not np.isfinite(part.float().cpu().numpy()).all():
            raise VoiceError(f"The voice '{voice.name}' holds NaN or infinite numbers.", AGAIN)
    return latent, embedding


def _pieces(audio: Audio) -> list[Audio]:
    """Of six seconds, in order; a rest that is too short is left out, unless it is all there is."""
    size = round(PIECE_S * audio.sample_rate)
    ends = range(0, min(len(audio.samples), round(HEARD_S * audio.sample_rate)), size)
    pieces = [replace(audio, samples=audio.samples[start : start + size]) for start in ends]
    return [one for n, one in enumerate(pieces) if not n or one.duration_s >= SHORTEST_PIECE_S]


def _latent(model: TortoiseCloner, heard: Sequence[Audio]) -> Tensor:
    """`[W]`: what the encoder makes of the first frame, which has attended to all."""
    found = []
    for audio in heard:
        mel = _mel(audio, DVAE_22K, PIECE_S) / model.mel_stats.float().cpu()[:, None]
        found.append(model.conditioning(mel.to(model.mel_stats.device))[0, :, 0])
    return torch.stack(found).mean(0).float().cpu()


def _embedding(model: TortoiseCloner, heard: Sequence[Audio]) -> Tensor:
    """`[2W]`."""
    mels = [_mel(audio, model.spec, MADE_OF_S).to(model.mel_stats.device) for audio in heard]
    return model.diffusion.voice(mels)[0].float().cpu()


def _mel(audio: Audio, spec: FeatureSpec, seconds: float) -> Tensor:
    """`[1, M, T]` of the first `seconds`, on the CPU: some devices have no complex transform."""
    row = torch.from_numpy(np.array(audio.samples, np.float32))[None]
    samples = resample_as_published(row, audio.sample_rate, spec.sample_rate).clamp(-1, 1)
    length = round(seconds * spec.sample_rate)
    samples = samples[:, :length]
    return extract(F.pad(samples, (0, length - samples.shape[1])), spec)
