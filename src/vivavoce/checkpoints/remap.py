"""From foreign tensor names to a module's own: prefixes, weight norm, and the strict load.

Each family's `convert.py` says which names become which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from math import inf
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vivavoce.errors import BadCheckpoint
from vivavoce.limits import describe

MAX_NAMED = 10
# Building our models calls torch some 7 times per tensor.
CALLS_BESIDE, CALLS_PER_TENSOR = 1_000, 30
# (magnitude, direction) names of the two ways PyTorch has stored a weight-normed convolution.
_WEIGHT_NORMS = (
    ("weight_g", "weight_v"),
    ("parametrizations.weight.original0", "parametrizations.weight.original1"),
)


class _Uninitialised(TorchFunctionMode):
    """Initialisers do nothing: on the meta device some import torch's compiler, 1.6 s of it.

    Every call costs one of `calls`, so that a module that a hostile configuration describes with
    millions of layers is given up early.
    """

    def __init__(self, calls: float) -> None:
        super().__init__()
        self.calls = calls

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        self.calls -= 1
        if self.calls < 0:
            raise BadCheckpoint(
                "The configuration describes a far larger model than the weights hold."
            )
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else (kwargs or {})["tensor"]
        return func(*args, **(kwargs or {}))


@contextmanager
def without_numbers(n_tensors: int | None = None) -> Iterator[None]:
    """Modules made inside have shapes and no memory, ready for `strict_load`.

    `n_tensors` is how many tensors will be loaded. Raises BadCheckpoint when the module's
    construction does far more than so few can need.
    """
    calls = inf if n_tensors is None else CALLS_BESIDE + CALLS_PER_TENSOR * n_tensors
    with torch.device("meta"), _Uninitialised(calls):
        yield


def count(names: Iterable[str], prefix: str) -> int:
    """How many layers there are under `prefix` (`encoder.layers.`): the largest number + 1.

    Layers have to be counted in the tensors before a configuration is believed.
    """
    numbers = (name[len(prefix) :].partition(".")[0] for name in names if name.startswith(prefix))
    return 1 + max((int(n) for n in numbers if n.isdecimal() and len(n) < 7), default=-1)


def renamed(name: str, table: Iterable[tuple[str | re.Pattern[str], str]]) -> str:
    """`name` after every (pattern, replacement) of `table`, one behind the other."""
    for pattern, replacement in table:
        name = re.sub(pattern, replacement, name)
    return name


def renamed_once(name: str, table: Iterable[tuple[str | re.Pattern[str], str]]) -> str:
    """`name` after the first (pattern, replacement) of `table` that changes it."""
    changed = (re.sub(pattern, replacement, name) for pattern, replacement in table)
    return next((other for other in changed if other != name), name)


def require_count(names: Iterable[str], prefix: str, expected: Any, setting: str) -> None:
    """Raises BadCheckpoint when a configuration's `setting` is not the number of layers there.

    Where there are none at all, loading says what is missing.
    """
    found = count(names, prefix)
    if found and expected != found:
        raise BadCheckpoint(
            f"The configuration says that {setting} is {describe(expected)}; "
            f"the weights have {found} of them.",
            "Use the configuration that belongs to this checkpoint.",
        )


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with `prefix`, without it; the others are left behind."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def strip(tensors: Mapping[str, Tensor], *prefixes: str) -> dict[str, Tensor]:
    """All tensors, each without whichever of `prefixes` it begins with, however often.

    Raises BadCheckpoint when two names become one.
    """
    result: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        short = name
        while found := next((p for p in prefixes if p and short.startswith(p)), ""):
            short = short.removeprefix(found)
        if short in result:
            raise BadCheckpoint(
                f"'{short}' is in the file twice, under different prefixes.",
                "Choose one of the sets of weights in the file.",
            )
        result[short] = tensor
    return result


def fold_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Plain `weight`s from weight-normed ones: w = g·v/‖v‖, the norm over all dimensions but 0.

    Accepts `weight`, `weight_g`/`weight_v` and `parametrizations.weight.original0/1` side by side.
    Folded weights are float32; everything else is passed on. Raises BadCheckpoint when half of a
    pair is missing or the two do not fit. (Salimans & Kingma 2016, eq. 2)
    """
    pending = dict(tensors)
    result: dict[str, Tensor] = {}
    for name in tensors:
        pair = _weight_norm_pair(name)
        if pair is None:
            result[name] = pending[name]
            continue
        target, g_name, v_name = pair
        if g_name not in pending or v_name not in pending or target in tensors:
            wrong = "plain as well" if target in tensors else "only half there"
            raise BadCheckpoint(
                f"The weight-normed '{target}' is {wrong}.", "The file is incomplete or mixed up."
            )
        if target not in result:
            result[target] = _fold(target, tensors[g_name], tensors[v_name])
    return result


