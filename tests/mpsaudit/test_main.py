"""`python -m mpsaudit`: exit codes and what is printed."""

import json
import subprocess
import sys

import pytest
import torch

from mpsaudit.__main__ import main


def clean():
    return torch.ones(3).sum()


def missing():
    return torch.logspace(0, 1, 3)


def failing():
    raise ValueError("no such clip")


HERE = f"{__name__}:"


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        ([f"{HERE}clean"], 0, "NATIVE, as far as this shows", ""),
        ([f"{HERE}missing"], 1, "aten::logspace", ""),
        ([f"{HERE}failing"], 1, "", "no such clip"),
        ([f"{HERE}nothing"], 2, "", "has no 'nothing'"),
        ([f"{HERE}clean", "--macos", "16.1"], 2, "", "macOS '16.1' is unknown"),
        (["aten::unfold_backward"], 0, "torch 2.3.1 to 2.5.1: no kernel", ""),
        (["Output channels > 65536 not supported at the MPS device"], 0, "before 15.1", ""),
        ([f"{HERE}clean", f"{HERE}missing"], 1, "2 workloads, 1 of them clean", ""),
    ],
)
def test_exit_codes(capsys, arguments, code, out, err):
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert out in printed.out
    assert err in printed.err


def test_json(capsys):
    assert main([f"{HERE}missing", "aten::mode", "--torch", "2.13.0", "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed[f"{HERE}missing"]["clean"] is False
    assert printed["aten::mode"]["support"][0]["kind"] == "missing"


def test_a_closed_pipe_is_no_failure():
    command = f"set -o pipefail; {sys.executable} -m mpsaudit aten::add | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_target_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as leave:
        main([])
    assert leave.value.code == 2
    assert "usage: python -m mpsaudit" in capsys.readouterr().err
