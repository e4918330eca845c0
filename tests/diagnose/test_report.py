from __future__ import annotations

import json
import os

import pytest
import torch

from vivavoce.diagnose.report import render, report
from vivavoce.errors import UnsupportedDevice


def test_the_report_is_plain_data_and_changes_nothing():
    before = (dict(os.environ), torch.get_num_threads())
    facts = report("cpu")
    assert json.loads(json.dumps(facts)) == facts
    assert (dict(os.environ), torch.get_num_threads()) == before
    assert facts["software"]["torch"] == torch.__version__
    assert facts["cpu"]["threads"] == torch.get_num_threads()
    assert facts["selected"]["device"] == "cpu"
    assert facts["devices"]["cpu"] == "usable"
    assert facts["memory"]["process_peak_bytes"] > 2**24


def test_a_device_that_is_not_there_is_told_not_raised(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)
    facts = report("mps")
    assert "MPS not built" in facts["selected"]["error"]
    assert "MPS not built" in render({"selected": facts["selected"]})
    with pytest.raises(UnsupportedDevice, match="No device is called 'abacus'"):
        report("abacus")


def test_absent_devices_say_why(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)
    assert report("cpu")["devices"]["mps"] == "MPS not built into this torch"


@pytest.mark.parametrize(("value", "told"), [("1", True), ("0", False), (None, False)])
def test_the_fallback_variable_is_told(monkeypatch, value, told):
    monkeypatch.delenv("PYTORCH_ENABLE_MPS_FALLBACK", raising=False)
    if value is not None:
        monkeypatch.setenv("PYTORCH_ENABLE_MPS_FALLBACK", value)
    facts = report("cpu")
    assert any("unset it" in note for note in facts["notes"]) is told
    assert facts["environment"].get("PYTORCH_ENABLE_MPS_FALLBACK") == value


def test_extras_are_named_with_their_versions(monkeypatch):
    monkeypatch.setitem(
        report.__globals__["EXTRAS"], "nothing", ("a-distribution-nobody-published",)
    )
    facts = report("cpu")
    assert facts["extras"]["nothing"] == {"a-distribution-nobody-published": None}
    assert "a-distribution-nobody-published missing" in render(facts)


def test_extras_are_those_of_the_project():
    import re
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    declared = {
        extra: tuple(re.split("[=>]", text)[0] for text in texts)
        for extra, texts in project["optional-dependencies"].items()
    }
    assert report.__globals__["EXTRAS"] == declared


def test_measured_speed_is_shown(tmp_path):
    facts = report("cpu", cache_folder=tmp_path)
    if not facts["cpu"]["gflops"]:
        pytest.skip(facts["cpu"]["linear_kernel_reason"])
    assert f"onednn {facts['cpu']['gflops']['onednn']}" in render(facts)
    assert "GiB" in render(facts)
