"""Only `runtime/` names an accelerator, and nothing in the package writes to the environment."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

import vivavoce

PACKAGE = Path(vivavoce.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

DEVICE_NAMES = re.compile(
    r"\.(cuda|mps|xpu)\("
    r"|\btorch\.(cuda|mps|backends|autocast|amp|accelerator)\b"
    r"|\bfrom torch import [^#\n]*\b(cuda|mps|backends|autocast|amp|accelerator)\b"
    r"|\bfrom torch\.(cuda|mps|backends|amp|accelerator)\b"
)
ENVIRONMENT_WRITES = re.compile(
    r"\benviron\[[^\]]*\]\s*=(?!=)"
    r"|\bdel (os\.)?environ\b"
    r"|\benviron\.(update|setdefault|pop|popitem|clear)\("
    r"|\benviron\s*\|="
    r"|\b(putenv|unsetenv)\("
)
FALLBACK = "PYTORCH_ENABLE_MPS_FALLBACK"


def code_of(text: str) -> str:
    """The code alone: comments and docstrings may say what they like, other strings are blanked."""
    kept, last = [], (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.start[0] > last[0]:
            last = (token.start[0], 0)
        kept.append(" " * (token.start[1] - last[1]))
        last = token.end
        if token.type == tokenize.COMMENT:
            continue
        kept.append('""' if token.type == tokenize.STRING else token.string)
    return "".join(kept)


def findings(pattern: re.Pattern[str], text: str) -> list[str]:
    code = code_of(text) if pattern.search(text) else ""
    return [line.strip() for line in code.splitlines() if pattern.search(line)]


def in_device(path: Path) -> bool:
    return path.relative_to(PACKAGE).parts[0] == "runtime"


@pytest.mark.parametrize(
    "text",
    [
        "x = y.cuda()",
        "m.mps()",
        "if torch.cuda.is_available(): pass",
        "torch.backends.cudnn.benchmark = True",
        "with torch.autocast('cpu'): pass",
        "torch.amp.GradScaler()",
        "from torch import Tensor, cuda",
        "from torch.cuda import empty_cache",
        "import torch.mps",
    ],
)
def test_the_pattern_finds_device_names(text):
    assert findings(DEVICE_NAMES, text)


@pytest.mark.parametrize(
    "text",
    [
        "os.environ['A'] = 'b'",
        'os.environ["A"]="b"',
        "del os.environ['A']",
        "os.environ.setdefault('A', 'b')",
        "environ.update(a)",
        "os.environ |= {}",
        "os.putenv('A', 'b')",
    ],
)
def test_the_pattern_finds_writes_to_the_environment(text):
    assert findings(ENVIRONMENT_WRITES, text)


@pytest.mark.parametrize(
    "text",
    [
        "from vivavoce.runtime import select  # not torch.cuda",
        '"""Runs where torch.cuda does not."""',
        "x = device.type == 'cuda'",
        "y = os.environ['A'] == 'b'",
        "z = os.environ.get('A', 'b')",
        "from torch import Tensor, nn",
    ],
)
def test_the_patterns_leave_the_innocent_alone(text):
    assert not findings(DEVICE_NAMES, text)
    assert not findings(ENVIRONMENT_WRITES, text)


def test_only_device_names_an_accelerator():
    assert FILES
    found = {
        str(path.relative_to(PACKAGE)): lines
        for path in FILES
        if not in_device(path)
        and (lines := findings(DEVICE_NAMES, path.read_text(encoding="utf-8")))
    }
    assert not found


def test_nothing_writes_to_the_environment():
    found = {
        str(path.relative_to(PACKAGE)): lines
        for path in FILES
        if (lines := findings(ENVIRONMENT_WRITES, path.read_text(encoding="utf-8")))
    }
    assert not found


def test_the_fallback_variable_is_reported_and_removed_but_never_set():
    naming = [
        str(path.relative_to(PACKAGE))
        for path in FILES
        if FALLBACK in path.read_text(encoding="utf-8")
    ]
    assert sorted(naming) == ["diagnose/report.py"]
    assert not any(
        re.search(FALLBACK + r"['\"]?\s*\]?\s*=", path.read_text(encoding="utf-8"))
        for path in FILES
    )
