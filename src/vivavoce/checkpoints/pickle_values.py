"""What a foreign pickle may build: tensors, numbers of numpy, plain containers, opaque objects.

Nothing here imports, looks up or calls what a file names. Calling a `GlobalName` gives an
`OpaqueObject`, unless `BUILDERS` has our own harmless equivalent under that very name. Builders
check the types of their arguments and charge the file's budget for everything they copy.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.checkpoints.pickle_names import HARMLESS_BUILTINS, GlobalName
from vivavoce.errors import BadCheckpoint
from vivavoce.limits import Budget, describe

# Repeated views (stride 0) cost nothing to write and everything to copy: small ones are enough
# for position tables, larger ones are refused, and so are very many.
MAX_REPEATED = 1 << 20
MAX_DIMENSIONS = 32
LONGEST_KEY = 1000
# Steps that an object costs, by its size in memory beside that of a number.
_COST_OBJECT, _COST_TENSOR = 8, 16


@dataclass(eq=False, repr=False)
class OpaqueObject:
    """What an unknown class left behind: what it was to be made of, never made."""

    name: str
    args: tuple[Any, ...] = ()
    state: object = None
    items: list[Any] = field(default_factory=list)
    entries: dict[Any, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Only the name: what is inside may be endless."""
        return f"<{self.name}>"


@dataclass(eq=False, repr=False)
class Pending(OpaqueObject):
    """A numpy array or dtype that gets its content with its state (`finish`)."""

    memo: list[int] = field(default_factory=list)


class Storage:
    """The numbers behind tensors: `flat` is one-dimensional, of the storage's dtype."""

    __slots__ = ("flat",)

    def __init__(self, flat: Tensor) -> None:
        self.flat = flat


def fill(target: dict[Any, Any], pairs: Iterable[Any]) -> None:
    """Put pairs into a dictionary whose keys are text, numbers or names, or tuples of these."""
    for key, value in pairs:
        if not _is_plain_key(key):
            raise BadCheckpoint(f"A dictionary has a {type(key).__name__} as key.")
        if isinstance(key, str) and len(key) > LONGEST_KEY:
            raise BadCheckpoint(f"A dictionary has a key of {len(key)} characters.")
        target[key] = value


def _is_plain_key(key: object) -> bool:
    """Hashing must not surprise: a deep tuple overflows the stack of C."""
    simple = (str, int, float, bytes, type(None), GlobalName, OpaqueObject)
    return isinstance(key, simple) or (
        isinstance(key, tuple) and len(key) <= 16 and all(isinstance(part, simple) for part in key)
    )


def plain_set(items: Iterable[Any]) -> set[Any]:
    result: dict[Any, Any] = {}
    fill(result, ((item, None) for item in items))
    return set(result)


def call(function: object, args: object, budget: Budget) -> Any:
    """Our own equivalent of `function(*args)`, or an opaque object that keeps the arguments."""
    if not isinstance(function, (GlobalName, OpaqueObject)):
        raise BadCheckpoint(f"The pickle calls a {type(function).__name__} as a function.")
    if type(args) is not tuple:
        raise BadCheckpoint(
            f"A function is called with the arguments {describe(args)}, not a tuple."
        )
    builder = BUILDERS.get(function.name) if isinstance(function, GlobalName) else None
    budget.spend(_COST_OBJECT)
    return builder(budget, *args) if builder else OpaqueObject(function.name, args)


def finish(pending: Pending, state: object, budget: Budget) -> Any:
    """The numpy value that `pending` becomes with its state; itself when it is not numbers."""
    if type(state) is not tuple or len(state) < 2:
        raise BadCheckpoint("A NumPy array or dtype has an invalid state.")
    if pending.name == "numpy.dtype":
        code = pending.args[0]
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?([biufcSU]\d{1,4}|\?)", code):
            return pending
        order = state[1] if state[1] in ("<", ">") else "="
        return np.dtype(code).newbyteorder(order)
    _version, shape, dtype, fortran, raw = state
    if not isinstance(dtype, np.dtype):
        pending.items = raw if isinstance(raw, list) else []
        return pending
    return _from_bytes(budget, raw, dtype, shape, "F" if fortran else "C")


def _table(budget: Budget, pairs: Any) -> dict[Any, Any]:
    if type(pairs) not in (dict, OrderedDict, list, tuple, set):
        raise BadCheckpoint(f"A dictionary is built from {describe(pairs)}, not from pairs.")
    budget.spend(len(pairs))
    result: dict[Any, Any] = OrderedDict()
    fill(result, pairs.items() if isinstance(pairs, dict) else pairs)
    return result


def _ordered_dict(budget: Budget, pairs: object = ()) -> dict[Any, Any]:
    return _table(budget, pairs)


def _counter(budget: Budget, counts: object = ()) -> dict[Any, Any]:
    return dict(_table(budget, counts))


def _default_dict(budget: Budget, _factory: object = None, pairs: object = ()) -> dict[Any, Any]:
    return dict(_table(budget, pairs))


def _set(budget: Budget, items: Any = ()) -> set[Any]:
    if type(items) not in (list, tuple, set, frozenset):
        raise BadCheckpoint(f"A set is built from {describe(items)}, not from a list or tuple.")
    budget.spend(4 * len(items))
    return plain_set(items)


def _complex(_budget: Budget, real: object = 0.0, imag: object = 0.0) -> complex:
    return complex(_number(real), _number(imag))


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise BadCheckpoint(f"A complex number is built from {describe(value)}, not from a number.")
    return float(value)


