"""LoRA adapters (Hu et al., arXiv:2106.09685) in PEFT's files, merged into weights while loading.

W' = W + scale · B·A, in float32. An adapter is merged under our names, where every matrix is
[out, in], whichever way its family's code keeps it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from vivavoce.errors import BadCheckpoint, UsageError

CONFIG = "adapter_config.json"
_WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:base_model\.model|base_layer)\.")
_FACTOR = re.compile(r"(.+)\.lora_(embedding_)?([AB])(?:\.(?!weight$)([^.]+))?(?:\.weight)?")
_REPLACED = re.compile(r"(.+)\.(?:modules_to_save\.[^.]+|original_module)\.(.+)")
_OTHER_KINDS = re.compile(r"\.(lora_magnitude_vector|vera_lambda|hada_w|lokr_w|oft_r)")
# An adapter that was trained on a part of a model has names that begin within that part.
_PARTS = ("", "gpt.", "gpt.gpt.")

Adapt = Callable[[Mapping[str, Tensor]], tuple[dict[str, Tensor], list[str]]]


@dataclass(frozen=True)
class Adapter:
    """The place of an adapter and how much of it to add: 1, or None, is as it was trained."""

    place: str
    scale: float | None = None

    @classmethod
    def parse(cls, text: str) -> Adapter:
        """`FILE` or `FILE:SCALE`. Raises UsageError for a scale that is not finite."""
        place, _, number = text.rpartition(":")
        try:
            scale = float(number)
        except ValueError:
            return cls(text)
        if not place or not math.isfinite(scale):
            raise UsageError(f"'{text}' is not FILE:SCALE.", "Write for example adapter:0.8.")
        return cls(place, scale)


def is_adapter(names: Iterable[str]) -> bool:
    """Whether tensors of these names hold an adapter, alone or inside a model."""
    return any(_FACTOR.fullmatch(name) for name in names)


def bare(name: str) -> str:
    """A tensor's name without PEFT's wrappers."""
    return _WRAPPERS.sub("", name)


def unwrapped(
    tensors: Mapping[str, Tensor],
    settings: Mapping[str, Any],
    file: Path,
    scale: float | None = None,
) -> dict[str, Tensor]:
    """The tensors without PEFT's wrappers in their names, and each B times its scale.

    `settings` are those of `adapter_config.json`; the trained scale is alpha/r there. Without them
    `scale` is taken as the whole of it. Raises BadCheckpoint: no scale, several adapters, or an
    adapter of another kind.
    """
    result: dict[str, Tensor] = {}
    adapters = set[str]()
    for wrapped, tensor in sorted(tensors.items(), key=lambda item: "modules_to_save" in item[0]):
        name = bare(wrapped)
        if _OTHER_KINDS.search(name):
            raise BadCheckpoint(f"{file} holds '{wrapped}': only LoRA can be merged.")
        if replaced := _REPLACED.fullmatch(name):
            name = f"{replaced[1]}.{replaced[2]}"
        if factor := _FACTOR.fullmatch(name):
            adapters.add(factor[4] or "default")
            name = f"{factor[1]}.lora_{factor[2] or ''}{factor[3]}.weight"
            if factor[3] == "B":
                rank = tensor.shape[1] if tensor.dim() > 1 else 1
                tensor = tensor.float() * _scale(factor[1], rank, settings, file, scale)
        result[name] = tensor
    if len(adapters) > 1:
        raise BadCheckpoint(
            f"{file} holds several adapters: {', '.join(sorted(adapters))}.",
            "Save one of them to its own file.",
        )
    return result


def merge(
    base: Mapping[str, Tensor], adapter: Mapping[str, Tensor], adapt: Adapt, file: Path
) -> dict[str, Tensor]:
    """A model's tensors with an unwrapped adapter in them, which `adapt` gives our names.

    Raises BadCheckpoint where the adapter is of another model.
    """
    made_up = set(adapt({})[0])
    for part in _PARTS:
        named, _ = adapt({f"{part}{name}": tensor for name, tensor in adapter.items()})
        added = {name: tensor for name, tensor in named.items() if name not in made_up}
        if any(_target(name) in base for name in added):
            return merged({**base, **added}, file)
    some = next(iter(adapter), "nothing")
    raise BadCheckpoint(
        f"The adapter {file} does not fit this model: it has '{some}'.",
        "Use the model that it was trained on.",
    )


def merged(tensors: Mapping[str, Tensor], file: Path) -> dict[str, Tensor]:
    """The tensors without adapters in them, which are added to the weights that they change.

    Raises BadCheckpoint where half of an adapter or the weight is missing, or shapes do not fit.
    """
    result = {name: t for name, t in tensors.items() if not _FACTOR.fullmatch(name)}
    for name in tensors:
        if not (factor := _FACTOR.fullmatch(name)) or factor[3] != "A":
            continue
        target = _target(name)
        other = f"{factor[1]}.lora_{factor[2] or ''}B.weight"
        if target not in result or other not in tensors:
            missing = other if target in result else target
            raise BadCheckpoint(f"The adapter {file} does not fit: there is no '{missing}'.")
        a, b, weight = tensors[name].float(), tensors[other], result[target]
        if a.shape[0] != b.flatten(1).shape[1]:
            raise BadCheckpoint(f"The matrices A and B of '{target}' in {file} do not match.")
        change = b.float().flatten(1) @ a.flatten(1)
        change = change.t() if factor[2] else change
        if change.numel() != weight.numel() or change.shape[0] != weight.shape[0]:
            raise BadCheckpoint(
                f"The adapter {file} has shape {list(change.shape)} for '{target}'; the model has "
                f"{list(weight.shape)}.",
                "Use the model that it was trained on.",
            )
        result[target] = weight.float() + change.reshape(weight.shape)
    return result


def _target(name: str) -> str:
    """The weight that a factor changes; any other name is itself."""
    factor = _FACTOR.fullmatch(name)
    return f"{factor[1]}.weight" if factor else name


def _scale(
    module: str, rank: int, settings: Mapping[str, Any], file: Path, scale: float | None
) -> float:
    alpha = settings.get("lora_alpha")
    patterns = settings.get("alpha_pattern")
    for pattern, own in patterns.items() if isinstance(patterns, dict) else ():
        alpha = own if module == pattern or module.endswith(f".{pattern}") else alpha
    if not isinstance(alpha, (int, float)) or isinstance(alpha, bool):
        if scale is None:
            raise BadCheckpoint(
                f"The scale of the adapter in {file} is unknown: there is no {CONFIG} beside it.",
                f"Put the {CONFIG} there, or give the scale (alpha / r): --lora FILE:SCALE.",
            )
        return scale
    divisor = math.sqrt(rank) if settings.get("use_rslora") else rank
    return alpha / divisor * (1.0 if scale is None else scale)
