"""Names of Coqui's WaveRNN networks -> ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce.checkpoints.folding import fold_batch_norms
from vivavoce.checkpoints.remap import count, renamed, require_count
from vivavoce.config import from_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.vocoders.coqui import Named, coqui_importer
from vivavoce.vocoders.wavernn.config import WavernnConfig

_RENAMES = (
    (r"^upsample\.resnet\.conv_in\.", "hints.first."),
    (r"^upsample\.resnet\.batch_norm\.", "hints.first.norm."),
    (r"^upsample\.resnet\.conv_out\.", "hints.last."),
    (r"^upsample\.resnet\.layers\.(\d+)\.", r"hints.blocks.\1."),
    (r"(\.blocks\.\d+)\.(conv|batch_norm)1\.", r"\1.first.\2."),
    (r"(\.blocks\.\d+)\.(conv|batch_norm)2\.", r"\1.last.\2."),
    (r"\.conv\.", "."),
    (r"\.batch_norm\.", ".norm."),
    (r"^I\.", "inwards."),
    (r"^rnn([12])\.(.*)_l0$", r"recurrent_\1.\2"),
    (r"^fc([12])\.", r"hidden_\1."),
    (r"^fc3\.", "output."),
)
_SMOOTHING = "upsample.up_layers."


def _rename(tensors: Named) -> Named:
    """Batch norms folded; between the smoothing kernels lie the repetitions."""
    ours: Named = {}
    for key, value in tensors.items():
        if key.startswith(_SMOOTHING):
            number = int(key.split(".")[2]) // 2
            ours[f"smoothing.smoothing.{number}.weight"] = value.squeeze(2)
        else:
            ours[renamed(key, _RENAMES)] = value
    return fold_batch_norms(ours, lambda _: 1e-5)


def _sizes(ours: Named, said: Mapping[str, Any]) -> WavernnConfig:
    mode, width = said.get("mode", "mold"), ours["recurrent_1.weight_hh"].shape[1]
    classes, bits = ours["output.bias"].shape[0], mode if isinstance(mode, int) else 0
    _require_mode(mode, classes)
    require_count(ours, "hints.blocks.", said.get("num_res_blocks", 10), "num_res_blocks")
    kernels = range(count(ours, "smoothing.smoothing."))
    rates = [ours[f"smoothing.smoothing.{n}.weight"].shape[2] // 2 for n in kernels]
    table = {
        "width": width,
        "inner": ours["hidden_1.bias"].shape[0],
        "mixtures": 10 if bits else classes // 3,
        "bits": bits,
        "mu_law": said.get("mulaw", True),
        "rates": rates or [said["audio"].get("hop_length", 256)],
        "smoothed": bool(rates),
        "context": said.get("pad", 2),
        "hints": 4 * (ours["recurrent_2.weight_ih"].shape[1] - width),
        "fold": said.get("target_samples", 11_000) if said.get("batched", True) else 0,
        "overlap": said.get("overlap_samples", 550) if said.get("batched", True) else 0,
    }
    if table["hints"]:
        table["hint_width"] = ours["hints.first.weight"].shape[0]
        table["hint_blocks"] = count(ours, "hints.blocks.")
    return from_dict(WavernnConfig, table)


def _require_mode(mode: object, classes: int) -> None:
    """Raises BadCheckpoint for another distribution than the last layer's."""
    known = classes == 2**mode if isinstance(mode, int) else mode == "mold" and classes % 3 == 0
    if not known:
        raise BadCheckpoint(
            f"A WaveRNN of the mode '{mode}' with {classes} outputs is not implemented.",
            "Known: 'mold', and a number of bits.",
        )


IMPORTER = coqui_importer(
    kinds=("wavernn", "WaveRNN"),
    marks={"I.weight", "rnn1.weight_ih_l0", "fc3.bias"},
    rename=_rename,
    sizes=_sizes,
)
