"""The contract of a vocoder, and decoding in windows.

Shapes: B batch, C channels, T frames, S samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from vivavoce.config import from_dict
from vivavoce.errors import ConfigError, UnsupportedDevice, UsageError
from vivavoce.nn.convolution import Conv, Upsampling
from vivavoce.nn.convolution_choice import choose_convolution
from vivavoce.nn.windows import Window, WindowCutter
from vivavoce.runtime.arithmetic import portable
from vivavoce.runtime.memory import longest_dimension
from vivavoce.types import FeatureSpec


class Preparation:
    """Adds to one utterance's features what depends on all earlier frames.

    A vocoder whose samples depend on more than `receptive_field` frames (the phase of its pulses,
    say) adds channels that hold the rest; `decode` then depends on a window only. This one adds
    nothing.
    """

    def push(self, part: Tensor) -> Iterator[Tensor]:
        """Prepared features `[B, C, T]`; those of `part` may come from a later call."""
        yield part

    def finish(self) -> Iterator[Tensor]:
        """The features that are left."""
        return iter(())


class Vocoder(nn.Module, ABC):
    """Turns features into samples.

    `accepts` are the features it was trained on. `receptive_field` is the number of frames, on
    each side of a frame, that its samples depend on: a window with this context decodes exactly.
    `edge_frames` copies of the first and last frame are added before and after an utterance,
    then `tail_frames` of `tail_value` (at most `receptive_field`) that are not decoded to samples.
    A vocoder that is `frugal` before `freeze` frees memory while it decodes and keeps one copy of
    its filters for all threads, which is slower.
    If `fits_any`, the vocoder is built for the features of the model in use.
    `condition_width` is D of the speaker vector of `decode`, 0 without one.
    """

    config_type: ClassVar[type[Any]]
    default_features: ClassVar[FeatureSpec] = FeatureSpec()
    accepts: FeatureSpec
    receptive_field: int
    edge_frames: int = 0
    tail_frames: int = 0
    tail_value: float = 0.0
    condition_width: int = 0
    frugal: bool = False
    fits_any: ClassVar[bool] = False

    @abstractmethod
    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """Features `[B, C, T]` to samples `[B, S]` float32, the whole length at once, no edges.

        `condition` `[B, D, 1]` is the speaker vector, if the vocoder needs one.
        """

    def decode_window(self, window: Window, condition: Tensor | None = None) -> Tensor:
        """The samples `[B, S]` that a window contributes; S may be 0."""
        samples = self.decode(window.frames, condition)
        return samples[..., window.kept(self.accepts.hop_length)]

    @classmethod
    def build(cls, manifest: Mapping[str, Any]) -> Self:
        """From a stored manifest's tables `config` and `features`, each with its defaults.

        Raises ConfigError for an unknown key or a value out of range.
        """
        features = manifest.get("features")
        return cls(
            from_dict(cls.config_type, manifest.get("config", {}), "config"),
            cls.default_features
            if features is None
            else from_dict(FeatureSpec, features, "features"),
        )

    def preparation(self) -> Preparation:
        """For one utterance: what its features need before they are cut into windows."""
        return Preparation()

    def freeze(self, cache_folder: Path | None = None) -> Self:
        """Ready for inference: evaluation mode, weights preprocessed once.

        `cache_folder` keeps which convolutions are faster with fewer products on this CPU; without
        one it is not measured.
        """
        self.eval().requires_grad_(False)
        layers = [m for m in self.modules() if isinstance(m, (Conv, Upsampling))]
        on_cpu = any(layer.weight.device.type == "cpu" for layer in layers)
        best = choose_convolution(cache_folder if on_cpu else None)
        shares = 1 if self.frugal else best.shares
        for layer in layers:
            layer.freeze(best.narrowest, shares) if isinstance(layer, Conv) else layer.freeze()
        return portable(self)

    def on_mlx(self) -> Vocoder:
        """In place of `freeze`: the same vocoder, computed by MLX.

        Raises UnsupportedDevice for a family that has no such engine.
        """
        raise UnsupportedDevice(
            f"The vocoder {type(self).__name__} does not support MLX.",
            "Choose another with --vocoder, or use device 'mps' or 'cpu'.",
        )

    def n_samples(self, n_frames: int) -> int:
        """How many samples an utterance of `n_frames` becomes, edges included."""
        return (n_frames + 2 * self.edge_frames) * self.accepts.hop_length

    @property
    def window_frames(self) -> int:
        """Frames to decode at once so that no layer sees more steps than the device takes well."""
        weight = next(self.parameters(), None)
        longest = longest_dimension("cpu" if weight is None else weight.device)
        return longest // self.accepts.hop_length * 15 // 16


class EngineVocoder(Vocoder):
    """A vocoder whose `decode` is computed by another engine than torch, on torch tensors."""

    def __init__(self, theirs: Vocoder, work: Callable[[Tensor, Tensor | None], Tensor]) -> None:
        super().__init__()
        self.accepts, self.receptive_field = theirs.accepts, theirs.receptive_field
        self.edge_frames, self.condition_width = theirs.edge_frames, theirs.condition_width
        self.tail_frames, self.tail_value = theirs.tail_frames, theirs.tail_value
        self.work, self.samples_of = work, theirs.n_samples

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        if (condition is None) != (not self.condition_width):
            need = "needs a" if self.condition_width else "accepts no"
            raise UsageError(f"This vocoder {need} speaker vector.")
        return self.work(features, condition)

    def n_samples(self, n_frames: int) -> int:
        return self.samples_of(n_frames)


def require_hop(title: str, made: int, spec: FeatureSpec) -> None:
    """Raises ConfigError unless a vocoder makes as many samples a frame as `spec` has."""
    if made != spec.hop_length:
        raise ConfigError(
            f"This {title} makes {made} samples a frame, its features have a hop of "
            f"{spec.hop_length}.",
            "The product of `rates` (and of `bands`) must be the hop.",
        )


def decode_windowed(
    vocoder: Vocoder,
    features: Tensor,
    lengths: Sequence[int] | Tensor | None = None,
    window_frames: int | None = None,
    condition: Tensor | None = None,
) -> Tensor:
    """`vocoder.decode` of features `[B, C, T]` in windows: the same samples `[B, S]`.

    With `lengths` (frames) every row is decoded at its own length, so padding never reaches a
    result; past a row's end there are zeros.
    """
    if lengths is None or all(int(n) == features.shape[-1] for n in lengths):
        pieces = list(stream_windows(vocoder, [features], window_frames, condition))
        return torch.cat(pieces, dim=-1) if pieces else features.new_zeros(len(features), 0)
    rows = []
    for row, length in enumerate(lengths):
        part = features[row : row + 1, :, : int(length)]
        speaker = None if condition is None else condition[row : row + 1]
        rows.append(decode_windowed(vocoder, part, None, window_frames, speaker)[0])
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def stream_windows(
    vocoder: Vocoder,
    features: Iterable[Tensor],
    window_frames: int | None = None,
    condition: Tensor | None = None,
    eager: bool = False,
) -> Iterator[Tensor]:
    """Samples `[B, S]` piece by piece, as features `[B, C, T]` of one utterance come in.

    A piece is yielded once more than `window_frames` frames (or the last) have arrived, or, if
    `eager`, for each part of the features; together the pieces equal one whole decoding. Raises
    ValueError for a window without frames besides its context.
    """
    stream = VocoderStream(vocoder, window_frames, eager)
    ready = (window for part in features for window in stream.push(part))
    for window in chain(ready, stream.finish()):
        kept = vocoder.decode_window(window, condition)
        if kept.shape[-1]:
            yield kept


class VocoderStream:
    """Features of one utterance in, windows to decode out; state of that utterance alone.

    `edge_frames` copies of the first and the last frame are added at its ends, then its tail.
    """

    def __init__(self, vocoder: Vocoder, window_frames: int | None, eager: bool) -> None:
        size = window_frames or vocoder.window_frames
        self.preparation = vocoder.preparation()
        self.cutter = WindowCutter(size, vocoder.receptive_field, eager)
        self.edge = vocoder.edge_frames
        self.tail, self.tail_value = vocoder.tail_frames, vocoder.tail_value
        self.last: Tensor | None = None

    def push(self, part: Tensor) -> Iterator[Window]:
        """Windows of the features `[B, C, T]` so far that can be decoded exactly."""
        if self.last is None:
            yield from self._cut(part[..., :1].repeat(1, 1, self.edge))
        yield from self._cut(part)
        self.last = part[..., -1:]

    def finish(self) -> Iterator[Window]:
        if self.last is not None:
            yield from self._cut(self.last.repeat(1, 1, self.edge))
            tail = torch.full_like(self.last, self.tail_value)
            yield from self._cut(tail.repeat(1, 1, self.tail))
        for prepared in self.preparation.finish():
            yield from self.cutter.push(prepared)
        for last in self.cutter.finish():  # a tail within its context is in no other window
            yield replace(last, stop=last.stop - self.tail)

    def _cut(self, part: Tensor) -> Iterator[Window]:
        for prepared in self.preparation.push(part):
            yield from self.cutter.push(prepared)
