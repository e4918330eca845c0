"""Operators for which the device takes another path than the CPU, said again in Python.

Some have a kernel of their own there and are taken apart here; some choose by device in C++.
Knows what is chosen, not what is found: the engine is told which operator the device would run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from mpsaudit.versions import number
from vivavoce.errors import AuditError

if TYPE_CHECKING:
    from mpsaudit.portable import Engine

IMPLICIT = torch._C.DispatchKey.CompositeImplicitAutograd
Scope = AbstractContextManager[Any]
Form = Callable[["Engine", Any, Sequence[Any], Mapping[str, Any], Scope], Any]
FUSED = "aten::_scaled_dot_product_attention_math_for_mps"


def higher_order(
    engine: Engine, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], scope: Scope
) -> Any:
    """An operator on functions (`torch.cond`): what these do would not be seen."""
    raise AuditError(f"The audit cannot look into '{func}'.", "Write it in plain Python for that.")


def convolution(
    engine: Engine, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], scope: Scope
) -> Any:
    """Forward and backward end in kernels of the device's own, one for each direction."""
    bound = {a.name: v for a, v in zip(func._schema.arguments, args, strict=False)} | dict(kwargs)
    backward = "backward" in func.name()
    kind = "convolution_transpose" if bound["transposed"] else "convolution"
    name = f"aten::mps_{kind}_backward" if backward else f"aten::_mps_{kind}"
    engine.reach(name, func, args, kwargs)
    return engine.run_quietly(lambda: func(*args, **kwargs), name)


def owned(name: str = "") -> Form:
    """An operator that the device has a kernel for (`name`), though the CPU takes it apart."""

    def form(
        engine: Engine, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], scope: Scope
    ) -> Any:
        kernel = name or func.name()
        if engine.table.kind(kernel) not in ("native", "silent"):
            return _apart(func, args, kwargs, scope)
        engine.reach(kernel, func, args, kwargs)
        return engine.run_quietly(lambda: _apart(func, args, kwargs, scope), kernel)

    return form


def renamed(name: str) -> Form:
    """A kernel that only the CPU has, where the device has `name`."""

    def form(
        engine: Engine, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], scope: Scope
    ) -> Any:
        engine.reach(name, func, args, kwargs)
        return engine.run_quietly(lambda: func(*args, **kwargs), name)

    return form


def rms_norm(
    engine: Engine, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], scope: Scope
) -> Any:
    """Fused only with a weight of the same type and without gradients."""
    image, weight = args[0], args[2] if len(args) > 2 else kwargs.get("weight")
    fused = weight is not None and weight.dtype == image.dtype and not _followed(image, weight)
    if fused and engine.native("aten::_fused_rms_norm"):
        return owned("aten::_fused_rms_norm")(engine, func, args, kwargs, scope)
    return _apart(func, args, kwargs, scope)


def attention(
    engine: Engine, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], scope: Scope
) -> Any:
    """Fused without dropout and gradients; before macOS 15 only for contiguous tensors."""
    names = [argument.name for argument in func._schema.arguments]
    bound = dict(zip(names, args, strict=False)) | dict(kwargs)
    query, key, value = bound["query"], bound["key"], bound["value"]
    mask = bound.get("attn_mask")
    fused: tuple[str, ...] = ()
    if not bound.get("dropout_p", 0.0) and not _followed(query, key, value, mask):
        dense = all(t.is_contiguous() for t in (query, key, value))
        fused = tuple(m for m in engine.macos if dense or number(m) >= (15, 0, 0))
    if not engine.native(FUSED):
        fused = ()
    meant, result = engine.macos, None
    try:
        if fused:
            engine.macos = fused
            engine.reach(FUSED, func, args, kwargs)
            result = engine.run_quietly(lambda: _apart(func, args, kwargs, scope), FUSED)
        engine.macos = tuple(m for m in meant if m not in fused)
        if engine.macos:
            result = _attention_apart(bound, scope)
    finally:
        engine.macos = meant
    return result


def _attention_apart(bound: Mapping[str, Any], scope: Scope) -> Any:
    options = {k: v for k, v in bound.items() if k in ("scale", "enable_gqa")}
    positions = [bound["query"], bound["key"], bound["value"], bound.get("attn_mask")]
    positions += [bound.get("dropout_p", 0.0), bound.get("is_causal", False)]
    with scope:
        return torch.ops.aten._scaled_dot_product_attention_math(*positions, **options)[0]


def _apart(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], scope: Scope) -> Any:
    with scope:
        return func._op_dk(IMPLICIT, *args, **kwargs)


def _followed(*tensors: torch.Tensor | None) -> bool:
    """Whether autograd will follow an operator on these tensors."""
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


# Taken apart above autograd on the CPU, so the engine has to be asked before that.
OVERRIDDEN: dict[str, Form] = {
    "aten::linear": owned(),
    "aten::max_pool2d": owned(),
    "aten::linalg_svd": owned(),
    "aten::lstm.input": owned("aten::_lstm_mps"),
    "aten::rms_norm": rms_norm,
    "aten::scaled_dot_product_attention": attention,
}
FORMS: dict[str, Form] = OVERRIDDEN | {
    "aten::convolution": convolution,
    "aten::convolution_backward": convolution,
    "aten::mkldnn_rnn_layer": renamed("aten::_lstm_mps"),
    "aten::mkldnn_rnn_layer_backward": renamed("aten::lstm_mps_backward"),
}


@contextmanager
def overridden(engine: Engine) -> Iterator[None]:
    """Puts the engine before those operators' decomposition, for as long as the audit runs."""
    library = torch.library.Library("aten", "IMPL")
    try:
        for name, form in OVERRIDDEN.items():
            base, _, overload = name.removeprefix("aten::").partition(".")
            func = getattr(getattr(torch.ops.aten, base), overload or "default")
            library.impl(name.removeprefix("aten::"), _asking(engine, func, form), "AutogradCPU")
        yield
    finally:
        library._destroy()


def _asking(engine: Engine, func: Any, form: Form) -> Callable[..., Any]:
    def kernel(*args: Any, **kwargs: Any) -> Any:
        if engine.quiet or threading.get_ident() != engine.thread:
            return func._op_dk(IMPLICIT, *args, **kwargs)
        return form(engine, func, args, kwargs, nullcontext())

    return kernel
