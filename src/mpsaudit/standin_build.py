"""Compiles the library of the stand-in device once and keeps it.

Plain `c++` on one source file against the installed torch's headers: about ten seconds of CPU, once
for every torch, compiler and version of the source.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import torch

from mpsaudit.errors import StandInUnavailable

_ADVICE = "Or use the portable engine, which needs no compiler."
_FLAGS = ("-std=c++20", "-O1", "-fPIC", "-shared", "-w")
_TIMEOUT_S = 600


def default_cache() -> Path:
    """The folder that keeps the library by default, inside the user's cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "vivavoce" / "standin"


def compiler() -> str:
    """The C++ compiler: `$CXX`, else c++, g++ or clang++ of the PATH.

    Raises StandInUnavailable when there is none.
    """
    for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise StandInUnavailable(
        "The strict engine builds a small C++ library, and no C++ compiler was found.",
        f"Install g++ or clang++ (or set CXX). {_ADVICE}",
    )


def library(cache: Path | None = None) -> Path:
    """The stand-in's shared library for this torch, built into `cache` if it is missing.

    Raises StandInUnavailable: not Linux, no compiler, no torch headers, or it does not compile.
    """
    if sys.platform != "linux":
        raise StandInUnavailable(f"The strict engine needs Linux, not {sys.platform}.", _ADVICE)
    source = resources.files("mpsaudit") / "standin" / "mps_standin.cpp"
    code = source.read_bytes()
    cxx = compiler()
    folder = cache if cache is not None else default_cache()
    path = folder / f"mps_standin-{_key(code, cxx)}.so"
    if not path.exists():
        _build(cxx, code, path)
    return path


def _key(code: bytes, cxx: str) -> str:
    ask = [cxx, "--version"]
    version = subprocess.run(ask, capture_output=True, check=False).stdout  # noqa: S603 - $CXX
    parts = (code, version, torch.__version__.encode(), str(_torch_root()).encode())
    return hashlib.sha256(b"\0".join((*parts, *(f.encode() for f in _FLAGS)))).hexdigest()[:16]


def _torch_root() -> Path:
    return Path(str(torch.__file__)).parent


def _build(cxx: str, code: bytes, path: Path) -> None:
    root = _torch_root()
    if not (root / "include" / "torch" / "library.h").exists():
        raise StandInUnavailable(f"The torch in {root} has no C++ headers.", _ADVICE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source, built = Path(folder) / "mps_standin.cpp", Path(folder) / "mps_standin.so"
        source.write_bytes(code)
        command = [cxx, *_FLAGS, f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}"]
        command += [f"-I{root / 'include'}", f"-I{root / 'include/torch/csrc/api/include'}"]
        command += [str(source), "-o", str(built), f"-L{root / 'lib'}", "-ltorch_cpu", "-lc10"]
        try:
            done = subprocess.run(  # noqa: S603 - the user's own compiler
                command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
            )
        except subprocess.TimeoutExpired as e:
            raise StandInUnavailable(f"{cxx} took over {_TIMEOUT_S} s.", _ADVICE) from e
        if done.returncode or not built.exists():
            lines = [line for line in done.stderr.splitlines() if "error" in line]
            message = lines[0] if lines else done.stderr.strip()[-300:]
            raise StandInUnavailable(
                f"{cxx} cannot compile the stand-in for torch {torch.__version__}: {message}",
                f"It needs C++20. {_ADVICE}",
            )
        built.replace(path)
