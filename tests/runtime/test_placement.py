"""Where a stage goes follows from what was measured; what cannot be read was not measured."""

from __future__ import annotations

import json

import pytest
import torch

from vivavoce.errors import OutputError
from vivavoce.runtime.placement import CACHE_FILE, Measurement, machine, place, recall, remember
from vivavoce.runtime.select import Selection

MPS = torch.device("mps")
STAGE = "vocoder.vocos"
FOUND = Selection(MPS, torch.float32, "MPS found")
RIGHT = Measurement(1e-6, 1e-4)
FASTER = Measurement(1e-6, 1e-4, cpu_s=3.0, device_s=1.5)
SLOWER = Measurement(1e-6, 1e-4, cpu_s=1.0, device_s=3.1)
WRONG = Measurement(0.3, 1e-4, cpu_s=3.0, device_s=1.5)
FAILED = Measurement(failure="vocos.typical: no kernel")


def placed(tmp_path, measured, asked="auto"):
    remember(tmp_path, MPS, STAGE, measured)
    found = place(STAGE, asked, FOUND, tmp_path)
    return found.device.type, found.reason


def test_without_a_measurement_nothing_changes(tmp_path):
    assert place(STAGE, "auto", FOUND, tmp_path) is FOUND
    assert list(tmp_path.iterdir()) == []


def test_the_cpu_is_never_left(tmp_path):
    cpu = Selection(torch.device("cpu"), torch.float32, "CPU asked for")
    assert place(STAGE, "auto", cpu, tmp_path) is cpu


@pytest.mark.parametrize(
    ("measured", "device", "reason"),
    [
        (RIGHT, "mps", "MPS found"),
        (
            FASTER,
            "mps",
            "MPS found; vocoder on mps: measured 2.0 times faster than on the cpu",
        ),
        (SLOWER, "cpu", "MPS found; vocoder on cpu: measured 3.1 times faster there"),
        (
            WRONG,
            "cpu",
            "MPS found; vocoder on cpu: mps gave wrong numbers in the self-test (0.3)",
        ),
        (
            FAILED,
            "cpu",
            "MPS found; vocoder on cpu: mps failed the self-test (vocos.typical: no kernel)",
        ),
    ],
)
def test_auto_goes_where_it_is_right_and_faster(tmp_path, measured, device, reason):
    assert placed(tmp_path, measured) == (device, reason)


def test_a_little_slower_is_not_worth_a_move(tmp_path):
    for device_s in (0.95, 1.05):
        close = Measurement(0.0, 1e-4, cpu_s=1.0, device_s=device_s)
        assert placed(tmp_path, close) == ("mps", "MPS found")


@pytest.mark.parametrize("measured", [RIGHT, FASTER, SLOWER])
def test_a_device_asked_for_is_obeyed(tmp_path, measured):
    assert placed(tmp_path, measured, asked="mps") == ("mps", "MPS found")


@pytest.mark.parametrize("measured", [WRONG, FAILED])
def test_it_is_obeyed_with_a_warning_where_it_failed(tmp_path, measured):
    device, reason = placed(tmp_path, measured, asked="mps")
    assert device == "mps"
    assert reason == f"MPS found; warning: mps {measured.fault}"


def test_stages_are_kept_apart_and_may_be_forgotten(tmp_path):
    remember(tmp_path, MPS, "vocoder.a", FASTER)
    remember(tmp_path, MPS, "vocoder.b", WRONG)
    remember(tmp_path, MPS, "vocoder.a", SLOWER)
    assert recall(tmp_path, MPS, "vocoder.a") == SLOWER
    remember(tmp_path, MPS, "vocoder.a", None)
    assert recall(tmp_path, MPS, "vocoder.a") is None
    assert recall(tmp_path, MPS, "vocoder.b") == WRONG
    assert [file.name for file in tmp_path.iterdir()] == [CACHE_FILE]


def test_another_torch_system_or_chip_is_another_machine(tmp_path, monkeypatch):
    remember(tmp_path, MPS, STAGE, FASTER)
    assert torch.__version__ in machine(MPS)
    with monkeypatch.context() as patch:
        patch.setattr(torch, "__version__", "2.99.0")
        assert recall(tmp_path, MPS, STAGE) is None
    with monkeypatch.context() as patch:
        patch.setattr("platform.mac_ver", lambda: ("27.0", ("", "", ""), "arm64"))
        assert recall(tmp_path, MPS, STAGE) is None
    with monkeypatch.context() as patch:
        patch.setattr("vivavoce.runtime.placement.cpu_model", lambda: "Apple M9")
        assert recall(tmp_path, MPS, STAGE) is None
    assert recall(tmp_path, MPS, STAGE) == FASTER


def test_the_gpu_s_name_is_part_of_the_machine(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")
    assert machine(torch.device("cuda:1")).endswith("GPU 1")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole, table: "{",
        lambda whole, table: "[]",
        lambda whole, table: json.dumps({"version": 1, "measured": whole}),
        lambda whole, table: json.dumps(whole).replace("| v", "| u"),
        lambda whole, table: json.dumps(whole).replace("1e-06", '"small"'),
        lambda whole, table: json.dumps(whole).replace("1e-06", "NaN"),
        lambda whole, table: json.dumps(whole).replace('"error"', '"mistake"'),
        lambda whole, table: json.dumps(whole).replace(json.dumps(table), "3"),
        lambda whole, table: "\x00\x80",
    ],
)
def test_a_damaged_file_is_no_measurement_and_is_replaced(tmp_path, damage):
    remember(tmp_path, MPS, STAGE, FASTER)
    file = tmp_path / CACHE_FILE
    whole = json.loads(file.read_text())
    (table,) = whole.values()
    file.write_text(damage(whole, table), encoding="latin-1")
    assert recall(tmp_path, MPS, STAGE) is None
    assert place(STAGE, "auto", FOUND, tmp_path) is FOUND
    remember(tmp_path, MPS, STAGE, FASTER)
    assert recall(tmp_path, MPS, STAGE) == FASTER


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="VIVAVOCE_HOME"):
        remember(tmp_path / "file", MPS, STAGE, FASTER)
