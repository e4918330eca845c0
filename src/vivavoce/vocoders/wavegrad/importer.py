"""Names of Coqui's WaveGrad networks -> ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.checkpoints.remap import count, renamed
from vivavoce.vocoders.coqui import Named, coqui_importer
from vivavoce.vocoders.wavegrad.config import WavegradConfig

_RENAMES = (
    (r"^y_conv\.", "signal."),
    (r"^x_conv\.", "mel."),
    (r"^out_conv\.", "last."),
    (r"^film\.(\d+)\.input_conv\.", r"modulations.\1.first."),
    (r"^film\.(\d+)\.output_conv\.", r"modulations.\1.last."),
    (r"^dblocks\.", "down."),
    (r"^ublocks\.", "up."),
    (r"\.res_block\.", ".shortcut."),
    (r"\.main_block\.", ".layers."),
    (r"\.out_block\.0\.", ".layers.2."),
    (r"\.out_block\.1\.", ".layers.3."),
)


def _sizes(ours: Named, said: Mapping[str, Any]) -> WavegradConfig:
    usual, noise = WavegradConfig(), said.get("test_noise_schedule") or {}
    dilations = said.get("upsample_dilations", usual.dilations)
    return WavegradConfig(
        mel_width=ours["mel.bias"].shape[0],
        signal_width=ours["signal.bias"].shape[0],
        down=tuple(ours[f"down.{n}.shortcut.bias"].shape[0] for n in range(count(ours, "down."))),
        up=tuple(ours[f"up.{n}.shortcut.bias"].shape[0] for n in range(count(ours, "up."))),
        rates=tuple(said.get("upsample_factors", usual.rates)),
        dilations=tuple(tuple(one) for one in dilations),
        steps=noise.get("num_steps", usual.steps),
        least_noise=noise.get("min_val", usual.least_noise),
        most_noise=noise.get("max_val", usual.most_noise),
    )


IMPORTER = coqui_importer(
    kinds=("wavegrad",),
    marks={"y_conv.bias", "ublocks.0.res_block.bias"},
    rename=lambda tensors: {renamed(key, _RENAMES): value for key, value in tensors.items()},
    sizes=_sizes,
)
