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
from pathlib import Path

import pytest

import vivavoce
from vivavoce import models, vocoders

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "vivavoce"
FILE_LINES = 400
FUNCTION_LINES = 60
COMMAND_LINES = 200
PAGES = {"README.md": 180, "ARCHITECTURE.md": 200}
HEAVY = {"torch", "numpy", "rich", "soundfile", "soxr", "safetensors", "huggingface_hub"}

# Modules without a test file of their own, and where they are tested instead.
TESTED_ELSEWHERE = {
    "__init__.py": "test_public_api.py",
    "__main__.py": "two lines; cli/test_main.py tests the function it calls",
    "audit/__init__.py": "audit/test_api.py",
    "audit/findings.py": "values; audit/test_verdict.py shows and judges them",
    "cli/__init__.py": "cli/test_main.py",
    "cli/output.py": "cli/test_speak.py",
    "cli/options.py": "declarations; every command's test uses them",
    "train/__init__.py": "train/test_run.py calls through it",
    "train/task.py": "a Protocol; the families' tests fulfil it",
    "models/__init__.py": "the table of families; synthesis/test_load.py looks up in it",
    "models/f5/config.py": "fields; models/f5/test_model.py and test_sampler.py build from them",
    "models/f5/dit.py": "models/f5/test_layers.py compares it with recordings",
    "models/f5/unett.py": "models/f5/test_layers.py compares it with recordings",
    "models/glow/config.py": "fields; test_model.py and test_convert.py build from them",
    "models/glow/encoder.py": "a part; test_model.py compares it with recordings",
    "models/glow/decoder.py": "a part; test_model.py compares it with recordings",
    "device/onednn.py": "device/test_kernels.py",
    "vocoders/__init__.py": "vocoders/test_table.py",
    "vocoders/stages.py": "names; vocoders/hifigan/test_convert.py and its twin go through it",
    "vocoders/work.py": "vocoders/test_table.py runs every one",
    "vocoders/vocoder.py": "windowing; both families' test_model.py compare it with the whole",
    "vocoders/bigvgan/__init__.py": "vocoders/test_table.py builds through it",
    "vocoders/bigvgan/config.py": "fields; test_model.py and test_convert.py build from them",
    "vocoders/bigvgan/workloads.py": "vocoders/test_table.py runs every one",
    "vocoders/hifigan/__init__.py": "vocoders/test_table.py builds through it",
    "vocoders/hifigan/config.py": "fields; test_model.py and test_convert.py build from them",
    "vocoders/hifigan/workloads.py": "vocoders/test_table.py runs every one",
    "vocoders/vocos/__init__.py": "vocoders/test_table.py builds through it",
    "vocoders/vocos/config.py": "fields; test_model.py and test_convert.py build from them",
    "vocoders/vocos/discriminators.py": "vocoders/vocos/test_train.py",
    "vocoders/vocos/losses.py": "vocoders/vocos/test_train.py",
    "vocoders/vocos/workloads.py": "vocoders/test_table.py runs every one",
}


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


def test_every_module_has_a_test() -> None:
    lonely = []
    for path in files(SOURCE):
        name = name_of(path)
        if path.name == "__init__.py" and name not in TESTED_ELSEWHERE:
            # Nothing to test where nothing is defined.
            has_twin = not list(functions(path))
        else:
            twin = ROOT / "tests" / Path(name).parent / f"test_{path.name}"
            has_twin = twin.is_file() or name in TESTED_ELSEWHERE
        if not has_twin:
            lonely.append(name)
    assert lonely == []


def test_exceptions_to_the_twin_rule_exist() -> None:
    assert [name for name in TESTED_ELSEWHERE if not (SOURCE / name).is_file()] == []
    places = re.findall(r"[a-z_]+/[a-z_/]+\.py", " ".join(TESTED_ELSEWHERE.values()))
    assert [place for place in places if not (ROOT / "tests" / place).is_file()] == []


@pytest.mark.parametrize(("stage", "table"), [("models", models), ("vocoders", vocoders)])
def test_only_its_table_names_a_family(stage: str, table: object) -> None:
    families = table.FAMILIES
    assert families
    told = []
    for path in files(SOURCE):
        for family in families:
            own = SOURCE / stage / family
            if own in path.parents or path == SOURCE / stage / "__init__.py":
                continue
            told += [f"{name_of(path)}:{line}" for line in mentions(path, stage, family)]
    assert told == []


def mentions(path: Path, stage: str, family: str) -> Iterator[int]:
    """Lines where code (not prose) imports a family or compares with its name."""
    module = f"vivavoce.{stage}.{family}"
    for node in ast.walk(tree(path)):
        named = isinstance(node, ast.Constant) and node.value == family
        if isinstance(node, ast.ImportFrom):
            named = f"{node.module or ''}.".startswith(f"{module}.") or (
                node.module == f"vivavoce.{stage}" and family in {a.name for a in node.names}
            )
        elif isinstance(node, ast.Import):
            named = any(f"{a.name}.".startswith(f"{module}.") for a in node.names)
        if named:
            yield node.lineno


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
