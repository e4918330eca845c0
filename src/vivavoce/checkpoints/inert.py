"""What a foreign pickle may build: tensors, plain containers, and stand-ins that do nothing.

Nothing here imports, looks up or calls what a file names. A name becomes a `Foreign`, calling it
gives a `StandIn`, unless `BUILDERS` has our own harmless equivalent under that very name.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint

# No checkpoint has an honest use for these; a file that names one was made to run code.
_MODULES = """
    os posix nt posixpath ntpath subprocess _posixsubprocess sys shutil socket _socket ssl ctypes
    _ctypes cffi importlib imp runpy pty pdb bdb code codeop pickle _pickle cPickle dill
    cloudpickle joblib marshal operator _operator webbrowser multiprocessing threading _thread
    asyncio tempfile io _io codecs timeit cProfile profile trace doctest pydoc pip ensurepip venv
    urllib http requests httpx aiohttp ftplib smtplib telnetlib signal gc inspect atexit site
    sysconfig distutils setuptools commands popen2 linecache zipimport pkgutil fileinput
"""
DANGEROUS = frozenset(_MODULES.split())
DANGEROUS_PATHS = (
    *("torch.load", "torch.serialization.load", "torch.storage._load_from_bytes", "torch.hub"),
    *("torch.jit.load", "torch.package", "torch.ops", "torch.classes", "torch.utils.cpp_extension"),
    *("numpy.load", "numpy.f2py", "numpy.testing", "numpy.distutils"),
    *("types.FunctionType", "types.CodeType", "types.MethodType", "types.ModuleType"),
)
_BUILTINS = """
    object set frozenset list dict tuple bytearray bytes complex int float str bool slice range
    Ellipsis NotImplemented long unicode basestring xrange
"""
HARMLESS_BUILTINS = frozenset(_BUILTINS.split())
# Repeated views (stride 0) cost nothing to write and everything to copy: small ones are enough
# for position tables, larger ones are refused.
MAX_REPEATED = 1 << 20


@dataclass(frozen=True)
class Foreign:
    """The dotted name of a class or function that a file mentions. It was not looked up."""

    name: str


@dataclass(eq=False)
class StandIn:
    """What an unknown class left behind: what it was to be made of, never made."""

    name: str
    args: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)
    entries: dict[Any, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Pending(StandIn):
    """A numpy array or dtype that gets its content with its state (`finish`)."""

    memo: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Storage:
    """The numbers behind tensors: `flat` is one-dimensional, of the storage's dtype."""

    flat: Tensor


def foreign(module: str, name: str) -> Foreign:
    """A reference to `module.name`. Raises UnsafeCheckpoint for names that are only there to run.

    Every part of `name` is judged as well: `torch.serialization` + `os.system` is `os.system`.
    """
    module = module.replace("__builtin__", "builtins")
    path = "".join(c if c.isprintable() else "?" for c in f"{module}.{name}")[:200]
    parts = name.split(".")
    unsafe = (
        module.split(".")[0] in DANGEROUS
        or not DANGEROUS.isdisjoint(parts[:-1])
        or parts[-1] in DANGEROUS - {"code", "site", "trace", "profile", "signal"}
        or any(part.startswith("__") for part in parts)
        or any(path == bad or path.startswith(f"{bad}.") for bad in DANGEROUS_PATHS)
        or (module == "builtins" and not _harmless_builtin(name))
    )
    if unsafe:
        raise UnsafeCheckpoint(
            f"The file asks for '{path}', which could run code. Nothing was run.",
            "Do not use this file; get the model as .safetensors or from a source you trust.",
        )
    return Foreign(path)


def _harmless_builtin(name: str) -> bool:
    return name in HARMLESS_BUILTINS or name.endswith(("Error", "Exception", "Warning"))


