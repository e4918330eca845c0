"""A TTS on a device, from names and folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from vivavoce import runtime as devices
from vivavoce.errors import UsageError
from vivavoce.hub import build, published_pairs
from vivavoce.hub import paths as cache
from vivavoce.hub.fetch import Given
from vivavoce.hub.lora import Adapter
from vivavoce.hub.pair import open_pair
from vivavoce.runtime.arithmetic import choose_arithmetic
from vivavoce.runtime.float32 import set_float32
from vivavoce.runtime.memory import trim
from vivavoce.runtime.placement import MLX, place_pair, recall
from vivavoce.runtime.threads import use_measured_threads
from vivavoce.runtime.turns import APPLE_GPU, turn
from vivavoce.speech.engine import TTS

if TYPE_CHECKING:
    from vivavoce.models.base import AcousticModel
    from vivavoce.runtime import Precision, Selection
    from vivavoce.vocoders.base import Vocoder

DEFAULT_MODEL = "linnet"


def load(
    model: str | Path | None = None,
    *,
    vocoder: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    fast: bool = False,
    lora: str | Path | Sequence[str | Path] = (),
    config: str | Path | None = None,
    vocabulary: str | Path | None = None,
) -> TTS:
    """A model and its vocoder, ready to speak.

    `model` is a name (`vivavoce models list`), a model folder, or the path or `hf://` address of a
    checkpoint of another program, which is not copied; without it the bundled voice is loaded.
    `vocoder` replaces the model's default or built-in vocoder. `device` is auto, cpu,
    cuda[:n], mps or mlx (the large products by Apple's MLX, the rest by torch on the CPU);
    `TTS.selection.reason` says why it was chosen. With auto each stage runs where
    `vivavoce doctor --self-test` found it correct and faster; `TTS.vocoder_selection` is the
    vocoder's device. `precision` is auto, float32, tf32, bfloat16, float16, int8 or fastest;
    lower ones apply to the large matrix products of models whose loss of accuracy is measured;
    everything else stays in float32. auto uses bfloat16 if the device supports it in hardware and
    computes it correctly.
    `lora` are adapters, each a file, folder or address, with `:SCALE` to weaken or strengthen
    it; they are merged into the weights. `config` and `vocabulary`
    are files of such a checkpoint that are not in its folder. `fast` makes the model's fast
    settings the defaults (fewer steps) and, if no precision is named, uses the fastest one on this
    machine; never int8, which costs more accuracy.

    Raises UnknownModel, BadCheckpoint, IncompatibleFeatures, UnsupportedDevice, UsageError.
    """
    found = devices.select(device)
    files = Given(Path(config) if config else None, Path(vocabulary) if vocabulary else None)
    places = [lora] if isinstance(lora, (str, Path)) else lora
    adapters = [Adapter.parse(str(place)) for place in places]
    name = str(model or DEFAULT_MODEL)
    own, its = open_pair(name, str(vocoder or ""), files, adapters)
    manifest, acoustic = own.manifest, build.acoustic(own)
    decoder, its_manifest = build.vocoder(build.fitted(its, acoustic.spec)), its.manifest
    del own, its  # or no weight that is laid out anew could go before the last one is
    stages = f"acoustic.{manifest['family']}", f"vocoder.{its_manifest['family']}"
    selection, decoding = place_pair(stages, device, found, cache.folder())
    _claim(selection, decoding)
    chosen_precision = _precision(manifest["name"], acoustic, precision, fast, selection)
    for used in (selection.device, decoding.device):
        set_float32(used, chosen_precision.tf32)
    reason = f"{selection.reason}; {chosen_precision.reason}"
    selection = replace(selection, dtype=chosen_precision.dtype, reason=reason)
    with turn(selection, decoding):
        acoustic = _placed(acoustic, selection, chosen_precision)
        decoder.frugal = chosen_precision.int8  # who asks for small weights has little memory
        decoder = _ready(decoder, decoding)
    trim()
    defaults = manifest.get("options", {}) | (acoustic.traits.fast_options if fast else {})
    pair = published_pairs.as_published(manifest["name"], its_manifest["name"])
    return TTS(manifest["name"], acoustic, decoder, selection, defaults, decoding, pair)


def require(name: str, family: type[AcousticModel[Any]], device: str, precision: str) -> None:
    """Raises UsageError, UnsupportedDevice for what a family cannot do there. Loads nothing."""
    if devices.select(device).engine == MLX:
        family.require_mlx()
    if precision == "int8":
        _require_int8(name, family)


def _require_int8(name: str, family: type[AcousticModel[Any]]) -> None:
    if not family.traits.int8:
        raise UsageError(
            f"'{name}' does not support int8 weights.",
            "Use float32, or bfloat16 if the device supports it.",
        )


def _claim(*places: Selection) -> None:
    """What is decided for the whole process: whose the Apple GPU is, how many threads."""
    for place in places:
        APPLE_GPU.claim(place)
    if any(place.device.type == "cpu" for place in places):
        use_measured_threads(cache.folder())


def _precision(
    name: str, acoustic: AcousticModel[Any], asked: str, fast: bool, place: Selection
) -> Precision:
    """What is asked for; where it is to be chosen, what this model gains by and is right here.

    Raises UsageError, UnsupportedDevice.
    """
    device, folder = place.device, cache.folder()
    wanted = "fastest" if fast and asked == "auto" else asked
    if asked != "auto" or place.engine == MLX:
        chosen = devices.choose_precision(wanted, device, folder, place.engine)
        if chosen.int8:
            _require_int8(name, type(acoustic))
        return chosen
    full = devices.choose_precision("float32", device)
    if not acoustic.traits.large_products:
        return replace(full, reason="float32: this model has no large products")
    measured = recall(folder, device, f"acoustic.{acoustic.family}")
    if measured is not None and measured.lower_fault:
        return replace(full, reason=f"float32: {measured.lower_fault}")
    return devices.choose_precision(wanted, device, folder)


def _placed(
    acoustic: AcousticModel[Any], where: Selection, precision: Precision
) -> AcousticModel[Any]:
    """The model in its place, ready for inference."""
    if where.engine == "mlx":
        return acoustic.on_mlx(precision.dtype, precision.int8)
    arithmetic = choose_arithmetic(where.device, precision, cache.folder())
    return acoustic.to(where.device).freeze(arithmetic)


def _ready(decoder: Vocoder, where: Selection) -> Vocoder:
    """The vocoder in its place, ready for inference."""
    if where.engine == "mlx":
        return decoder.on_mlx()
    decoder = decoder.to(where.device).freeze(cache.folder())
    if where.device.type != "cpu":
        return decoder
    return cast("Vocoder", devices.prepare_for_inference(decoder, "auto", cache.folder()))
