"""Size is a feature: limits on the source, and promises that hold for all of it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

import vivavoce
from vivavoce.models import MODELS
from vivavoce.vocoders import VOCODERS

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "vivavoce"
FILE_LINES = 400
FUNCTION_LINES = 60
COMMAND_LINES = 200
PACKAGE = {"files": 682, "lines": 75_900, "untyped": 49}
"""Of src/vivavoce: files, lines, and lines with `: Any`. Lower them when they fall."""
PAGES = {"README.md": 180, "ARCHITECTURE.md": 200}
HEAVY = {"torch", "numpy", "rich", "soundfile", "soxr", "safetensors", "huggingface_hub"}


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_files_are_short() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for folder in (SOURCE, ROOT / "tests")
        for path in files(folder)
    }
    assert len(lengths) > 50
    assert {name: n for name, n in lengths.items() if n > FILE_LINES} == {}
    commands = {
        name: n for name, n in lengths.items() if "/cli/" in name and name.startswith("src")
    }
    assert {name: n for name, n in commands.items() if n > COMMAND_LINES} == {}


def test_functions_are_short() -> None:
    long = {}
    for path in files(SOURCE):
        for node in functions(path):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                long[f"{name_of(path)}:{node.name}"] = length
    assert long == {}


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_short(page: str) -> None:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    assert 0 < len(lines) <= PAGES[page]


def test_every_module_opens_with_what_it_is() -> None:
    silent = [
        name_of(path)
        for path in files(SOURCE)
        if tree(path).body and not ast.get_docstring(tree(path))
    ]
    assert silent == []


@pytest.mark.parametrize(("stage", "table"), [("models", MODELS), ("vocoders", VOCODERS)])
def test_only_its_table_names_a_family(stage: str, table: object) -> None:
    families = table.names
    assert families
    told = []
    for path in files(SOURCE):
        if path == SOURCE / stage / "__init__.py":
            continue
        others = [family for family in families if SOURCE / stage / family not in path.parents]
        told += [f"{name_of(path)}:{line}" for line in mentions(path, stage, others)]
    assert told == []


def mentions(path: Path, stage: str, families: list[str]) -> Iterator[int]:
    """Lines where code (not prose) imports a family or compares with its name."""
    modules = {f"vivavoce.{stage}.{family}" for family in families}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and node.value in families:
            yield node.lineno
        elif isinstance(node, ast.ImportFrom):
            inside = f"vivavoce.{stage}" == node.module
            names = [f"{node.module}.{alias.name}" for alias in node.names] if inside else []
            if modules & {family_module(name) for name in (node.module or "", *names)}:
                yield node.lineno
        elif isinstance(node, ast.Import) and modules & {
            family_module(alias.name) for alias in node.names
        }:
            yield node.lineno


def family_module(name: str) -> str:
    """The first three parts of a module's name."""
    return ".".join(name.split(".")[:3])


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_import_and_help_load_nothing_heavy() -> None:
    code = (
        "import json, sys, vivavoce, vivavoce.cli\n"
        "code = vivavoce.cli.main(['--help'])\n"
        "codes = [code, vivavoce.cli.main(['speak', '--help']), vivavoce.cli.main(['--version'])]\n"
        "print(json.dumps([codes, sorted(sys.modules)]))"
    )
    codes, loaded = json.loads(run_python(code))
    assert codes == [0, 0, 0]
    assert "vivavoce.cli" in loaded
    assert HEAVY & set(loaded) == set()


def test_version_is_the_project_file_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == vivavoce.__version__


def test_constraints_pin_what_we_ask_for() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = data["project"]["optional-dependencies"].values()
    groups = data["dependency-groups"].values()
    asked = [data["project"]["dependencies"], *extras, *groups]
    names = {canonical(re.split(r"[\[<>=!~; ]", one)[0]) for group in asked for one in group}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {canonical(line.partition("==")[0]) for line in lines if not line.startswith("#")}
    assert names - pinned == set()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_a_class_name_stands_for_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for path in files(SOURCE):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{name_of(path)}:{node.lineno}")
    double = {name: where for name, where in places.items() if len(where) > 1}
    assert double == {}


def test_modules_import_each_other_in_one_direction() -> None:
    """With imports for type checkers too, which the contract in pyproject.toml leaves out."""
    graph = grimp.build_graph("vivavoce", cache_dir=None)
    graph.remove_module("vivavoce")  # it re-exports, and holds the version
    imports = {one: graph.find_modules_directly_imported_by(one) for one in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules


def test_the_package_stays_small() -> None:
    sources = [path.read_text(encoding="utf-8") for path in files(SOURCE)]
    found = {
        "files": len(sources),
        "lines": sum(len(text.splitlines()) for text in sources),
        "untyped": sum(": Any" in line for text in sources for line in text.splitlines()),
    }
    assert {name: n for name, n in found.items() if n > PACKAGE[name]} == {}
