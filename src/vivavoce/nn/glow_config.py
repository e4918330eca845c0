"""Sizes of Glow-TTS's flow. No torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GlowFlowConfig:
    """Widths are channel counts. `n_squeeze` frames are folded into channels."""

    n_mels: int = 80
    n_squeeze: int = 2
    n_flows: int = 12
    decoder_width: int = 192
    flow_kernel: int = 5
    flow_layers: int = 4
    dilation_rate: int = 1
    sigmoid_scale: bool = False
    speaker_width: int = 0  # 0: one speaker; else the width of the speaker vector

    def __post_init__(self) -> None:
        if max(self.n_flows, self.flow_layers, self.dilation_rate) > 1000:
            raise ValueError("n_flows, flow_layers and dilation_rate must be at most 1000")
        if (self.n_mels * self.n_squeeze) % 4:
            raise ValueError("n_mels * n_squeeze must be a multiple of 4")
