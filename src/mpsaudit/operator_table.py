"""Which operators have a kernel on Apple's MPS, for each version of torch.

The rule is that of PyTorch's own code generator, applied to the `native_functions.yaml` inside a
torch wheel; `recipes/mps_tables.py` compares it with what the macOS builds register.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from mpsaudit.errors import UsageError
from mpsaudit.versions import number

Kind = Literal["native", "silent", "composite", "missing"]
SHIPPED = Path(__file__).parent / "data" / "mps_operators.json"
IMPLICIT = "CompositeImplicitAutograd"
COMPOSITES = (
    IMPLICIT,
    "CompositeExplicitAutograd",
    "CompositeExplicitAutogradNonFunctional",
)


@dataclass(frozen=True)
class Table:
    """The MPS operators of torch `version`, by qualified name (`aten::add.out`).

    `native`: a kernel of its own. `silent`: registered to run on the CPU with a warning, whatever
    the environment says. `python`: given a kernel by torch's Python code, on the device as well.
    `owned`: those of `native` and `silent` that would decompose on any other device. `source`
    says where the table comes from.
    """

    version: str
    source: str
    native: frozenset[str]
    silent: frozenset[str]
    python: frozenset[str]
    owned: frozenset[str] = frozenset()

    def kind(self, name: str) -> Kind:
        """What happens to `aten::op.overload` (or `op.overload`) on MPS.

        `composite` says only that the operator is made of others, which may be missing. Which are
        composite is the installed torch's knowledge, so of another version's table it is a hint.
        Operators outside `aten` are native if this process has an MPS kernel for them.
        """
        name = _qualified(name)
        if name in self.native or name in self.python:
            return "native"
        if name in self.silent:
            return "silent"
        if not name.startswith("aten::") and _has_kernel(name, ("MPS",)):
            return "native"
        return "composite" if _has_kernel(name, COMPOSITES) else "missing"


def load(version: str | None = None) -> Table:
    """The table of torch `version`, or of the installed torch.

    A shipped table if there is one; for an installed torch without one, a table generated from its
    own files; for another patch release of a shipped version, that version's. `source` says which.
    Raises UsageError for any other version.
    """
    import torch

    shipped, installed = _shipped(), str(torch.__version__)
    asked, present = _release(version or installed), _release(installed)
    if asked in shipped:
        return shipped[asked]
    if asked == present:
        return generate(_installed_yaml(installed), installed)
    wanted = number(asked)
    for known in sorted(shipped, key=number, reverse=True):
        if number(known)[:2] == wanted[:2]:
            near = shipped[known]
            if known.startswith(f"{asked}."):
                return near
            return replace(near, version=asked, source=f"{near.source}; taken for torch {asked}")
    nearest = _neighbours(wanted)
    raise UsageError(
        f"No operator table for torch {asked}.",
        f"Nearest: {nearest}. Or install that torch and leave the version out, to make a table.",
    )


def versions() -> tuple[str, ...]:
    """The torch versions with a shipped table, oldest first."""
    return tuple(_shipped())


def generate(native_functions: Path, version: str) -> Table:
    """The table that a `native_functions.yaml` of torch `version` implies.

    What the file cannot show (`silent`, `python`) is that of the newest shipped version that is
    not newer, less what has a kernel by now.
    """
    older = [known for known in _shipped() if number(known) <= number(version)]
    near = _shipped()[older[-1] if older else versions()[0]]
    return build(
        native_functions.read_text(encoding="utf-8"),
        version=version,
        source=f"native_functions.yaml of torch {version}; silent and python as in {near.version}",
        silent=near.silent,
        python=near.python,
    )


def build(
    native_functions: str, version: str, source: str, silent: Iterable[str], python: Iterable[str]
) -> Table:
    """Apply the rule to the text of a `native_functions.yaml`.

    An operator has an MPS kernel if its `dispatch` names MPS, or if it is the functional or
    in-place form of a structured operator (`structured_delegate`) whose `dispatch` does.
    """
    entries = _entries(native_functions)

    def has_kernel(name: str) -> bool:
        keys, delegate = entries[name]
        return "MPS" in keys or (bool(delegate) and "MPS" in entries[_qualified(delegate)][0])

    native = frozenset(name for name in entries if has_kernel(name))
    quiet = _names(silent).intersection(entries) - native
    return Table(
        version=version,
        source=source,
        native=native,
        silent=quiet,
        python=_names(python).intersection(entries) - native,
        owned=frozenset(name for name in native | quiet if IMPLICIT in entries[name][0]),
    )


def _entries(text: str) -> dict[str, tuple[frozenset[str], str]]:
    """Dispatch keys and structured delegate of every operator in a `native_functions.yaml`.

    The file is regular enough to be read by line, which spares a dependency. An operator that
    names neither is composite everywhere.
    """
    found: dict[str, tuple[frozenset[str], str]] = {}
    for entry in text.split("\n- func: ")[1:]:
        keys: set[str] = set()
        delegate, listing = "", False
        for line in entry.splitlines()[1:]:
            if line.lstrip().startswith("#"):
                continue
            if listing and line.startswith("    "):
                keys.update(key.strip() for key in line.partition(":")[0].split(","))
                continue
            field, _, value = line.strip().partition(":")
            listing = field == "dispatch"
            delegate = value.strip() if field == "structured_delegate" else delegate
        if not keys and not delegate:
            keys.add(IMPLICIT)
        found[_qualified(entry.lstrip("\"'").partition("(")[0])] = frozenset(keys), delegate
    return found


@cache
def _shipped() -> dict[str, Table]:
    """Every shipped table by version, oldest first. Each is stored as its change of the last."""
    tables: dict[str, Table] = {}
    native: frozenset[str] = frozenset()
    for version, entry in json.loads(SHIPPED.read_text(encoding="utf-8"))["versions"].items():
        native = native - _names(entry["drop"]) | _names(entry["add"])
        silent, python, owned = (_names(entry[field]) for field in ("silent", "python", "owned"))
        tables[version] = Table(version, entry["source"], native, silent, python, owned)
    return tables


def _names(stored: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_qualified, stored))


def _installed_yaml(version: str) -> Path:
    spec = importlib.util.find_spec("torchgen")
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        found = Path(folder) / "packaged/ATen/native/native_functions.yaml"
        if found.is_file():
            return found
    raise UsageError(
        f"There is no operator table for torch {version}, and its installation lacks the files "
        f"to make one.",
        f"Name the nearest with --torch: {_neighbours(number(version))}.",
    )


def _release(version: str) -> str:
    """Without what names the build: `2.13.0+cpu` is the release 2.13.0."""
    return version.split("+")[0]


def _neighbours(wanted: tuple[int, int, int]) -> str:
    below = [known for known in versions() if number(known) < wanted]
    above = [known for known in versions() if number(known) > wanted]
    return " and ".join(below[-1:] + above[:1])


def _qualified(name: str) -> str:
    return name if "::" in name else f"aten::{name}"


def _has_kernel(name: str, keys: Iterable[str]) -> bool:
    """Whether the installed torch knows the operator and has a kernel of one of those kinds."""
    import torch

    has = torch._C._dispatch_has_kernel_for_dispatch_key
    try:
        return any(has(name, key) for key in keys)
    except RuntimeError:  # no such operator in this torch
        return False
