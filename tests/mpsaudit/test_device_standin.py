"""The stand-in as a program sees it. All checks run in one child: nothing here patches torch."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("standin_checks.py")
CHECKS = [
    node.name
    for node in ast.parse(SCRIPT.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
]


@pytest.fixture(scope="module")
def results(library):
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("check", CHECKS)
def test_stand_in(results, check):
    assert results[check] == ""


def test_this_process_is_untouched(results):
    assert not torch.backends.mps.is_available()
    with pytest.raises(RuntimeError):
        torch.zeros(1, device="mps")
