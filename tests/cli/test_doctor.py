from __future__ import annotations

import json

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


def test_a_voice_that_does_not_load_is_reported(cli, monkeypatch):
    def load(*args, **kwargs):
        raise BadCheckpoint("The bundled voice is truncated.", "Install again.")

    monkeypatch.setattr("vivavoce.synthesis.load.load", load)
    result = cli("doctor", "--json")
    assert result.code == 1
    assert "truncated" in json.loads(result.out)["bundled_voice"]["error"]
