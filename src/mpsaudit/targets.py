"""Names of work: `module:callable`, or `module:name` where the module has `workloads()`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import reduce
from typing import Any

from mpsaudit.errors import UsageError


def resolve(target: str, device: str) -> Callable[[], object]:
    """The callable that a target names.

    A module may have a function `workloads()` that returns a mapping; `module:name` then also
    names the work that `workloads()[name].build(device)` returns. Raises UsageError.
    """
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        raise UsageError(f"Cannot audit '{target}'.", "Write it as module:callable.")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UsageError(f"'{module_name}' cannot be imported ({error}).") from error
    missing = object()
    found: Any = reduce(lambda value, part: getattr(value, part, missing), name.split("."), module)
    if found is missing:
        workloads = module.workloads() if hasattr(module, "workloads") else {}
        if name not in workloads:
            raise UsageError(f"'{module_name}' has no '{name}', nor a workload of that name.")
        return workloads[name].build(device)
    if not callable(found):
        raise UsageError(f"'{target}' is not callable.", "It must take no arguments.")
    return found


def importable_name(call: Callable[[], object] | str) -> str:
    """The name by which another process imports the callable; raises UsageError without one."""
    if isinstance(call, str):
        return call
    module, path = getattr(call, "__module__", ""), getattr(call, "__qualname__", "")
    advice = "The strict engine runs in another process: name the code as 'module:callable'."
    if not module or module == "__main__" or not path or "<" in path:
        raise UsageError("This callable cannot be imported by another process.", advice)
    if resolve(f"{module}:{path}", "mps:0") is not call:
        raise UsageError(f"'{module}:{path}' is not this callable.", advice)
    return f"{module}:{path}"
