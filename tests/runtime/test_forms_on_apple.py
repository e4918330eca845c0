"""Forms that only Apple's GPUs get, on a stand-in: no call that a version gets wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mpsaudit import standin_build
from mpsaudit.errors import StandInUnavailable


@pytest.fixture(scope="module")
def found():
    try:
        standin_build.library()
    except StandInUnavailable as why:
        pytest.skip(f"no stand-in device here: {why}")
    child = Path(__file__).with_name("standin_forms.py")
    done = subprocess.run([sys.executable, str(child)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_linear_layers_multiply_one_matrix_that_lies_together(found):
    """Issues 162730, 180776, 189855 and 192934 of pytorch need something else."""
    assert found["dimensions"] == [2]
    assert found["together"] == [True]


def test_attention_gets_masks_that_are_added_and_is_never_told_to_be_causal(found):
    """Issues 182285, 184180 and 195910."""
    assert found["masks"] == ["none", "torch.bfloat16", "torch.float32"]
    assert found["causal"] == [False]
