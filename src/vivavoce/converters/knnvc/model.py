"""kNN-VC (Baas, van Niekerk, Kamper 2023, arXiv:2305.18975, section 3).

Shapes: S samples, T frames, N frames of the target, W width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from vivavoce.converters.base import ConversionModel
from vivavoce.converters.knnvc.config import KnnVcConfig
from vivavoce.nn.wavlm import WavLM
from vivavoce.nn.wavlm_config import HOP, REACH
from vivavoce.types import FeatureSpec, Voice

KEPT_FRAMES, CONTEXT_FRAMES = 800, 100
MOST_FRAMES = 15_000
"""Of the target, five minutes: more change little and slow every frame down."""


class KnnVC(ConversionModel):
    """Nothing is trained: WavLM's sixth layer and a vocoder for it. 30 s of the target are good."""

    family = "knnvc"
    config_type = KnnVcConfig
    input_rate = 16_000
    voice_part = ("matching", 2)
    shortest_s = 5.0
    hop, context_frames = HOP, CONTEXT_FRAMES
    window_frames = KEPT_FRAMES + 2 * CONTEXT_FRAMES

    def __init__(self, config: KnnVcConfig, spec: FeatureSpec) -> None:
        super().__init__(config, spec)
        self.config = config
        self.wavlm = WavLM(config.wavlm)

    @property
    def voice_width(self) -> int:
        return self.config.wavlm.width

    @torch.inference_mode()
    def target(self, recordings: Sequence[Tensor]) -> dict[str, Tensor]:
        frames = [self._frames(part) for samples in recordings for part in _cut(samples)]
        return {"matching": torch.cat(frames, 1)[0, :MOST_FRAMES].float().cpu()}

    def latents(
        self, samples: Tensor, noise: Tensor, source: Mapping[str, Tensor], voice: Voice
    ) -> Tensor:
        matching = voice.tensors["matching"].to(samples)
        return self.matched(self._frames(samples[0])[0], matching).t().unsqueeze(0)

    def matched(self, frames: Tensor, matching: Tensor) -> Tensor:
        """Frames `[T, W]` to the means of their nearest in `[N, W]` by cosine distance."""
        likeness = F.normalize(frames) @ F.normalize(matching).t()
        nearest = likeness.topk(min(self.config.neighbours, len(matching)), dim=1).indices
        return matching[nearest].mean(1)

    def _frames(self, samples: Tensor) -> Tensor:
        """`[S]` to `[1, T, W]`, a frame for every 320 samples."""
        padded = F.pad(samples.to(self.device), (0, REACH - HOP + -len(samples) % HOP))
        return self.wavlm(padded[None])


def _cut(samples: Tensor) -> Iterator[Tensor]:
    """Pieces of 20 s: WavLM's attention would grow with the square, its convolutions too long."""
    whole = (KEPT_FRAMES + 2 * CONTEXT_FRAMES) * HOP
    yield from (part for part in samples.split(whole) if len(part) >= REACH)