def _bytes(budget: Budget, text: object, encoding: object = "latin-1") -> bytes:
    """How protocol 2 writes bytes: text that stands for them in Latin-1."""
    codecs = {"latin-1": "latin-1", "latin1": "latin-1", "iso-8859-1": "latin-1", "utf-8": "utf-8"}
    codecs |= {"utf8": "utf-8", "utf_8": "utf-8", "latin_1": "latin-1", "iso8859-1": "latin-1"}
    if not isinstance(encoding, str) or encoding not in codecs or not isinstance(text, str):
        raise BadCheckpoint(f"Bytes have the unsupported encoding {describe(encoding)}.")
    budget.spend(1, 2 * len(text))
    return text.encode(codecs[encoding])


def _sizes(values: Any, what: str) -> tuple[int, ...]:
    """A shape or strides: a short list or tuple of numbers that a tensor could have."""
    if type(values) not in (list, tuple) or len(values) > MAX_DIMENSIONS:
        raise BadCheckpoint(f"A tensor has the invalid {what} {describe(values)}.")
    for n in values:
        if type(n) is not int or not 0 <= n < 1 << 62:
            raise BadCheckpoint(f"A tensor has the invalid value {describe(n)} in its {what}.")
    return tuple(values)


def _tensor(
    budget: Budget, storage: object, offset: object, size: object, stride: object
) -> Tensor:
    """A view of a storage `[N]`, after checking that no index can leave it."""
    if not isinstance(storage, Storage):
        raise BadCheckpoint(f"A tensor is built from {describe(storage)}, not from a storage.")
    flat = storage.flat
    size, stride = _sizes(size, "shape"), _sizes(stride, "stride")
    (offset,) = _sizes((offset,), "offset")
    if len(size) != len(stride):
        raise BadCheckpoint(f"The shape {size} and the stride {stride} of a tensor do not match.")
    count = 1
    for n in size:
        count *= n
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if (count and last >= flat.numel()) or offset > flat.numel():
        raise BadCheckpoint(
            f"A tensor of shape {size} reaches beyond its storage of {flat.numel()} elements."
        )
    if count > max(flat.numel(), MAX_REPEATED):
        raise BadCheckpoint(f"A tensor of shape {size} is too large for {flat.numel()} elements.")
    budget.spend(_COST_TENSOR)
    budget.view(count * flat.itemsize)
    return torch.as_strided(flat, size, stride, offset)


def _tensor_v2(
    budget: Budget,
    storage: object,
    offset: object,
    size: object,
    stride: object,
    _requires_grad: object = False,
    _hooks: object = None,
    metadata: object = None,
) -> Tensor:
    if metadata:
        raise BadCheckpoint("A tensor is stored conjugated or negated, which is not supported.")
    return _tensor(budget, storage, offset, size, stride)


def _tensor_v3(
    budget: Budget,
    storage: object,
    offset: object,
    size: object,
    stride: object,
    _requires_grad: object,
    _hooks: object,
    dtype: object,
    metadata: object = None,
) -> Tensor:
    known = DTYPES.get(getattr(dtype, "name", ""))
    if known is None or not isinstance(storage, Storage):
        raise BadCheckpoint(f"A tensor has the unknown type {getattr(dtype, 'name', '?')}.")
    return _tensor_v2(budget, Storage(storage.flat.view(known)), offset, size, stride, metadata)


def _size(budget: Budget, size: object = ()) -> tuple[int, ...]:
    return _sizes(size, "shape")


def _parameter(_budget: Budget, data: object, *_rest: object) -> Any:
    return data


def _from_type(
    budget: Budget, function: object, _type: object, args: object, _state: object
) -> Any:
    """A tensor subclass: the tensor in it."""
    return call(function, args, budget)


def _reconstructor(_budget: Budget, cls: object, _base: object, state: object) -> OpaqueObject:
    return OpaqueObject(cls.name if isinstance(cls, GlobalName) else "object", (state,))


def _refuse(what: str) -> Callable[..., Any]:
    def refuse(*_args: object) -> Any:
        raise BadCheckpoint(f"The file holds {what}, which are not supported.")

    return refuse


def _numpy_dtype(_budget: Budget, code: object, *_rest: object) -> Pending:
    return Pending("numpy.dtype", (code,))


def _numpy_array(_budget: Budget, *_args: object) -> Pending:
    return Pending("numpy.ndarray")


def _numpy_scalar(budget: Budget, dtype: object, raw: object) -> Any:
    return _from_bytes(budget, raw, dtype, (1,), "C")[0]


def _numpy_frombuffer(
    budget: Budget, raw: object, dtype: object, shape: object, order: object
) -> np.ndarray:
    return _from_bytes(budget, raw, dtype, shape, "F" if order == "F" else "C")


def _from_bytes(
    budget: Budget, raw: object, dtype: object, shape: object, order: str
) -> np.ndarray:
    if not isinstance(dtype, np.dtype):
        raise BadCheckpoint("A NumPy array has an unsupported dtype, such as object.")
    if not isinstance(raw, (bytes, bytearray, str)):
        raise BadCheckpoint(f"A NumPy array is built from {describe(raw)}, not from bytes.")
    budget.spend(_COST_OBJECT, 2 * len(raw))
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw
    flat = np.frombuffer(raw, dtype).copy()
    return flat.reshape(_sizes(shape, "shape"), order="F" if order == "F" else "C")


BUILDERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "collections.defaultdict": _default_dict,
    "collections.Counter": _counter,
    "builtins.set": _set,
    "builtins.frozenset": _set,
    "builtins.complex": _complex,
    "_codecs.encode": _bytes,
    "copyreg._reconstructor": _reconstructor,
    "copy_reg._reconstructor": _reconstructor,
    "torch.Size": _size,
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
