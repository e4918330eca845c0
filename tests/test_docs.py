"""What is written is run: Python blocks, command lines, generated pages, links and paths."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main
import yaml

import mpsaudit
import vivavoce
from tests.models.xtts.speaking import tiny_xtts
from tests.tiny import tiny_f5
from vivavoce.cli import app
from vivavoce.cli.grouped import ELSEWHERE
from vivavoce.speech.load import load

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md")), DOCS / "audio" / "README.md"]
CODE_PAGES = sorted((ROOT / "src").rglob("*.md"))
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
BLOCK = re.compile(r"^```([\w ]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")
NEEDS_DATA = re.compile(r"train\(")
ADDRESS = re.compile(r"https://example\.org/vivavoce")


def blocks(language: str) -> Iterator[Any]:
    for page in PAGES:
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1):
            if match[1] == language:
                yield pytest.param(match[2], id=f"{page.parent.name}-{page.stem}-{number}")


def with_a_tiny_clone(load: Callable[..., Any]) -> Callable[..., Any]:
    """Models that clone are too large to be here: a tiny one answers to the name."""
    tiny = {"f5-v1": tiny_f5, "xtts-v2": tiny_xtts}
    return lambda name=None, **how: tiny[name]() if name in tiny else load(name, **how)


def tool(name: str) -> ModuleType:
    """A program of docs/tools as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parsed(line: str) -> Any:
    """A `vivavoce` command line, read by the command's own parser; nothing is run."""
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        command = command.commands[words.pop(0)]
    return command.make_context("vivavoce", words)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_block_says_what_it_is(page):
    """`python` is run, `sh` is parsed, `py` and `python norun` are compiled, others are shown."""
    languages = {match[1] for match in BLOCK.finditer(page.read_text(encoding="utf-8"))}
    compiled = {"py", "python norun"}
    shown = {"toml", "json", "yaml", "ini", "nginx", "text"}
    assert languages <= {"python", "sh"} | compiled | shown


@pytest.mark.parametrize("code", list(blocks("python")))
def test_python_block_runs(code, tmp_path, monkeypatch):
    if NEEDS_DATA.search(code):
        compile(code, "doc", "exec")
        pytest.skip("needs a recipe and recordings: only compiled")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vivavoce.speech.load.load", with_a_tiny_clone(load))
    exec(code, {"__name__": "doc"})


@pytest.mark.parametrize("code", [*blocks("py"), *blocks("python norun")])
def test_other_python_compiles(code):
    compile(code, "doc", "exec")


@pytest.mark.parametrize("code", list(blocks("sh")))
def test_command_lines_are_understood(code):
    for line in code.splitlines():
        for part in re.split(r"\s(?:\||&&)\s", line):
            if part.strip().startswith("vivavoce "):
                parsed(part.strip())


def test_a_misspelt_flag_is_not_understood():
    with pytest.raises(Exception, match="--sped"):
        parsed("vivavoce speak Hello. --sped 2")


@pytest.mark.parametrize("code", list(blocks("toml")))
def test_toml_is_toml(code):
    assert tomllib.loads(code)


@pytest.mark.parametrize("page", PAGES + CODE_PAGES + DECISIONS, ids=lambda p: p.stem)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} names {target}"


def test_generated_pages_are_up_to_date():
    for name, text in tool("reference").pages().items():
        kept = (DOCS / name).read_text(encoding="utf-8")
        assert kept == text, f"docs/{name} is stale: run `python docs/tools/reference.py`"


def test_the_first_screen_is_short_and_can_be_heard():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 110
    named = set(re.findall(r"docs/audio/\w+\.opus", readme))
    made = {command[-1] for command in tool("samples").commands()}
    assert named == made
    for name in made:
        assert (ROOT / name).stat().st_size < 60_000
        assert vivavoce.read_audio(ROOT / name).duration_s > 1


def test_all_public_names_are_documented():
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^::: vivavoce\.(\w+)$", page, re.MULTILINE))
    assert described == set(vivavoce.__all__) - {"__version__"}
    assert re.search(r"^::: mpsaudit$", page, re.MULTILINE)
    assert all(getattr(mpsaudit, name).__doc__ for name in mpsaudit.__all__ if name != "MACOS")


def test_flags_of_other_programs_are_translated():
    page = (DOCS / "coming-from.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| ")]
    known = {
        option
        for parameter in parsed("vivavoce speak x").command.params
        for option in parameter.opts
    }
    for theirs, ours in rows:
        flags = re.findall(r"(?<![\w-])--?[a-z][\w-]*", ours)
        if "`-" in theirs:
            assert set(flags) <= known, f"{theirs}: {ours}"
    spoken = {flag for theirs, _ in rows for flag in re.findall(r"`(--?\w[\w-]*)", theirs)}
    hyphened = {"--cfg-strength", "--remove-silence", "--remove_silence"}
    assert set(ELSEWHERE) - hyphened <= spoken


def test_architecture_names_real_files():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:src|tests|docs|recipes)/[\w./-]+)`", text)
    assert paths
    for path in paths:
        assert (ROOT / path).exists(), path


def test_architecture_has_the_layers_that_are_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    stated = " → ".join(layers).replace("vivavoce.", "")
    text = " ".join((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split())
    assert f"`{stated}`" in text


def test_architecture_has_a_row_for_every_folder():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for part in sorted((ROOT / "src" / "vivavoce").iterdir()):
        folder = part.is_dir() and (part / "__init__.py").exists()
        if folder or (part.suffix == ".py" and not part.name.startswith("__")):
            assert f"`{part.name}{'/' if folder else ''}`" in text, part.name


def test_training_names_what_can_be_trained():
    """A family with a train.py, and no other."""
    families = sorted((ROOT / "src" / "vivavoce").glob("models/*/train.py"))
    families += sorted((ROOT / "src" / "vivavoce").glob("vocoders/*/train.py"))
    first = (DOCS / "training.md").read_text(encoding="utf-8").split("\n\n")[1]
    assert set(re.findall(r"`(\w+)`", first)) == {path.parent.name for path in families}


def test_the_site_has_every_page():
    # !!python tags aside, which are not used, mkdocs.yml is plain YAML.
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    named = set(re.findall(r"[\w./-]+\.md", json.dumps(site["nav"])))
    for page in named:
        assert (DOCS / page).exists() or (ROOT / page).exists(), page
    assert {page.name for page in DOCS.glob("*.md")} <= named


def test_one_address_and_one_version():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (address,) = set(ADDRESS.findall(project))
    files = [ROOT / "CITATION.cff", ROOT / "mkdocs.yml", ROOT / "SECURITY.md", DOCS / "index.md",
             ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"]  # fmt: skip
    for file in files:
        assert set(ADDRESS.findall(file.read_text(encoding="utf-8"))) == {address}, file.name
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == vivavoce.__version__
    assert citation["cff-version"] == "1.2.0"


@pytest.mark.parametrize("form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")))
def test_issue_forms_are_forms(form):
    found = yaml.safe_load(form.read_text(encoding="utf-8"))
    if form.name == "config.yml":
        assert found["contact_links"]
        return
    assert {"name", "description", "body"} <= set(found)
    kinds = {"textarea": "label", "input": "label", "checkboxes": "options"}
    for field in found["body"]:
        assert kinds[field["type"]] in field["attributes"]
        assert re.fullmatch(r"[a-z]+", field["id"])
