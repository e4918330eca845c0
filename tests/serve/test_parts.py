"""Parts that need no server: telephony's laws, keys, sizes and addresses, the page's files."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.models.xtts.official import write_official
from tests.tiny import tiny_f5_folders, tiny_folders
from vivavoce.cli import main
from vivavoce.errors import UnknownModel, UsageError
from vivavoce.hub.voice_file import save
from vivavoce.serve.config import ServeConfig, parse_address, parse_size
from vivavoce.serve.fields import Fields
from vivavoce.serve.keys import Keys
from vivavoce.serve.recordings import container_of
from vivavoce.serve.stock import stock
from vivavoce.serve.table import OPENAI_VOICES, ModelRow, Table, VoiceRow
from vivavoce.serve.telephony import alaw, mulaw
from vivavoce.types import Voice


def decoded_mulaw(data: bytes) -> np.ndarray:
    """By the tables of G.711: sign, exponent, mantissa, bias of 33 on 14 bits."""
    code = ~np.frombuffer(data, np.uint8).astype(int) & 0xFF
    magnitude = (((code & 0x0F) * 2 + 33) << ((code >> 4) & 7)) - 33
    return np.where(code & 0x80, -magnitude, magnitude) * 4 / 32768


def decoded_alaw(data: bytes) -> np.ndarray:
    code = np.frombuffer(data, np.uint8).astype(int) ^ 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    linear = np.where(
        exponent == 0, mantissa * 2 + 1, (mantissa * 2 + 33) << np.maximum(exponent - 1, 0)
    )
    return np.where(code & 0x80, linear, -linear) * 8 / 32768


@pytest.mark.parametrize(("encode", "decode"), [(mulaw, decoded_mulaw), (alaw, decoded_alaw)])
def test_telephony_keeps_samples_within_half_a_step(encode, decode):
    samples = np.linspace(-0.98, 0.98, 4001).astype(np.float32)
    error = np.abs(decode(encode(samples)) - samples)
    assert (error <= (np.abs(samples) + 256 / 32768) / 32 + 1e-4).all()


def test_telephony_s_silence():
    assert mulaw(np.zeros(2, np.float32)) == b"\xff\xff"
    assert alaw(np.zeros(2, np.float32)) == b"\xd5\xd5"


def test_keys_come_from_a_file_and_are_read_again(tmp_path):
    file = tmp_path / "keys"
    file.write_text("# ours\nalice:one\n\ntwo\n")
    keys = Keys(file=file)
    assert keys.name_of("one") == "alice"
    assert keys.name_of("two") not in (None, "two")
    assert keys.name_of("") is None
    assert keys.name_of("alice") is None
    file.write_text("bob:three\n")
    keys.reload()
    assert keys.name_of("one") is None
    assert keys.name_of("three") == "bob"
    file.write_text("\n")
    with pytest.raises(UsageError, match="holds no key"):
        keys.reload()
    with pytest.raises(UsageError, match="Cannot read"):
        Keys(file=tmp_path / "missing")


def test_keys_come_from_the_environment(monkeypatch):
    assert not Keys().needed
    monkeypatch.setenv("VIVAVOCE_API_KEYS", "alice:one,bob:two")
    assert Keys().name_of("two") == "bob"


def test_sizes_and_addresses():
    assert (parse_size("8GB"), parse_size("512MiB"), parse_size("10")) == (8 * 10**9, 2**29, 10)
    assert parse_address("10200") == ("127.0.0.1", 10200)
    assert parse_address("0.0.0.0:1") == ("0.0.0.0", 1)
    assert parse_address("[::1]:1") == ("::1", 1)
    for wrong in ("much", "8 TB", ""):
        with pytest.raises(UsageError):
            parse_size(wrong)
    for wrong in ("host", "host:", "70000", "-1"):
        with pytest.raises(UsageError):
            parse_address(wrong)


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"RIFF\0\0\0\0WAVE", "wav"),
        (b"RIFF\0\0\0\0AVI ", None),
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
        (b"ID3\x04", "mp3"),
        (b"\xff\xfb\x90", "mp3"),
        (b"\xff\xf1\x50", "aac"),
        (b"\0\0\0\x20ftypM4A ", "mov"),
        (b"\x1aE\xdf\xa3", "matroska"),
        (b"#EXTM3U", None),
        (b"ffconcat version 1.0", None),
        (b"<?xml", None),
        (b"", None),
    ],
)
def test_containers_show_in_their_first_bytes(data, form):
    assert container_of(data) == form


def table(*voices: str) -> Table:
    rows = [VoiceRow(id=name, name=name.upper(), model="m", speaker=name) for name in voices]
    other = VoiceRow(id="far", name="far", model="other")
    models = [ModelRow(name="m", family="x"), ModelRow(name="other", family="y")]
    return Table(models, [*rows, other], [("tts-1", ""), ("default", "")])


def test_openai_s_voices_mean_ours_and_always_the_same():
    voices = table("a", "b")
    found = [voices.voice(name, "tts-1").id for name in OPENAI_VOICES]
    assert set(found) == {"a", "b"}
    assert found == [voices.voice(name, "m").id for name in OPENAI_VOICES]
    assert table("alloy", "b").voice("alloy").id == "alloy"


def test_a_voice_of_another_model_is_found_unless_the_model_was_named():
    assert table("a").voice("far", "tts-1").model == "other"
    assert table("a").voice("far").model == "other"
    with pytest.raises(Exception, match="No voice"):
        table("a").voice("far", "m")


def test_the_bundled_voice_is_served_by_default(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    found, loaders = stock(ServeConfig())
    assert list(loaders) == list(found.models) == list(found.voices) == [found.default]
    assert found.voice("default") == found.voice(None)
    assert found.models[found.default].times_words
    assert found.languages(found.voice("default"))[0].startswith("en")


def test_models_are_served_by_their_folders_and_with_the_user_s_voices(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    several, _ = tiny_folders(tmp_path, n_speakers=2)
    cloner, _ = tiny_f5_folders(tmp_path)
    save(tmp_path / "home" / "voices" / "ann.safetensors", Voice("ann", "f5", {}, "en-GB"))
    found, loaders = stock(ServeConfig(models=(str(several), str(cloner))))
    assert [(v.id, v.model) for v in found.voices.values()] == [
        ("speaker0", "tiny"),
        ("speaker1", "tiny"),
        ("ann", "tiny-f5"),
    ]
    assert set(loaders) == {"tiny", "tiny-f5"}
    assert found.models["tiny-f5"].clones
    assert "steps" in found.models["tiny-f5"].options


def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    with pytest.raises(UnknownModel, match="models get f5-v1"):
        stock(ServeConfig(models=("f5-v1",)))


def test_a_model_that_cannot_run_as_asked_is_refused_before_anything_is_loaded(
    tmp_path, monkeypatch
):
    """Also one that would be loaded at its first request only."""
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    official = write_official(tmp_path / "xtts")
    with pytest.raises(UsageError, match="'kathleen' does not support int8"):
        stock(ServeConfig(models=(str(official), "kathleen"), precision="int8"))


def test_null_is_absent():
    assert Fields({"speed": None}).number("speed", 0, 4, 1.0) == 1.0


def test_the_command_says_what_is_wrong(capsys):
    assert main(["serve", "--max-memory", "much"]) == 2
    assert "8GB" in capsys.readouterr().err
    assert main(["serve", "--max-concurrent", "0"]) == 2
    assert "--max-concurrent is 0" in capsys.readouterr().err
    assert main(["serve", "-m", "no-such-model"]) == 2
    assert "no-such-model" in capsys.readouterr().err


def test_the_page_needs_no_other_server(server):
    with server.client() as client:
        page = client.get("/")
        names = re.findall(r'(?:href|src)="([^"#]+)"', page.text)
        names += ["page/sound.js", "page/capture.js"]
        for name in names:
            assert "//" not in name
            assert client.get("/" + name).status_code == 200
        facts = client.get("/x/page.json").json()
        scripts = client.get("/page/page.js").text + client.get("/page/sound.js").text
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]*src)|<style|\son\w+=|\sstyle=", page.text)
    assert "innerHTML" not in scripts
    assert not re.search(r"https?://(?!www\.w3\.org)", scripts + page.text)
    assert facts["needs_key"] is False
    for wanted in ("text", "voice", "speed", "seed", "language", "speak", "stop", "status"):
        assert f'data-testid="{wanted}"' in page.text
