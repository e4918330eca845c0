"""`vivavoce audit`, on toy workloads put in the models' place."""

from __future__ import annotations

import json

import pytest
import torch

from vivavoce import models, vocoders
from vivavoce.types import Workload

BUILT: list[tuple[str, bool]] = []


def plain():
    return torch.ones(3).sum()


def bad():
    return torch.logspace(0, 1, 3)


def failing():
    raise RuntimeError("no clip")


def workload(name, call):
    def build(device, full=False):
        BUILT.append((device, full))
        return call

    return Workload(name, f"the {name} one", build)


@pytest.fixture
def toys(monkeypatch):
    BUILT.clear()
    spoken = {"f5.short": workload("f5.short", plain), "f5.long": workload("f5.long", bad),
              "forward.short": workload("forward.short", plain)}  # fmt: skip
    decoded = {"pulse.short": workload("pulse.short", plain)}
    monkeypatch.setattr(models, "workloads", lambda: spoken)
    monkeypatch.setattr(vocoders, "workloads", lambda: decoded)


def test_a_family_with_everything_it_does(cli, toys):
    result = cli("audit", "f5")
    assert result.code == 1
    assert "aten::logspace" in result.out
    assert "test_audit.py" in result.out
    assert "2 workloads, 1 of them clean" in result.out
    assert result.out.count("acoustic.f5 on mlx: not torch; see `vivavoce doctor --self-test") == 1
    assert result.out.count("NOT NATIVE: 1 finding") == 1
    assert "f5.long: the f5.long one" in result.err
    assert BUILT == [("cpu", False)] * 2


def test_what_mlx_computes_of_a_voice(cli, toys):
    assert "acoustic.f5 on mlx: not torch" in cli("audit", "f5-v1").out
    assert "on mlx" not in cli("audit", "kathleen").out


def test_a_model_speaks_through_its_vocoder(cli, toys):
    result = cli("audit", "kathleen", "--json")
    assert result.code == 0
    assert set(json.loads(result.out)) == {"forward.short", "pulse.short"}


def test_one_workload_at_full_size(cli, toys):
    result = cli("audit", "f5", "--workload", "short", "--full", "--macos", "15.5", "--json")
    assert result.code == 0
    (report,) = json.loads(result.out).values()
    assert (report["macos"], report["clean"], report["findings"]) == (["15.5"], True, [])
    assert BUILT == [("cpu", True)]


def test_anybody_s_callable(cli, tmp_path, monkeypatch):
    (tmp_path / "their_model.py").write_text(
        "import torch\ndef speak():\n    return torch.logspace(0, 1, 3)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    result = cli("audit", "their_model:speak")
    assert result.code == 1
    assert "their_model.py:3 in speak" in result.out
    assert "NOT NATIVE" in result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("f6",), "Did you mean 'f5'"),
        (("f5", "--workload", "shrt"), "'short'"),
        (("f5", "--macos", "16.1"), "macOS '16.1' is unknown"),
        (("f5", "--torch", "1.0"), "Nearest"),
        (("math:nothing",), "has no 'nothing'"),
        (("math:pi", "--workload", "x"), "--workload is for models"),
        (("math:pi", "--full"), "--full works for models only"),
    ],
)
def test_what_was_asked_wrongly(cli, toys, arguments, words):
    result = cli("audit", *arguments)
    assert result.code == 2
    assert words in result.err


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("aten::unfold_backward", "torch 2.3.1 to 2.5.1: no kernel"),
        ("aten::unfold_backward", "use: torch.istft calls it"),
        (
            "NotImplementedError: The operator 'aten::unfold_backward' is not currently "
            "implemented for the MPS device. If you want this op to be added",
            "torch 2.6.0 to",
        ),
        (
            "RuntimeError: Output channels > 65536 not supported at the MPS device.",
            "torch 2.6 and newer, macOS before 15.1",
        ),
    ],
)
def test_an_operator_or_a_message_is_looked_up(cli, question, words):
    result = cli("audit", question)
    assert result.code == 0
    assert words in result.out


def test_an_unknown_operator_is_a_usage_error(cli):
    result = cli("audit", "aten::unfold_backwards")
    assert result.code == 2
    assert "Did you mean 'aten::unfold_backward'" in result.err


def test_a_lookup_as_json(cli):
    result = cli("audit", "aten::mode", "--torch", "2.13.0", "--json")
    (row,) = json.loads(result.out)["support"]
    assert (row["operator"], row["kind"], row["first"]) == ("aten::mode", "missing", "2.13.0")


def test_work_that_fails_is_not_a_verdict(cli):
    result = cli("audit", "tests.cli.test_audit:failing")
    assert result.code == 1
    assert "no clip" in result.err
    assert result.out == ""
