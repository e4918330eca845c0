"""The portable engine: follows the dispatcher's decisions for MPS while computing on the CPU.

Below autograd every operator is looked up in the table: native ones run, composite ones are taken
apart by their own composite kernel, the rest is a finding. Knows nothing of where tensors are.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mpsaudit import limits, restated
from mpsaudit.calls import base_name, bind, tensors_in
from mpsaudit.findings import SEVERITIES, Finding, Severity
from mpsaudit.place import Places
from mpsaudit.rules import Rule
from mpsaudit.surroundings import (
    guarded,
    mha_as_on_device,
    uncompiled,
    watched_threads,
)
from mpsaudit.table import Table

KEYS = tuple(
    getattr(torch._C.DispatchKey, name)
    for name in (
        "CompositeExplicitAutogradNonFunctional",
        "CompositeExplicitAutograd",
        "CompositeImplicitAutograd",
    )
)
DOUBLES = (torch.float64, torch.complex128)
BORN_HERE = frozenset(("aten::lift_fresh", "aten::lift"))
"""What `torch.tensor` does to data: always on the CPU, before it is converted and moved."""
MISSING = "no kernel for MPS in torch {}, and nothing it could be made of"
FOREIGN = "not an operator of PyTorch: whether it has a kernel for MPS only its authors know"
SILENT = "runs on the CPU in torch {}, with at most a warning"


def trace(
    call: Callable[[], object], table: Table, macos: Sequence[str]
) -> tuple[list[Finding], set[str]]:
    """Runs the callable once; returns what was found (worst first) and every operator reached.

    Raises AuditError, in words, when the callable itself fails, needs another device, or computes
    in threads, where this engine does not see.
    """
    engine = Engine(table, tuple(macos))
    with ExitStack() as stack:
        stack.enter_context(guarded(engine))
        stack.enter_context(uncompiled())
        stack.enter_context(mha_as_on_device())
        stack.enter_context(watched_threads())
        stack.enter_context(restated.overridden(engine))
        stack.enter_context(engine)
        result = call()
        if isinstance(result, Iterator):  # what generates has done nothing yet
            deque(result, maxlen=0)
    return engine.findings(), engine.reached


@dataclass(frozen=True)
class Plan:
    """What is done with an operator, decided once: `compose` is the composite kernel to run.

    `on_number` tells that its first argument is a tensor, which may stand for a Python number.
    """

    name: str
    problem: tuple[Severity, str] | None
    compose: Any
    rules: tuple[Rule, ...]
    restated: restated.Form | None = None
    on_number: bool = False


class Engine(TorchDispatchMode):
    """The mode itself. `macos` is what findings are about; `quiet` hides what an operator that
    has a kernel on the device does inside on the CPU.
    """

    def __init__(self, table: Table, macos: tuple[str, ...]) -> None:
        super().__init__()
        self.table, self.macos, self.quiet = table, macos, 0
        self.reached: set[str] = set()
        self.thread = threading.get_ident()
        self._plans: dict[Any, Plan] = {}
        self._found: dict[tuple[Any, ...], Finding] = {}
        self._places = Places()

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Wrapping this for the compiler would import it, which takes seconds."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        plan = self._plans.get(func)
        if plan is None:
            plan = self._plans[func] = self._plan(func)
        self._places.remember()
        if self.quiet or (plan.on_number and _number(args)):
            return _run(func, func, args, kwargs)
        if plan.restated is not None:
            return plan.restated(self, func, args, kwargs, self)
        if plan.compose is not None:
            with self:
                return _run(partial(func._op_dk, plan.compose), func, args, kwargs)
        self._reach(plan, plan.name, args, kwargs)
        return self._checked(plan.name, _run(func, func, args, kwargs))

    def reach(self, name: str, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """The device would run operator `name` here; `func` is what is called on the CPU."""
        plan = self._plans.get((name, func))
        if plan is None:
            both = limits.rules_for(base_name(name)) + limits.rules_for(base_name(func.name()))
            rules = tuple(dict.fromkeys(both))
            plan = Plan(func.name(), self._problem(name), None, rules)
            self._plans[name, func] = plan
        self._reach(plan, name, args, kwargs)

    def run_quietly(self, work: Callable[[], Any], name: str = "") -> Any:
        """Computes what the device does in one kernel, unseen, and looks at the result."""
        self.quiet += 1
        try:
            result = work()
        finally:
            self.quiet -= 1
        return self._checked(name, result)

    def native(self, name: str) -> bool:
        return self.table.kind(name) == "native"

    def findings(self) -> list[Finding]:
        """What was found, merged by operator, place and reason; worst first."""
        return sorted(self._found.values(), key=lambda f: SEVERITIES.index(f.severity))

    def _plan(self, func: Any) -> Plan:
        if not isinstance(func, torch._ops.OpOverload):  # a higher-order operator
            return Plan(str(func), None, None, (), restated.higher_order)
        first = func._schema.arguments[:1]
        name = func.name()
        compose = composite_key(name) if self.table.kind(name) == "composite" else None
        if compose is not None and _only_a_view(func, compose):
            compose = None
        form = restated.FORMS.get(name)
        rules, problem = limits.rules_for(base_name(name)), self._problem(name)
        on_number = bool(first) and str(first[0].type) == "Tensor"
        return Plan(name, problem, compose, rules, form, on_number)

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
            severity, reason = plan.problem
            self._note(name, severity, reason, list(tensors_in([*args, *kwargs.values()])))
        if plan.rules:
            call = bind(plan.name, args, kwargs)
            for rule in plan.rules:
                meant = tuple(m for m in self.macos if rule.applies(self.table.version, m))
                if meant and rule.broken(call):
                    self._note(name, rule.severity, rule.text, call.tensors, meant)

    def _checked(self, name: str, result: Any) -> Any:
        if not (isinstance(result, torch.Tensor) and result.dtype in limits.DTYPES):
            if name in BORN_HERE:
                return result
            for reason in limits.refused(result):
                self._note(name, "error", reason, list(tensors_in([result])))
        elif result.dim() > limits.MAX_RANK:
            self._note(name, "error", limits.RANK.format(result.dim()), [result])
        return result

    def _note(
        self,
        name: str,
        severity: Severity,
        reason: str,
        tensors: Sequence[torch.Tensor],
        macos: tuple[str, ...] = (),
    ) -> None:
        place, backward = self._places.current()
        key = (name, place, reason, severity, backward)
        known = self._found.get(key)
        if known is None:
            found = limits.finding(name, severity, reason, tensors)
            macos = macos or self.macos
            self._found[key] = replace(found, place=place, backward=backward, macos=macos)
            return
        both = tuple(m for m in self.macos if m in known.macos or m in (macos or self.macos))
        self._found[key] = replace(known, count=known.count + 1, macos=both)


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


def _number(args: Sequence[Any]) -> bool:
    """Whether all is about single doubles: Python numbers, which torch keeps on the CPU."""
    first = args[0] if args else None
    if isinstance(first, torch.Tensor):
        return all(t.dim() == 0 and t.dtype in DOUBLES for t in tensors_in(args))
    return isinstance(first, int | float | complex) and next(tensors_in(args), None) is None


def composite_key(name: str) -> Any:
    """The first composite kernel that an operator has, as a dispatch key, or None."""
    has = torch._C._dispatch_has_kernel_for_dispatch_key
    return next((key for key in KEYS if has(name, key)), None)


def _only_a_view(func: Any, key: Any) -> bool:
    """Views only compute sizes and strides: taking them apart would show `as_strided`."""
    returned = func._schema.returns
    alias = returned[0].alias_info if returned else None
    return key is not KEYS[2] and alias is not None and not alias.is_write
