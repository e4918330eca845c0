"""Every stage's work on a device and on the CPU: are the numbers the same, and which is faster.

Joins the tables of models and vocoders to `device/placement`, which keeps the answers and acts
on them. Prints nothing.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields, is_dataclass
from statistics import median
from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from vivavoce import runtime as devices
from vivavoce.converters import CONVERTERS
from vivavoce.hub import library
from vivavoce.hub import paths as cache
from vivavoce.models import MODELS
from vivavoce.models.base import AcousticModel
from vivavoce.registry import Registry
from vivavoce.runtime import placement
from vivavoce.runtime.float32 import exact_float32
from vivavoce.runtime.measurements import cpu_model
from vivavoce.runtime.placement import MLX, Measurement
from vivavoce.runtime.turns import turn
from vivavoce.types import OnProgress, Workload, no_progress
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import Vocoder

TOLERANCE = 1e-4
"""Largest difference that rounding in float32 explains, relative to the peak of the CPU's result.

Other roundings on the CPU came to 7e-6. On CUDA float32 is told to be exact meanwhile.
"""
TF32_TOLERANCE = 5e-3
"""The same where products are rounded to TF32, as MLX' are on chips from the M5 on."""
LOWER_SHARE = 2.0
"""Work in a lower format may be so many times as far from float32 as it is on the CPU."""

TIMED = "typical"
RUNS = 5
BUDGET_S = 2.0
SKIPPED = ("training",)  # no part of speaking
CPU = torch.device("cpu")
Where = torch.device | str
"""A device of torch's, or "mlx"."""
PROCESS_DIED = Measurement(failure="the process ended within it")
FALLBACK_WARNING = r".*(fall back|falling back).*CPU"


def self_test(device: str = "auto", on_progress: OnProgress = no_progress) -> dict[str, Any]:
    """Compare every family's workloads at toy size, and time those of the families that are here.

    The result is plain data, a row in `stages` for each stage, and is kept in the cache. Times are
    of the family's typical work at its official size, as toys say nothing about speed. Without a
    device to compare with the CPU there are no stages. Raises UnsupportedDevice, OutputError.
    """
    selection = devices.select(device)
    chosen: Where = MLX if selection.engine == MLX else selection.device
    if chosen == CPU:
        return {"device": "cpu", "note": "There is no device here to compare with the CPU."}
    works, here = _stages(), _installed()
    if chosen == MLX:
        works = {stage: works[stage] for stage in on_mlx(works)}
    done, total = 0, sum(map(len, works.values()))
    rows = []
    for stage, group in works.items():
        with _Marked(chosen, stage) as keep:
            with turn(selection), exact_float32(selection.device):
                row = _compared(group, chosen)
            with turn(selection):
                if stage in here and not row["failure"]:
                    row |= _raced(group, chosen)
            measured = Measurement(**{k: row[k] for k in asdict(PROCESS_DIED) if k in row})
            keep(measured)
        verdict = {"stage": stage, "right": measured.right, "gain": measured.gain}
        rows.append(verdict | asdict(measured) | row)
        done += len(group)
        on_progress(done, total, stage)
    return {"device": str(chosen), "machine": placement.machine(chosen), "stages": rows}


def tensors(result: object) -> Iterator[Tensor]:
    """All tensors of what a workload gave, in order, on the CPU."""
    if isinstance(result, Tensor):
        yield result.detach().cpu()
    elif isinstance(result, (list, tuple)):
        for part in result:
            yield from tensors(part)
    elif is_dataclass(result):
        for item in fields(result):
            yield from tensors(getattr(result, item.name))


def difference(expected: list[Tensor], found: list[Tensor]) -> float:
    """The largest, relative to the peak of what was expected.

    Raises ValueError where there is no such number: other shapes, or no numbers at all.
    """
    if [t.shape for t in expected] != [t.shape for t in found]:
        raise ValueError("results of other lengths than on the CPU")
    largest = 0.0
    for one, other in zip(expected, found, strict=True):
        if not (one.isfinite().all() and other.isfinite().all()):
            raise ValueError("NaN or infinite numbers")
        if one.numel():
            one, other = one.double(), other.double()
            peak = float(one.abs().max()) or 1.0
            largest = max(largest, float((one - other).abs().max()) / peak)
    return largest


def lower_fault(work: Workload, exact: Workload, device: Where) -> str:
    """What is wrong with work in a lower format there; "" where it is as right as on the CPU.

    Its error is the distance to the `exact` work, in float32, which the CPU has too.
    """
    expected = _results(exact, CPU)
    own = difference(expected, _results(work, CPU))
    try:
        error = difference(expected, _without_the_cpu(work, device))
    except Exception as problem:  # noqa: BLE001 - whatever a kernel raises is the finding
        return _said(work, problem)
    if error <= LOWER_SHARE * own:
        return ""
    return f"{work.name} on {device} is {error / own:.1f} times as wrong as on the CPU"


