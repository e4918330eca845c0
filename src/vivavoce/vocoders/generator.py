"""The generator of HiFi-GAN (Kong 2020, arXiv:2010.05646) with any activation.

Shapes: B batch, C channels, D speaker, T time steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Self, cast

from torch import Tensor, nn

from vivavoce.errors import UsageError
from vivavoce.nn import tiles
from vivavoce.nn.convolution import Conv, Upsampling, laid_out
from vivavoce.nn.windows import Window
from vivavoce.runtime.memory import trim
from vivavoce.types import FeatureSpec
from vivavoce.vocoders.base import Vocoder, require_hop
from vivavoce.vocoders.fused import FusedBlocks, FusedRun
from vivavoce.vocoders.generator_config import GeneratorConfig

Activation = Callable[[int, bool], nn.Module]
"""Makes an activation of so many channels, which may overwrite its input if the flag is set."""


class ResidualBlock(nn.Module):
    """Activations and dilated convolutions in turn, section 2.2.

    In block type 1 (`pairs`) each dilated convolution is followed by an undilated one.
    """

    def __init__(
        self,
        channels: int,
        kernel: int,
        dilations: Sequence[int],
        pairs: bool,
        activation: Activation,
    ) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(Conv(channels, channels, kernel, d) for d in dilations)
        self.plain = nn.ModuleList(
            Conv(channels, channels, kernel) for _ in (dilations if pairs else ())
        )
        self.per_sum = 2 if pairs else 1
        self.activations = nn.ModuleList(
            activation(channels, i % self.per_sum > 0) for i in range(len(dilations) * self.per_sum)
        )

    def forward(self, x: Tensor) -> Tensor:
        layers = [*self.dilated]
        if self.plain:
            layers = [m for pair in zip(self.dilated, self.plain, strict=True) for m in pair]
        y = x
        for i, (act, layer) in enumerate(zip(self.activations, layers, strict=True), 1):
            y = layer(act(y))
            if i % self.per_sum == 0:
                x = y = y.add_(x)
        return x


class Stage(nn.Module):
    """One upsampling and the mean of its blocks: `[B, C, 1, T]` to `[B, C/2, 1, rate T]`.

    `before` is the activation in front of the upsampling. A speaker `[B, D, 1, 1]` is added behind
    it if `condition_dim` is its width.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        index: int,
        activation: Activation,
        before: nn.Module,
        condition_dim: int,
    ) -> None:
        super().__init__()
        rate, kernel = config.rates[index], config.kernels[index]
        wide, narrow = config.width >> index, config.width >> (index + 1)
        self.before = before
        self.upsample = Upsampling(wide, narrow, kernel, rate)
        self.blocks = nn.ModuleList(
            ResidualBlock(narrow, k, d, config.block == 1, activation)
            for k, d in zip(config.block_kernels, config.block_dilations, strict=True)
        )
        self.condition = Conv(condition_dim, narrow, 1) if condition_dim else None
        self.rate, self.channels = rate, narrow
        # the output convolution, which the last stage takes along, has 7 taps
        self.halo = -(-(config.block_reach + kernel + 3) // rate) + 1
        self.fused: FusedBlocks | None = None

    def freeze(self) -> None:
        """After the convolutions: take the blocks together where that is faster."""
        self.fused = FusedBlocks.of(cast("list[ResidualBlock]", list(self.blocks)))

    def fused_run(self) -> FusedRun | None:
        return None if self.fused is None else FusedRun(self.fused)

    def forward(
        self, x: Tensor, speaker: Tensor | None = None, fused: FusedRun | None = None
    ) -> Tensor:
        """`fused` computes the blocks where it can: what `fused_run` gave for this decoding."""
        x = self.upsample(self.before(x))
        if self.condition is not None and speaker is not None:
            x = x + self.condition(speaker)
        if fused is not None and fused.fits(x):
            return fused(x)
        total = self.blocks[0](x)
        for block in self.blocks[1:]:
            total = total.add_(block(x))
        return total.div_(len(self.blocks))


class Generator(Vocoder):
    """Features `[B, C, T]` to samples `[B, T * hop]` in [-1, 1].

    Plain weights: weight normalisation is folded away when a checkpoint is converted. Raises
    ConfigError when the rates do not make the hop of `spec`.
    """

    title: ClassVar[str]
    """The vocoder's name in messages."""
    tiled_channels: ClassVar[int] = 0
    """Stages of at most so many channels work a tile at a time: memory, not arithmetic, bounds
    them."""

    def __init__(
        self,
        config: GeneratorConfig,
        spec: FeatureSpec,
        activation: Activation,
        before: nn.Module,
        last: nn.Module,
        condition_dim: int = 0,
        condition_stages: bool = False,
    ) -> None:
        """`activation` is the blocks', `before` each upsampling's and `last` the output's."""
        super().__init__()
        require_hop(self.title, config.hop_length, spec)
        self.accepts = spec
        self.receptive_field, self.contexts = config.receptive_field(), config.contexts()
        self.condition_width = condition_dim
        self.first = Conv(spec.n_channels, config.width, 7)
        self.condition = Conv(condition_dim, config.width, 1) if condition_dim else None
        in_stages = condition_dim if condition_stages else 0
        self.stages = nn.ModuleList(
            Stage(config, i, activation, before, in_stages) for i in range(len(config.rates))
        )
        self.activation = last
        self.last = Conv(config.width >> len(config.rates), 1, 7, bias=config.output_bias)

    def freeze(self, cache_folder: Path | None = None) -> Self:
        super().freeze(cache_folder)
        for stage in cast("list[Stage]", list(self.stages)):
            stage.freeze()
        return self

    def bound(self, samples: Tensor) -> Tensor:
        """Samples in [-1, 1] from the output convolution's."""
        return samples.tanh()

    def forward(
        self, features: Tensor, speaker: Tensor | None = None, kept: Window | None = None
    ) -> Tensor:
        """`speaker` is `[B, D, 1]`. Raises UsageError unless it is there exactly when needed.

        Of a window the samples that it keeps: a stage computes no more than the next one needs.
        """
        if (speaker is None) != (self.condition is None):
            need = "needs a" if self.condition is not None else "accepts no"
            raise UsageError(f"This {self.title} {need} speaker vector.")
        x = self.first(laid_out(features))
        if self.condition is not None and speaker is not None:
            speaker = speaker.unsqueeze(2)
            x = x + self.condition(speaker)
        *stages, final = cast("list[Stage]", list(self.stages))
        for stage, context in zip(stages, self.contexts, strict=False):
            x, kept = _narrowed(x, kept, context, stage.rate)
            work = partial(stage, speaker=speaker, fused=stage.fused_run())
            x = self._tiled(stage, work, x)
        x, kept = _narrowed(x, kept, self.contexts[-1], final.rate)
        last = partial(final, speaker=speaker, fused=final.fused_run())
        samples = self._tiled(final, lambda part: self._output(last(part)), x)
        return samples[:, 0, 0, kept.kept(1) if kept is not None else ...]

    def _output(self, x: Tensor) -> Tensor:
        return self.bound(self.last(self.activation(x)))

    def _tiled(self, stage: Stage, work: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """`work(x)`, which `stage` does, a tile at a time where its channels are few."""
        if self.frugal:
            trim()  # the holes that a stage's work leaves in memory would add to the next one's
        if stage.channels > self.tiled_channels:
            return work(x)
        tile = max(tiles.TILE, tiles.VALUES // stage.channels)
        return tiles.in_tiles(work, x, stage.halo, stage.rate, tile)

    def decode(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        return self(features, condition).float()

    def decode_window(self, window: Window, condition: Tensor | None = None) -> Tensor:
        return self(window.frames, condition, window).float()


def _narrowed(
    x: Tensor, kept: Window | None, context: int, rate: int
) -> tuple[Tensor, Window | None]:
    """What a stage of this `rate` needs of its input, and what is to be kept of its output."""
    if kept is None:
        return x, None
    part = Window(x, kept.start, kept.stop).narrowed(context)
    return part.frames, Window(x, part.start * rate, part.stop * rate)