def is_plain_key(key: Any) -> bool:
    """Whether a dictionary key can be hashed without surprises (deep tuples overflow C's stack)."""
    simple = (str, int, float, bytes, type(None), Foreign, StandIn)
    return isinstance(key, simple) or (
        isinstance(key, tuple) and all(isinstance(part, simple) for part in key)
    )


def fill(target: dict[Any, Any], pairs: Any) -> None:
    """Put pairs into a dictionary, refusing keys that are containers."""
    for key, value in pairs:
        if not is_plain_key(key):
            raise BadCheckpoint(f"A dictionary has a {type(key).__name__} as key.")
        target[key] = value


def _ordered_dict(pairs: Any = ()) -> dict[Any, Any]:
    result: dict[Any, Any] = OrderedDict()
    fill(result, pairs.items() if isinstance(pairs, dict) else pairs)
    return result


def _counter(counts: Any = ()) -> dict[Any, Any]:
    return dict(_ordered_dict(counts))


def _default_dict(_factory: Any = None, pairs: Any = ()) -> dict[Any, Any]:
    return dict(_ordered_dict(pairs))


def plain_set(items: Any = ()) -> set[Any]:
    return set(_ordered_dict((item, None) for item in items))


def _bytes(text: str, encoding: str = "latin-1") -> bytes:
    """How protocol 2 writes bytes: text that stands for them in Latin-1."""
    if encoding.replace("-", "").replace("_", "") not in ("latin1", "iso88591", "utf8"):
        raise BadCheckpoint(f"Bytes are written in the unexpected encoding {encoding!r}.")
    return text.encode("utf-8" if "8" in encoding[-1:] and "utf" in encoding else "latin-1")


def _tensor(storage: Storage, offset: int, size: Any, stride: Any) -> Tensor:
    """A view of a storage `[N]`, after checking that no index can leave it."""
    flat = storage.flat
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
        raise BadCheckpoint(f"A tensor has the impossible shape {size} and stride {stride}.")
    count = 1
    for n in size:
        count *= n
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if (count and last >= flat.numel()) or offset > flat.numel():
        raise BadCheckpoint(
            f"A tensor of shape {tuple(size)} reaches beyond its {flat.numel()} stored numbers."
        )
    if count > max(flat.numel(), MAX_REPEATED):
        raise BadCheckpoint(f"A tensor of shape {tuple(size)} repeats {flat.numel()} numbers.")
    return torch.as_strided(flat, tuple(size), tuple(stride), offset)


