"""The portable engine: follows the dispatcher's decisions for MPS while computing on the CPU.

Below autograd every operator is looked up in the table: native ones run, composite ones are
decomposed by their own composite kernel, and the rest are findings.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mpsaudit import mps_decompositions as mps
from mpsaudit import sandbox
from mpsaudit.calls import base_name, bind, tensors_in
from mpsaudit.collector import Collector, described, unsupported
from mpsaudit.findings import Finding, Severity
from mpsaudit.operator_table import Table
from mpsaudit.rules import Rule, rules_for

KEYS = tuple(
    getattr(torch._C.DispatchKey, name)
    for name in (
        "CompositeExplicitAutogradNonFunctional",
        "CompositeExplicitAutograd",
        "CompositeImplicitAutograd",
    )
)
DOUBLES = (torch.float64, torch.complex128)
ALWAYS_ON_CPU = frozenset(("aten::lift_fresh", "aten::lift"))
"""How `torch.tensor` takes data in: always on the CPU, before it is converted and moved."""
MISSING = "no kernel for MPS in torch {}, and no decomposition"
FOREIGN = "not an operator of PyTorch: whether it has a kernel for MPS only its authors know"
SILENT = "runs on the CPU in torch {}, with at most a warning"


def trace(
    call: Callable[[], object], table: Table, macos: Sequence[str]
) -> tuple[list[Finding], set[str]]:
    """Runs the callable once; returns the findings (worst first) and every operator reached.

    Raises AuditError when the callable fails, needs another device, or computes in threads that
    the engine does not see.
    """
    engine = PortableEngine(table, tuple(macos))
    with ExitStack() as stack:
        stack.enter_context(sandbox.failures_in_words(engine.reached))
        stack.enter_context(sandbox.uncompiled())
        stack.enter_context(sandbox.without_cpu_fast_path())
        stack.enter_context(sandbox.watched_threads(engine.threads))
        stack.enter_context(mps.overridden(engine))
        stack.enter_context(engine)
        result = call()
        if isinstance(result, Iterator):  # a generator has done nothing yet
            deque(result, maxlen=0)
    engine.threads.report(engine.collector)
    return engine.collector.findings(), engine.reached


@dataclass(frozen=True)
class Plan:
    """How an operator is handled, decided once.

    `composite` is the key of the composite kernel to run. `on_number`: the first argument is a
    tensor, which may stand for a Python number.
    """

    name: str
    problem: tuple[Severity, str] | None
    rules: tuple[Rule, ...]
    composite: Any = None
    decomposition: mps.Decomposition | None = None
    on_number: bool = False


class PortableEngine(TorchDispatchMode):
    """`macos` is what findings are about; `quiet` hides what a kernel does inside."""

    def __init__(self, table: Table, macos: tuple[str, ...]) -> None:
        super().__init__()
        self.table, self.macos, self.quiet = table, macos, 0
        self.reached: set[str] = set()
        self.thread = threading.get_ident()
        self.collector = Collector(table.version, macos)
        self.threads = sandbox.Threads(self.collector.locations)
        self._plans: dict[Any, Plan] = {}

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Wrapping this for the compiler would import it, which takes seconds."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if not self.threads.started:
            return self._handle(func, args, kwargs or {})
        with self.threads.computing(func):
            return self._handle(func, args, kwargs or {})

    def _handle(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        plan = self._plans.get(func)
        if plan is None:
            plan = self._plans[func] = self._plan(func)
        self.collector.locations.remember()
        if self.quiet or (plan.on_number and _is_number(args)):
            return _run(func, func, args, kwargs)
        if plan.decomposition is not None:
            return plan.decomposition(mps.Invocation(self, func, args, kwargs, self))
        if plan.composite is not None:
            with self:
                return _run(partial(func._op_dk, plan.composite), func, args, kwargs)
        self._reach(plan, plan.name, args, kwargs)
        return self._checked(plan.name, _run(func, func, args, kwargs))

    def reach(self, name: str, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """MPS would run operator `name` here; `func` is what is called on the CPU."""
        plan = self._plans.get((name, func))
        if plan is None:
            both = rules_for(base_name(name)) + rules_for(base_name(func.name()))
            plan = Plan(func.name(), self._problem(name), tuple(dict.fromkeys(both)))
            self._plans[name, func] = plan
        self._reach(plan, name, args, kwargs)

    def check(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """The rules about an operator that MPS decomposes."""
        rules = rules_for(base_name(func.name()))
        self.collector.check(func.name(), rules, bind(func.name(), args, kwargs))

    def run_quietly(self, work: Callable[[], Any], name: str = "") -> Any:
        """Computes what MPS does in one kernel, unseen, and checks the result."""
        self.quiet += 1
        try:
            result = work()
        finally:
            self.quiet -= 1
        return self._checked(name, result)

    def _plan(self, func: Any) -> Plan:
        if not isinstance(func, torch._ops.OpOverload):
            return Plan(str(func), None, (), decomposition=mps.higher_order)
        first = func._schema.arguments[:1]
        name = func.name()
        composite = composite_key(name) if self.table.kind(name) == "composite" else None
        if composite is not None and _is_view(func, composite):
            composite = None
        return Plan(
            name,
            self._problem(name),
            rules_for(base_name(name)),
            composite,
            mps.DECOMPOSITIONS.get(name),
            bool(first) and str(first[0].type) == "Tensor",
        )

    def _problem(self, name: str) -> tuple[Severity, str] | None:
        kind = self.table.kind(name)
        if kind == "silent":
            return "silent-cpu", SILENT.format(self.table.version)
        if kind == "missing":
            reason = MISSING if name.startswith("aten::") else FOREIGN
            return "error", reason.format(self.table.version)
        return None

    def _reach(self, plan: Plan, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.reached.add(name)
        if plan.problem is not None:
            tensors = described(list(tensors_in([*args, *kwargs.values()])))
            self.collector.note(name, *plan.problem, tensors, self.macos)
        if plan.rules:
            self.collector.check(name, plan.rules, bind(plan.name, args, kwargs))

    def _checked(self, name: str, result: Any) -> Any:
        if name not in ALWAYS_ON_CPU:
            for reason in unsupported(result):
                tensors = described(list(tensors_in([result])))
                self.collector.note(name, "error", reason, tensors, self.macos)
        return result


def _run(kernel: Any, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Numbers that C++ had wrapped as tensors arrive bare, and some operators refuse them so."""
    try:
        return kernel(*args, **kwargs)
    except RuntimeError as error:
        if "Expected a value of type 'Tensor'" not in str(error):
            raise
    wanted = [str(argument.type) == "Tensor" for argument in func._schema.arguments]
    wrapped = [
        torch.tensor(value) if tensor and isinstance(value, int | float | complex) else value
        for value, tensor in zip(args, wanted, strict=False)
    ]
    return kernel(*wrapped, **kwargs)


def _is_number(args: Sequence[Any]) -> bool:
    """Whether the call is about single doubles: Python numbers, which torch keeps on the CPU."""
    first = args[0] if args else None
    if isinstance(first, torch.Tensor):
        return all(t.dim() == 0 and t.dtype in DOUBLES for t in tensors_in(args))
    return isinstance(first, int | float | complex) and next(tensors_in(args), None) is None


def composite_key(name: str) -> Any:
    """The first composite kernel that an operator has, as a dispatch key, or None."""
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    return next((key for key in KEYS if has(name, key)), None)


def _is_view(func: Any, key: Any) -> bool:
    """Views only compute sizes and strides: decomposing them would show `as_strided`."""
    returned = func._schema.returns
    alias = returned[0].alias_info if returned else None
    return key is not KEYS[2] and alias is not None and not alias.is_write
