"""Importing the package changes nothing in the process. Each check runs in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys

EFFECTS = """
import json, logging, os, pkgutil, importlib, random, signal, sys, threading, warnings

# What others do when imported is theirs; it is done before the first look.
import numpy, safetensors.torch, soundfile, soxr, huggingface_hub, torch, typer
import rich.console, rich.progress, rich.table

def loggers():
    known = logging.root.manager.loggerDict.items()
    named = {n: (l.level, len(l.handlers), l.disabled, l.propagate)
             for n, l in known if isinstance(l, logging.Logger)}
    quiet = (logging.NOTSET, 0, False, True)  # a logger that was only named
    named = {n: state for n, state in named.items() if state != quiet}
    return named | {"root": (logging.root.level, len(logging.root.handlers), logging.root.disabled)}

def look():
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "search path": list(sys.path),
        "threads of torch": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "threads": threading.active_count(),
        "logging": loggers(),
        "warnings": [repr(f) for f in warnings.filters],
        "default type": str(torch.get_default_dtype()),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul": torch.get_float32_matmul_precision(),
        "random": (hash(random.getstate()), torch.get_rng_state().sum().item(),
                   int(numpy.random.get_state()[1].sum())),
        "signals": [str(signal.getsignal(s)) for s in sorted(signal.valid_signals())],
        "excepthook": repr(sys.excepthook),
    }

before = look()
import vivavoce
names = [m.name for m in pkgutil.walk_packages(vivavoce.__path__, "vivavoce.")]
names = [n for n in names if not n.endswith("__main__")]
for name in names:
    importlib.import_module(name)
after = look()
print(json.dumps({"names": names, "changed": {
    k: [str(before[k]), str(after[k])] for k in before if before[k] != after[k]}}))
"""

LIGHT = (
    "vivavoce",
    "vivavoce.errors",
    "vivavoce.types",
    "vivavoce.config",
    "vivavoce.text",
    "vivavoce.runtime",
    "vivavoce.cli",
)
IMPORTS = """
import importlib, json, sys
found = {}
for name in sys.argv[1:]:
    importlib.import_module(name)
    found[name] = "torch" in sys.modules
print(json.dumps(found))
"""


def run(code: str, *arguments: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_every_module_changes_nothing():
    result = run(EFFECTS)
    assert "vivavoce.runtime.select" in result["names"]
    assert result["changed"] == {}


def test_torch_is_not_imported_before_it_is_needed():
    assert run(IMPORTS, *LIGHT) == dict.fromkeys(LIGHT, False)