def _tensor_v2(
    storage: Storage,
    offset: int,
    size: Any,
    stride: Any,
    _requires_grad: bool = False,
    _hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    if metadata:
        raise BadCheckpoint("A tensor is stored conjugated or negated, which is not supported.")
    return _tensor(storage, offset, size, stride)


def _tensor_v3(
    storage: Storage,
    offset: int,
    size: Any,
    stride: Any,
    _requires_grad: bool,
    _hooks: Any,
    dtype: Foreign,
    metadata: Any = None,
) -> Tensor:
    typed = Storage(storage.flat.view(DTYPES[dtype.name]))
    return _tensor_v2(typed, offset, size, stride, metadata=metadata)


def _parameter(data: Tensor, *_rest: Any) -> Tensor:
    return data


def _from_type(function: Foreign, _type: Foreign, args: Any, _state: Any) -> Any:
    """A tensor subclass: the tensor in it."""
    return call(function, tuple(args))


def _reconstructor(cls: Foreign, _base: Any, state: Any) -> StandIn:
    return StandIn(cls.name, (state,))


def _refuse(what: str) -> Callable[..., Any]:
    def refuse(*_args: Any) -> Any:
        raise BadCheckpoint(f"The file holds {what}, which are not supported.")

    return refuse


def _numpy_dtype(code: Any, *_rest: Any) -> Pending:
    return Pending("numpy.dtype", (code,))


def _numpy_array(*_args: Any) -> Pending:
    return Pending("numpy.ndarray")


def _numpy_scalar(dtype: Any, raw: Any) -> Any:
    return _from_bytes(raw, dtype)[0]


def _numpy_frombuffer(raw: Any, dtype: Any, shape: Any, order: str) -> np.ndarray:
    return _from_bytes(raw, dtype).reshape(shape, order="F" if order == "F" else "C")


def _from_bytes(raw: Any, dtype: Any) -> np.ndarray:
    if not isinstance(dtype, np.dtype):
        raise BadCheckpoint("A numpy value holds objects, not numbers.")
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw
    return np.frombuffer(raw, dtype).copy()


def finish(pending: Pending, state: Any) -> Any:
    """The numpy value that `pending` becomes with its state; itself when it is not numbers."""
    if pending.name == "numpy.dtype":
        code = pending.args[0]
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?([biufcSU]\d{1,4}|\?)", code):
            return pending
        order = state[1] if state[1] in ("<", ">") else "="
        return np.dtype(code).newbyteorder(order)
    _version, shape, dtype, fortran, raw = state
    if not isinstance(dtype, np.dtype):
        pending.items = list(raw) if isinstance(raw, list) else []
        return pending
    return _from_bytes(raw, dtype).reshape(shape, order="F" if fortran else "C")


def call(function: Any, args: tuple[Any, ...]) -> Any:
    """Our own equivalent of `function(*args)`, or a stand-in that remembers the arguments."""
    if not isinstance(function, (Foreign, StandIn)):
        raise BadCheckpoint(f"A {type(function).__name__} is called like a function.")
    builder = BUILDERS.get(function.name) if isinstance(function, Foreign) else None
    return builder(*args) if builder else StandIn(function.name, args)


BUILDERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": _default_dict,
    "collections.Counter": _counter,
    "builtins.set": plain_set,
    "builtins.frozenset": plain_set,
    "builtins.complex": lambda real=0.0, imag=0.0: complex(float(real), float(imag)),
    "_codecs.encode": _bytes,
    "copyreg._reconstructor": _reconstructor,
    "copy_reg._reconstructor": _reconstructor,
    "torch.Size": lambda size=(): tuple(size),
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch._utils._rebuild_sparse_tensor": _refuse("sparse tensors"),
    "torch._utils._rebuild_sparse_csr_tensor": _refuse("sparse tensors"),
    "torch._utils._rebuild_qtensor": _refuse("quantised tensors"),
    "torch._utils._rebuild_nested_tensor": _refuse("nested tensors"),
    "numpy.dtype": _numpy_dtype,
}
for _core in ("numpy.core", "numpy._core"):
    BUILDERS[f"{_core}.multiarray._reconstruct"] = _numpy_array
    BUILDERS[f"{_core}.multiarray.scalar"] = _numpy_scalar
    BUILDERS[f"{_core}.numeric._frombuffer"] = _numpy_frombuffer

DTYPES: dict[str, torch.dtype] = {
    f"torch.{name}": getattr(torch, name)
    for name in (
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128", "bool"),
        *("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
    )
}
STORAGES: dict[str, torch.dtype] = {
    f"torch.{prefix}{name}Storage": dtype
    for prefix in ("", "cuda.", "storage.")
    for name, dtype in {
        "Float": torch.float32,
        "Double": torch.float64,
        "Half": torch.float16,
        "BFloat16": torch.bfloat16,
        "Long": torch.int64,
        "Int": torch.int32,
        "Short": torch.int16,
        "Char": torch.int8,
        "Byte": torch.uint8,
        "Bool": torch.bool,
        "ComplexFloat": torch.complex64,
        "ComplexDouble": torch.complex128,
        "Untyped": torch.uint8,
    }.items()
}
_PLAIN = {f"builtins.{name}" for name in HARMLESS_BUILTINS}
KNOWN = frozenset({*BUILDERS, *DTYPES, *STORAGES, *_PLAIN, "numpy.ndarray"})
