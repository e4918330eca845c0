"""The machine as this package sees it: the facts `vivavoce doctor` prints. Changes nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.errors import UnsupportedDevice

if TYPE_CHECKING:
    from vivavoce.runtime.kernels import KernelChoice

EXTRAS = {
    "asr": ("faster-whisper",),
    "auto": ("lingua-language-detector",),
    "books": ("pypdfium2",),
    "eval": ("onnxruntime",),
    "ja": ("cutlet", "fugashi", "unidic-lite"),
    "languages": ("num2words",),
    "media": ("av",),
    "mlx": ("mlx",),
    "onnx": ("onnxruntime",),
    "phonemes": ("espeakng-loader",),
    "ray": ("ray",),
    "romanise": ("uroman",),
    "server": ("starlette", "uvicorn", "websockets", "python-multipart", "av", "prometheus-client"),
    "train": ("tensorboard", "pillow"),
    "zeroconf": ("zeroconf",),
    "zh": ("jieba", "pypinyin"),
}
"""Optional extras and the distributions each brings, as in pyproject.toml."""

FALLBACK = "PYTORCH_ENABLE_MPS_FALLBACK"
ENVIRONMENT = (FALLBACK, "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


def report(device: str = "auto", cache_folder: Path | None = None) -> dict[str, Any]:
    """Plain nested data about software, CPU, devices, choices and environment; fit for JSON.

    A device that cannot be used is reported under `selected.error`, not raised; what names none
    raises UnsupportedDevice. With a `cache_folder` the CPU kernels are measured if they have not
    been yet, and the number of threads anew.
    """
    import torch

    from vivavoce.nn.convolution_choice import choose_convolution
    from vivavoce.runtime.container import processors
    from vivavoce.runtime.kernels import choose_kernel
    from vivavoce.runtime.measurements import cpu_model
    from vivavoce.runtime.select import require_name
    from vivavoce.runtime.threads import choose_threads

    require_name(device)
    threads = choose_threads(cache_folder, anew=True)
    kernel, convolution = choose_kernel(cache_folder), choose_convolution(cache_folder)
    return {
        "software": {
            "vivavoce": _version("vivavoce"),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "system": _system(),
        },
        "cpu": {
            "model": cpu_model(),
            "cores": os.cpu_count(),
            "processors": processors(),
            "threads": threads.threads,
            "threads_reason": threads.reason,
            "linear_kernel": kernel.name,
            "linear_kernel_reason": kernel.reason,
            "gflops": kernel.gflops,
            "fewer_products_from": convolution.narrowest,
            "fewer_products_reason": convolution.reason,
            "fewer_products_gain": convolution.gains,
            **_floor(cache_folder, kernel),
        },
        "devices": _devices(),
        "selected": _selected(device),
        "memory": _memory(),
        "extras": {
            extra: {name: _version(name) for name in names} for extra, names in EXTRAS.items()
        },
        "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        "notes": _notes(),
    }


def _floor(cache_folder: Path | None, kernel: KernelChoice) -> dict[str, object]:
    """What the machine can do at best, and how near the chosen kernel of linear layers comes."""
    if cache_folder is None:
        return {}
    from vivavoce.diagnose.floor import measure_floor

    floor = measure_floor()
    speed = kernel.gflops.get(kernel.name)
    share = None if speed is None else round(speed / floor.product_gflops, 2)
    return {"floor": asdict(floor), "linear_kernel_share": share or "not measured"}


def render(facts: dict[str, Any]) -> str:
    """The report as text: a heading per part, a line per fact, bytes as GiB."""
    lines: list[str] = []
    for part, content in facts.items():
        if not content:
            continue
        lines.append(part)
        if isinstance(content, dict):
            lines += [f"  {key:22}{_say(key, value)}" for key, value in content.items()]
        else:
            lines += [f"  {line}" for line in content]
    return "\n".join(lines)


def _say(key: str, value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_say(k, v)}" for k, v in value.items()) or "not measured"
    if key.endswith("_bytes") and isinstance(value, int):
        return f"{value / 2**30:.2f} GiB"
    return "missing" if value is None else str(value)


def _devices() -> dict[str, str]:
    from vivavoce.runtime.select import present

    return present()


def _selected(name: str) -> dict[str, str]:
    from vivavoce.runtime.precision import choose_precision
    from vivavoce.runtime.select import select

    try:
        choice = select(name)
        precision = choose_precision("auto", choice.device)
    except UnsupportedDevice as error:
        return {"asked": name, "error": str(error)}
    return {
        "asked": name,
        "device": choice.name,
        "reason": choice.reason,
        "speaks_in": str(choice.dtype).removeprefix("torch."),
        "trains_in": precision.reason,
    }


def _memory() -> dict[str, int | None]:
    from vivavoce.runtime.memory import memory

    now = memory("cpu")
    return {"free_bytes": now.free, "process_bytes": now.used, "process_peak_bytes": now.peak}


def _notes() -> list[str]:
    if os.environ.get(FALLBACK, "0") in ("", "0"):
        return []
    return [
        f"{FALLBACK} is set: unset it. vivavoce never needs it, and where it acts it moves work",
        "from the GPU to the CPU without saying so. torch reads it once, when it is imported.",
    ]


def _system() -> str:
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]} {platform.machine()}"
    return f"{platform.system()} {platform.release()} {platform.machine()}"


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