def tolerance(device: Where) -> float:
    """What rounding may make of work in float32 there."""
    return TF32_TOLERANCE if device == MLX and rounds_to_tf32(cpu_model()) else TOLERANCE


def rounds_to_tf32(chip: str) -> bool:
    """Whether MLX multiplies float32 at TF32's precision there: on the M5 and newer by default."""
    named = re.search(r"Apple M(\d+)", chip)
    return named is not None and int(named[1]) >= 5


def built(work: Workload, device: Where, full: bool = False) -> Callable[[], Any]:
    """The work, ready to be done on the device."""
    return work.build(device, full)


class _Marked:
    """Keeps a note that the stage ended the process, until there is something better to keep."""

    def __init__(self, device: Where, stage: str) -> None:
        self.device, self.stage = device, stage

    def __enter__(self) -> Callable[[Measurement], None]:
        self._keep(PROCESS_DIED)
        return self._keep

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._keep(None)

    def _keep(self, measured: Measurement | None) -> None:
        placement.remember(cache.folder(), self.device, self.stage, measured)


_TABLES: dict[str, Registry[Any]] = {
    "acoustic": MODELS,
    "vocoder": VOCODERS,
    "converter": CONVERTERS,
}


def on_mlx(stages: Iterable[str]) -> list[str]:
    """Those whose families MLX computes."""
    found = []
    for stage in stages:
        kind, _, family = stage.partition(".")
        if kind == "acoustic":
            able = MODELS.family(family).model.on_mlx is not AcousticModel.on_mlx
        elif kind == "vocoder":
            able = VOCODERS.family(family).model.on_mlx is not Vocoder.on_mlx
        else:
            able = False
        found += [stage] * able
    return found


def mlx_line(workloads: Iterable[str]) -> str:
    """What an audit of torch's operators cannot judge of some workloads, on a line of its own."""
    families = dict.fromkeys(name.partition(".")[0] for name in workloads)
    stages = [f"{kind}.{one}" for one in families for kind in _TABLES if one in _TABLES[kind].names]
    able = on_mlx(stages)
    advice = "not torch; see `vivavoce doctor --self-test --device mlx`."
    return f"\n{', '.join(able)} on mlx: {advice}" if able else ""


def _stages() -> dict[str, list[Workload]]:
    found: dict[str, list[Workload]] = {}
    for kind, table in _TABLES.items():
        for name, work in table.workloads().items():
            family, _, own = name.partition(".")
            if not own.startswith(SKIPPED):
                found.setdefault(f"{kind}.{family}", []).append(work)
    return found


def _installed() -> set[str]:
    return {f"{row.kind}.{row.family}" for row in library.installed() if row.installed}


def _compared(works: list[Workload], device: Where) -> dict[str, Any]:
    """The work in float32 with the largest difference, and the differences of all.

    The first that fails ends it: what a device does after an error is anybody's guess.
    """
    differences: dict[str, float] = {}
    row: dict[str, Any] = {"differences": differences, "failure": "", "lower_fault": ""}
    worst = -1.0
    for work in works:
        if exact := work.in_float32:
            row["lower_fault"] = row["lower_fault"] or lower_fault(work, exact, device)
            continue
        expected = _results(work, CPU)
        try:
            error = difference(expected, _without_the_cpu(work, device))
        except Exception as problem:  # noqa: BLE001 - whatever a kernel raises is the finding
            return row | {"work": work.name, "failure": _said(work, problem)}
        differences[work.name] = error
        if error > worst:
            worst = error
            row |= {"work": work.name, "error": error, "tolerance": tolerance(device)}
    return row


@torch.inference_mode()
def _results(work: Workload, device: Where) -> list[Tensor]:
    return list(tensors(built(work, device)()))


def _without_the_cpu(work: Workload, device: Where) -> list[Tensor]:
    """The results there. Raises UserWarning where an operator leaves the device."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=FALLBACK_WARNING)
        return _results(work, device)


def _raced(works: list[Workload], device: Where) -> dict[str, Any]:
    (work,) = (w for w in works if w.name.endswith(f".{TIMED}"))
    cpu_s = _median_s(work, CPU)
    try:
        return {"cpu_s": cpu_s, "device_s": _median_s(work, device)}
    except Exception as problem:  # noqa: BLE001 - such as too little memory for the official size
        return {"cpu_s": cpu_s, "failure": _said(work, problem)}


def _said(work: Workload, problem: Exception) -> str:
    return f"{work.name}: {(str(problem).strip() or repr(problem)).splitlines()[0]}"


@torch.inference_mode()
def _median_s(work: Workload, device: Where) -> float:
    """Of a few runs after one to warm up."""
    run = built(work, device, full=True)

    def once() -> float:
        begin = time.perf_counter()
        run()
        devices.synchronise(CPU if device == MLX else device)
        return time.perf_counter() - begin

    once()
    taken: list[float] = []
    while len(taken) < RUNS and sum(taken) < BUDGET_S:
        taken.append(once())
    return median(taken)
