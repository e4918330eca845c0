"""The contract of a converter: a recording and a voice in, features of the same words out.

Shapes: S samples, T frames, C channels, D speaker.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.config import from_dict
from vivavoce.errors import VoiceError
from vivavoce.nn.latent_flow import Flow
from vivavoce.nn.noise import Noise
from vivavoce.nn.windows import WindowCutter
from vivavoce.types import FeatureSpec, Voice

BLOCK_FRAMES = 256
"""Frames whose noise is drawn at once, so that it does not depend on how the work is cut."""


class ConversionModel(nn.Module, ABC):
    """A frame is `hop` samples at `input_rate`; the result is as long as the input.

    `latents` is exact for frames that have `context_frames` of real neighbours, or the end of the
    recording, on each side: longer recordings are converted in windows of `window_frames`. It
    needs `noise_channels` of Gaussian noise per frame. `voice_part` is the name of a voice's tensor
    and its number of dimensions. A voice needs at least `shortest_s` of recordings in total.
    """

    family: ClassVar[str]
    config_type: ClassVar[type[Any]]
    input_rate: ClassVar[int]
    voice_part: ClassVar[tuple[str, int]]
    shortest_s: ClassVar[float] = 1.0
    context_frames: int
    window_frames: int
    noise_channels: int = 0
    hop: int
    spec: FeatureSpec

    def __init__(self, config: object, spec: FeatureSpec) -> None:
        """`config` is a `config_type`, which the subclass keeps."""
        super().__init__()
        self.spec = spec

    @classmethod
    def build(cls, manifest: Mapping[str, Any]) -> Self:
        """From the tables `config` and `features` of a stored manifest. Raises ConfigError."""
        return cls(
            from_dict(cls.config_type, manifest["config"], "config"),
            from_dict(FeatureSpec, manifest["features"], "features"),
        )

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @abstractmethod
    def target(self, recordings: Sequence[Tensor]) -> dict[str, Tensor]:
        """A voice's tensors from recordings `[S]` of one person, float32 on the CPU."""

    def source(self, samples: Tensor) -> dict[str, Tensor]:
        """Tensors of the whole recording `[S]` that every window needs."""
        return {}

    @abstractmethod
    def latents(
        self, samples: Tensor, noise: Tensor, source: Mapping[str, Tensor], voice: Voice
    ) -> Tensor:
        """Samples `[1, T hop]` and noise `[1, C, T]` to the vocoder's features `[1, C, T]`."""

    def condition(self, voice: Voice) -> Tensor | None:
        """The speaker vector for the vocoder, `[1, D, 1]`."""
        return None

    def freeze(self) -> Self:
        """Evaluation mode; the flow's filters are computed once."""
        for part in self.children():
            if isinstance(part, Flow):
                part.freeze()
        return self.eval().requires_grad_(False)

    @torch.inference_mode()
    def stream(self, samples: Tensor, voice: Voice, noise: Noise) -> Iterator[Tensor]:
        """Features `[1, C, T]` of `[S]`, window by window; check the voice with `require`."""
        source = self.source(samples)
        cutter = WindowCutter(self.window_frames, self.context_frames)
        for block in samples.split(BLOCK_FRAMES * self.hop):
            for window in cutter.push(self._with_noise(block, noise)):
                yield self._converted(window.frames, source, voice)[..., window.start : window.stop]
        for window in cutter.finish():
            yield self._converted(window.frames, source, voice)[..., window.start : window.stop]

    def _with_noise(self, block: Tensor, noise: Noise) -> Tensor:
        """Samples `[S]` as frames with their noise below, `[1, hop + C, T]`."""
        frames = -(-len(block) // self.hop)
        padded = F.pad(block, (0, frames * self.hop - len(block))).view(1, frames, self.hop)
        drawn = noise.normal([frames], self.noise_channels) if self.noise_channels else None
        rows = padded.transpose(1, 2)
        return rows if drawn is None else torch.cat([rows, drawn], 1)

    def _converted(self, frames: Tensor, source: Mapping[str, Tensor], voice: Voice) -> Tensor:
        frames = frames.to(self.device)
        samples = frames[:, : self.hop].transpose(1, 2).reshape(1, -1)
        return self.latents(samples, frames[:, self.hop :], source, voice)

    def require(self, voice: Voice) -> None:
        """Raises VoiceError for a voice of another family, another size, or a damaged one."""
        again = "Make it again: give the recording with --to."
        voice.require_family(self.family, again)
        name, dimensions = self.voice_part
        tensor = voice.tensors.get(name)
        if tensor is None or tensor.dim() != dimensions or not tensor.is_floating_point():
            raise VoiceError(f"The voice '{voice.name}' lacks its {name}.", again)
        finite = np.isfinite(tensor.numpy()).all()  # voices are kept on the CPU
        if tensor.shape[-1] != self.voice_width or not finite:
            raise VoiceError(
                f"The {name} of the voice '{voice.name}' must have {self.voice_width} channels "
                f"without NaN; it has {tensor.shape[-1]}.",
                again,
            )

    @property
    @abstractmethod
    def voice_width(self) -> int:
        """Channels of what a voice holds."""
