from __future__ import annotations

import json

import pytest

from vivavoce.errors import BadCheckpoint


def test_a_working_machine(cli, loads):
    result = cli("doctor", "--json", "--device", "cpu")
    facts = json.loads(result.out)
    assert result.code == 0, result.err
    assert facts["selected"]["device"] == "cpu"
    assert facts["bundled_voice"]["model"] == "tiny"
    assert facts["bundled_voice"]["rtf"] > 0
    assert loads == [{"model": None, "vocoder": None, "device": "cpu"}]
    assert "bundled_voice" in cli("doctor", "--device", "cpu").out


def test_a_file_to_send_names_no_folders(cli, loads, here):
    result = cli("doctor", "--device", "cpu", "-o", "mine.json", "--json")
    kept, told = json.loads((here / "mine.json").read_text()), json.loads(result.out)
    assert told.keys() - kept.keys() == {"folders"}
    assert kept["devices"].keys() >= {"cpu", "mps", "mlx"}
    assert len(loads) == 1


def test_a_voice_that_does_not_load_is_reported(cli, monkeypatch):
    def load(*args, **kwargs):
        raise BadCheckpoint("The bundled voice is truncated.", "Install again.")

    monkeypatch.setattr("vivavoce.speech.load.load", load)
    result = cli("doctor", "--json")
    assert result.code == 1
    assert "truncated" in json.loads(result.out)["bundled_voice"]["error"]


STAGES = [
    {"stage": "acoustic.glow", "right": True, "gain": 2.0, "error": 1e-6, "tolerance": 1e-4}
    | {
        "failure": "",
        "lower_fault": "f5.bfloat16 is wrong",
        "cpu_s": 1.0,
        "device_s": 0.5,
        "work": "glow.batch",
        "differences": {},
    },
    {"stage": "vocoder.vocos", "right": False, "gain": None, "error": 0.3, "tolerance": 1e-4}
    | {"failure": "", "lower_fault": "", "cpu_s": None, "device_s": None, "work": "vocos.longest"},
    {"stage": "vocoder.hifigan", "right": False, "gain": None, "error": 0.0, "tolerance": 0.0}
    | {
        "failure": "hifigan.typical: no kernel",
        "lower_fault": "",
        "cpu_s": None,
        "device_s": None,
        "work": "x",
    },
]


@pytest.mark.usefixtures("loads")
def test_the_self_test_says_that_a_cpu_alone_has_no_match(cli):
    result = cli("doctor", "--self-test", "--device", "cpu")
    assert result.code == 0, result.err
    assert "no device here to compare with the CPU" in result.out
    assert (
        "note"
        in json.loads(cli("doctor", "--self-test", "--json", "--device", "cpu").out)["self_test"]
    )


@pytest.mark.usefixtures("loads")
def test_a_stage_that_is_wrong_is_shown_and_fails(cli, monkeypatch):
    def self_test(device, on_progress):
        return {"device": "mps", "machine": "here", "stages": STAGES}

    monkeypatch.setattr("vivavoce.diagnose.selftest.self_test", self_test)
    result = cli("doctor", "--self-test", "--device", "cpu")
    assert result.code == 1
    lines = [line.split() for line in result.out.splitlines()]
    assert [
        "acoustic.glow",
        "right",
        "1.0e-06",
        "1e-04",
        "glow.batch",
        "1",
        "0.5",
        "2.0",
        "x",
    ] in lines
    assert ["vocoder.vocos", "WRONG", "3.0e-01", "1e-04", "vocos.longest"] in lines
    assert "  vocoder.hifigan: hifigan.typical: no kernel" in result.out.splitlines()
    assert "  acoustic.glow: f5.bfloat16 is wrong" in result.out.splitlines()
    found = cli("doctor", "--self-test", "--device", "cpu", "--json")
    assert json.loads(found.out)["self_test"]["stages"] == STAGES
    assert found.code == 1


@pytest.mark.usefixtures("loads")
def test_without_being_asked_nothing_is_compared(cli, monkeypatch):
    monkeypatch.setattr("vivavoce.diagnose.selftest.self_test", None)
    assert "self_test" not in json.loads(cli("doctor", "--json", "--device", "cpu").out)


def test_known_faults_are_told_on_macos_or_when_asked(cli, loads, monkeypatch):
    def told(*argv):
        return json.loads(cli("doctor", "--json", *argv).out)["known_faults"]

    monkeypatch.setattr("platform.mac_ver", lambda: ("", ("", "", ""), ""))
    monkeypatch.setattr("torch.__version__", "2.14.1")
    assert told() == []
    assert any("exceeds 65,536" in fault for fault in told("--macos", "14.4"))
    monkeypatch.setattr("platform.mac_ver", lambda: ("26.2", ("", "", ""), "arm64"))
    assert any("Conv3d" in fault for fault in told())
    assert not any("Conv3d" in fault for fault in told("--macos", "26.3"))
    monkeypatch.setattr("platform.mac_ver", lambda: ("99.0", ("", "", ""), "arm64"))
    assert ["macOS '99.0' is unknown" in fault for fault in told()] == [True]


def test_an_unknown_macos_is_a_usage_error(cli):
    result = cli("doctor", "--macos", "16")
    assert result.code == 2
    assert "macOS '16' is unknown" in result.err


def test_a_device_that_is_none_is_a_usage_error(cli, loads):
    for argv in ((), ("--self-test",), ("--json",)):
        result = cli("doctor", "--device", "tpu", *argv)
        assert (result.code, result.out) == (2, "")
        assert "No device is called 'tpu'" in result.err
    assert loads == []