def unfold_weight_norm(weight: Tensor) -> dict[str, Tensor]:
    """What `torch.nn.utils.parametrizations.weight_norm` keeps of a weight, by the end of its name.

    Exactly the same weight: its own norm is the magnitude.
    """
    norm = weight.float().flatten(1).norm(dim=1).reshape(-1, *[1] * (weight.dim() - 1))
    magnitude, direction = _WEIGHT_NORMS[1]
    return {magnitude: norm, direction: weight.contiguous()}


def _weight_norm_pair(name: str) -> tuple[str, str, str] | None:
    """(plain name, magnitude's name, direction's name) when `name` is one of a pair."""
    for pair in _WEIGHT_NORMS:
        for suffix in pair:
            if name == suffix or name.endswith(f".{suffix}"):
                root = name[: len(name) - len(suffix)]
                return f"{root}weight", root + pair[0], root + pair[1]
    return None


def _fold(name: str, g: Tensor, v: Tensor) -> Tensor:
    if v.dim() < 1 or g.numel() != v.shape[0]:
        raise BadCheckpoint(
            f"The weight norm of '{name}' does not fit: g {list(g.shape)}, v {list(v.shape)}."
        )
    g, v = g.detach().float(), v.detach().float()
    if v.is_meta:  # a shape, which torch would compute with in Python
        return v
    norm = v.reshape(v.shape[0], -1).norm(dim=1)
    scale = g.reshape(-1) / norm.clamp_min(torch.finfo(torch.float32).tiny)
    return v * scale.reshape(-1, *[1] * (v.dim() - 1))


def strict_load(
    module: nn.Module, tensors: Mapping[str, Tensor], dropped: Iterable[str] = ()
) -> None:
    """Load every tensor into `module`, or none: names and shapes must match exactly.

    `dropped` lists names, or patterns such as `discriminator.*`, that are known and not wanted.
    Values take the module's dtype and device; a module on the meta device takes the tensors
    themselves, so that a mapped file stays mapped. Raises BadCheckpoint naming up to ten missing,
    unexpected and misshapen tensors.
    """
    patterns = tuple(dropped)
    targets: dict[str, Tensor] = module.state_dict()
    kept = {k: v for k, v in tensors.items() if k in targets or not _matches(k, patterns)}
    problems = {
        "missing": [k for k in targets if k not in kept],
        "unexpected": [k for k in kept if k not in targets],
        "of another shape": [
            f"{k} {list(v.shape)} instead of {list(targets[k].shape)}"
            for k, v in kept.items()
            if k in targets and v.shape != targets[k].shape
        ],
    }
    if any(problems.values()):
        _refuse(module, len(targets), problems)
    meta = any(t.is_meta for t in targets.values())
    if meta:
        kept = {k: _laid_out(v.to(targets[k].dtype)) for k, v in kept.items()}
    module.load_state_dict(kept, strict=True, assign=meta)


def _laid_out(tensor: Tensor) -> Tensor:
    """Contiguous, but a turned matrix stays a view: products read it either way, without a copy."""
    turned = tensor.dim() == 2 and tensor.t().is_contiguous()
    return tensor if turned else tensor.contiguous()


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _refuse(module: nn.Module, expected: int, problems: dict[str, list[str]]) -> None:
    parts = []
    for what, names in problems.items():
        if names:
            more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
            parts.append(f"{len(names)} {what}: {', '.join(names[:MAX_NAMED])}{more}")
    if len(problems["missing"]) == expected:
        advice = "No name fits: the file belongs to another model family, or to another part of it."
    elif problems["missing"] or problems["unexpected"]:
        advice = "The file was made with another configuration, or is not complete."
    else:
        advice = "The file was made with another configuration (sizes or vocabulary)."
    raise BadCheckpoint(
        f"The weights do not fit {type(module).__name__} ({'; '.join(parts)}).", advice
    )
