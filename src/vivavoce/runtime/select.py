"""Which device runs the work, and why."""

from __future__ import annotations

import platform
import re
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from vivavoce.errors import UnsupportedDevice, near_misses

if TYPE_CHECKING:
    import torch

MIN_TORCH_MPS = (2, 13)
"""Oldest torch whose MPS kernels give right numbers for attention and linear layers.

Before it: pytorch issues 162730 (2.8), 174861 (to 2.10), 182285 (to 2.11), 184180 (to 2.12). Other
devices take what pyproject.toml asks for."""


@dataclass(frozen=True)
class Selection:
    """A device that answered a probe, the number format to start from, and why it was chosen.

    With the `engine` "mlx" torch's device is the CPU, and MLX computes on the Apple GPU.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str
    engine: Literal["torch", "mlx"] = "torch"

    @property
    def name(self) -> str:
        """What a user calls it."""
        return "mlx" if self.engine == "mlx" else str(self.device)


def select(name: str = "auto", local_rank: int | None = None) -> Selection:
    """Choose "auto" (CUDA, else MPS, else the CPU), "cpu", "cuda", "cuda:N", "mps" or "mlx".

    A process that is one of several on this machine gives its number among them, `local_rank`: the
    CUDA device of that number becomes its own, whatever N is, and its current one. It touches no
    other, which would cost half a gigabyte there.

    `dtype` is float32: anything lower is chosen by whoever has measured its error. Nothing falls
    back to the CPU after a device was found: a driver that cannot hold one number is an error.

    Raises UnsupportedDevice when the name is unknown or the device is absent, broken or too old.
    """
    import torch

    if require_name(name) == "mlx":
        return mlx_selection()
    device, reason = _find(require_name(name))
    if device.type == "cuda" and local_rank is not None:
        device = _numbered_cuda(local_rank)
        torch.cuda.set_device(device)
    if device.type != "cpu":
        _probe(device)
    if device.type == "cuda":
        reason += f" ({describe('cuda', device.index)})"
    return Selection(device, torch.float32, reason)


def require_name(name: str) -> str:
    """The name as it is looked up. Raises UnsupportedDevice for what names no device anywhere."""
    name = name.strip().lower()
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?|mps(:0)?|mlx", name):
        raise UnsupportedDevice(
            f"No device is called '{name}'.",
            near_misses(name, ("auto", "cpu", "cuda", "cuda:0", "mps", "mlx")),
        )
    return name


def mlx_selection() -> Selection:
    """MLX beside torch on the CPU. Raises UnsupportedDevice where it is not there."""
    import torch

    _refuse(mlx_absence())
    apple = platform.system() == "Darwin"
    where = "MLX on the Apple GPU" if apple else "MLX on the CPU, which is for comparison only"
    return Selection(torch.device("cpu"), torch.float32, f"{where}, torch on the CPU", "mlx")


def mlx_absence() -> str:
    """Why MLX cannot be used here, "" if it can. Imports it only where it is installed."""
    if find_spec("mlx") is None:
        return "MLX is not installed (pip install 'vivavoce[mlx]')"
    try:
        from vivavoce.runtime import mlx
    except ImportError as error:
        return f"MLX does not load ({error})"
    return mlx.absence()


def synchronise(device: torch.device | str) -> None:
    """Wait until the device has done all it was given; returns at once on the CPU."""
    import torch

    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def absences() -> dict[str, str]:
    """Why each accelerator cannot be used here: `{"cuda": reason, "mps": reason}`, "" if it can."""
    return {"cuda": _cuda_absence(), "mps": _mps_absence()}


def _find(name: str) -> tuple[torch.device, str]:
    import torch

    if name == "auto":
        missing = []
        for kind, absence in (("cuda", _cuda_absence), ("mps", _mps_absence)):
            if not (why := absence()):
                device = torch.device(kind, 0) if kind == "cuda" else torch.device(kind)
                return device, "; ".join([*missing, f"{kind.upper()} found"])
            missing.append(why)
        return torch.device("cpu"), "; ".join(missing) + ": CPU"
    if name == "cpu":
        return torch.device("cpu"), "CPU asked for"
    if name.startswith("mps"):
        _refuse(_mps_absence())
        return torch.device("mps"), "MPS asked for"
    return _numbered_cuda(int(name.partition(":")[2] or 0)), f"{name.upper()} asked for"


def _numbered_cuda(index: int) -> torch.device:
    import torch

    _refuse(_cuda_absence())
    count = torch.cuda.device_count()
    if index >= count:
        have = "only cuda:0" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise UnsupportedDevice(f"There is no device cuda:{index}.", f"This machine has {have}.")
    return torch.device("cuda", index)


def _refuse(absence: str) -> None:
    if absence:
        raise UnsupportedDevice(
            f"{absence}.",
            "Use device 'cpu', or 'auto' for the best one; `vivavoce doctor` lists all.",
        )


def _cuda_absence() -> str:
    import torch

    if not torch.backends.cuda.is_built():
        return "CUDA not built into this torch"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if torch.cuda.is_available():
            return ""
    # A driver that does not fit is reported by torch as a warning only.
    return f"no CUDA device ({caught[0].message})" if caught else "no CUDA device"


def _mps_absence() -> str:
    import torch

    if not torch.backends.mps.is_built():
        return "MPS not built into this torch"
    version = tuple(int(n) for n in re.findall(r"\d+", torch.__version__)[:2])
    if version < MIN_TORCH_MPS:
        return (
            f"MPS needs torch {'.'.join(map(str, MIN_TORCH_MPS))} or newer, this is "
            f"{torch.__version__} (pip install -U torch)"
        )
    if not torch.backends.mps.is_available():
        return f"no MPS device (macOS 14 and an Apple GPU needed; macOS {platform.mac_ver()[0]})"
    return ""


def describe(kind: str, index: int = 0) -> str:
    """A name a person recognises: the GPU's model for CUDA, else the kind in capitals."""
    import torch

    return torch.cuda.get_device_name(index) if kind == "cuda" else kind.upper()


def present() -> dict[str, str]:
    """Each device by its torch name: what it is, or why it cannot be used."""
    import torch

    devices = {"cpu": "usable"}
    for kind, absence in absences().items():
        if kind == "cuda" and not absence:
            count = torch.cuda.device_count()
            devices |= {f"cuda:{i}": describe(kind, i) for i in range(count)}
        else:
            devices[kind] = absence or "usable"
    devices["mlx"] = mlx_absence() or "usable"
    return devices


def _probe(device: torch.device) -> None:
    import torch

    try:
        answer = (torch.ones(2, device=device) + 1.0).sum().item()
    except (RuntimeError, AssertionError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise UnsupportedDevice(
            f"{device} is present but does not work: {first}.",
            "Check its driver and free memory, or use device 'cpu'.",
        ) from error
    if answer != 4.0:
        raise UnsupportedDevice(
            f"{device} is present but computes 1 + 1 wrongly.", "Use device 'cpu'."
        )
