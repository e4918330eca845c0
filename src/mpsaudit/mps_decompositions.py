"""Operators that MPS decomposes differently from the CPU, restated in Python.

Some have a kernel on MPS and are composite elsewhere; for some the C++ code asks for the device.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import torch

from mpsaudit.errors import AuditError
from mpsaudit.operator_table import Table
from mpsaudit.versions import number

IMPLICIT = torch._C.DispatchKey.CompositeImplicitAutograd
FUSED = "aten::_scaled_dot_product_attention_math_for_mps"


class Engine(Protocol):
    """What a decomposition asks of the portable engine."""

    table: Table
    macos: tuple[str, ...]
    quiet: int
    thread: int

    def reach(
        self, name: str, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> None: ...
    def check(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None: ...
    def run_quietly(self, work: Callable[[], Any], name: str = "") -> Any: ...


@dataclass(frozen=True)
class Invocation:
    """One call that reached the engine. `scope` is the mode under which parts are seen."""

    engine: Engine
    func: Any
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    scope: AbstractContextManager[Any]

    def run(self) -> Any:
        return self.func(*self.args, **self.kwargs)

    def decomposed(self) -> Any:
        with self.scope:
            return self.func._op_dk(IMPLICIT, *self.args, **self.kwargs)

    def as_kernel(self, name: str, work: Callable[[], Any]) -> Any:
        """Counts as the MPS kernel `name`; `work` computes its result on the CPU."""
        self.engine.reach(name, self.func, self.args, self.kwargs)
        return self.engine.run_quietly(work, name)

    def by_name(self) -> dict[str, Any]:
        return dict(zip(_argument_names(self.func), self.args, strict=False)) | dict(self.kwargs)


@cache
def _argument_names(func: Any) -> tuple[str, ...]:
    return tuple(argument.name for argument in func._schema.arguments)


Decomposition = Callable[[Invocation], Any]


def higher_order(call: Invocation) -> Any:
    """An operator on functions, such as `torch.cond`: what they do would not be seen."""
    raise AuditError(f"The audit cannot follow '{call.func}'.", "Write it in plain Python.")


def convolution(call: Invocation) -> Any:
    """MPS has four kernels: plain and transposed, forward and backward."""
    kind = "convolution_transpose" if call.by_name()["transposed"] else "convolution"
    backward = "backward" in call.func.name()
    name = f"aten::mps_{kind}_backward" if backward else f"aten::_mps_{kind}"
    return call.as_kernel(name, call.run)


def native_on_mps(name: str = "") -> Decomposition:
    """Composite on the CPU, the kernel `name` (default: the operator itself) on MPS."""

    def form(call: Invocation) -> Any:
        kernel = name or call.func.name()
        if call.engine.table.kind(kernel) not in ("native", "silent"):
            return call.decomposed()
        return call.as_kernel(kernel, call.decomposed)

    return form


def renamed(name: str) -> Decomposition:
    """A kernel that only the CPU has, in the place of `name` on MPS."""
    return lambda call: call.as_kernel(name, call.run)


def rms_norm(call: Invocation) -> Any:
    """Fused only with a weight of the same dtype and without gradients."""
    values = call.by_name()
    image, weight = values["input"], values.get("weight")
    if weight is not None and weight.dtype == image.dtype and not _needs_grad(image, weight):
        return native_on_mps("aten::_fused_rms_norm")(call)
    return call.decomposed()


def attention(call: Invocation) -> Any:
    """Fused without dropout and gradients; before macOS 15 only for contiguous tensors."""
    engine, values = call.engine, call.by_name()
    query, key, value = values["query"], values["key"], values["value"]
    fused: tuple[str, ...] = ()
    plain = not values.get("dropout_p") and engine.table.kind(FUSED) == "native"
    if plain and not _needs_grad(query, key, value, values.get("attn_mask")):
        dense = all(t.is_contiguous() for t in (query, key, value))
        fused = tuple(m for m in engine.macos if dense or number(m) >= (15, 0, 0))
    every, result = engine.macos, None
    try:
        if fused:
            engine.macos = fused
            result = call.as_kernel(FUSED, call.decomposed)
        engine.macos = tuple(m for m in every if m not in fused)
        if engine.macos:
            engine.check(call.func, call.args, call.kwargs)
            result = _unfused_attention(call, values)
    finally:
        engine.macos = every
    return result


def _unfused_attention(call: Invocation, values: Mapping[str, Any]) -> Any:
    options = {k: v for k, v in values.items() if k in ("scale", "enable_gqa")}
    positional = [values["query"], values["key"], values["value"], values.get("attn_mask")]
    positional += [values.get("dropout_p", 0.0), values.get("is_causal", False)]
    with call.scope:
        return torch.ops.aten._scaled_dot_product_attention_math(*positional, **options)[0]


def _needs_grad(*tensors: torch.Tensor | None) -> bool:
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


# On the CPU these are decomposed above autograd, so the engine overrides them before that.
OVERRIDDEN: dict[str, Decomposition] = {
    "aten::linear": native_on_mps(),
    "aten::max_pool2d": native_on_mps(),
    "aten::linalg_svd": native_on_mps(),
    "aten::lstm.input": native_on_mps("aten::_lstm_mps"),
    "aten::rms_norm": rms_norm,
    "aten::scaled_dot_product_attention": attention,
}
DECOMPOSITIONS: dict[str, Decomposition] = OVERRIDDEN | {
    "aten::convolution": convolution,
    "aten::convolution_backward": convolution,
    "aten::mkldnn_rnn_layer": renamed("aten::_lstm_mps"),
    "aten::mkldnn_rnn_layer_backward": renamed("aten::lstm_mps_backward"),
}


@contextmanager
def overridden(engine: Engine) -> Iterator[None]:
    """Lets the engine handle those operators before they decompose."""
    library = torch.library.Library("aten", "IMPL")
    try:
        for name, form in OVERRIDDEN.items():
            base, _, overload = name.removeprefix("aten::").partition(".")
            func = getattr(getattr(torch.ops.aten, base), overload or "default")
            library.impl(name.removeprefix("aten::"), _override(engine, func, form), "AutogradCPU")
        yield
    finally:
        library._destroy()


def _override(engine: Engine, func: Any, form: Decomposition) -> Callable[..., Any]:
    def kernel(*args: Any, **kwargs: Any) -> Any:
        if engine.quiet or threading.get_ident() != engine.thread:
            return func._op_dk(IMPLICIT, *args, **kwargs)
        return form(Invocation(engine, func, args, kwargs, nullcontext()))

    return kernel
