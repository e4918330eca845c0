from __future__ import annotations

import json


def test_bench_prints_what_was_measured(cli, loads):
    result = cli("bench", "-m", "m", "--text", "Hello there.", "--runs", "2", "--json")
    found = json.loads(result.out)
    assert result.code == 0
    assert loads == [{"model": "m", "vocoder": None, "device": "auto"}]
    assert (found["model"], found["runs"], found["text"]) == ("tiny", 2, "Hello there.")
    out = cli("bench", "--runs", "1").out
    assert "rtf" in out
    assert "MiB" in out


def test_a_file_to_send(cli, loads, here):
    result = cli("bench", "--runs", "1", "--text", "Hello there.", "-o", "mine.json", "--json")
    kept = json.loads((here / "mine.json").read_text())
    assert kept == json.loads(result.out)
    assert kept["machine"].startswith("cpu | torch ")
    assert len(loads) == 1


def test_fast_and_precision_reach_the_loading(cli, loads):
    assert cli("bench", "--runs", "1", "--fast", "--precision", "bfloat16").code == 0
    assert loads[0]["fast"] is True
    assert loads[0]["precision"] == "bfloat16"


def test_no_runs_measure_nothing(cli, loads):
    result = cli("bench", "--runs", "0")
    assert result.code == 2
    assert loads == []


def test_soaking_needs_utterances(cli):
    result = cli("bench", "--soak", "-3")
    assert result.code == 2
    assert "--soak is -3" in result.err


def test_a_device_that_is_none_is_a_usage_error(cli):
    result = cli("bench", "--device", "tpu")
    assert (result.code, result.out) == (2, "")
    assert "No device is called 'tpu'" in result.err
