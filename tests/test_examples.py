"""Every program of examples/ runs, and so does the notebook."""

from __future__ import annotations

import io
import json
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import vivavoce
from tests.speechlike import speechlike
from tests.tiny import F5_WORDS, tiny_f5_folders, tiny_folders
from vivavoce.hub.export import export
from vivavoce.hub.onnx import OnnxVoice, difference
from vivavoce.text import arpabet
from vivavoce.vocoders.base import decode_windowed

EXAMPLES = Path(__file__).parents[1] / "examples"
Run = Callable[..., bytes]
NEEDS_A_SERVER = {"openai_client.py"}
"""Also needs the package openai; tests/serve/test_clients.py runs it against a server."""


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Run:
    """A program in an empty folder: its arguments and input in, its standard output back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))

    def start(name: str, *arguments: object, stdin: bytes = b"") -> bytes:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capfdbinary.readouterr()
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        sys.stdout.flush()
        return capfdbinary.readouterr().out

    return start


def test_all_are_short_and_tested():
    programs = sorted(path.name for path in EXAMPLES.glob("*.py"))
    here = Path(__file__).read_text(encoding="utf-8")
    assert len(programs) >= 7
    for name in programs:
        compile((EXAMPLES / name).read_text(encoding="utf-8"), name, "exec")
        assert name in NEEDS_A_SERVER or f'run("{name}"' in here, f"no test runs examples/{name}"
        assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) <= 40, name


def test_speak_to_a_file(run):
    out = run("speak_to_file.py", "Good evening.", "a.wav")
    speech = vivavoce.read_audio("a.wav")
    assert f"a.wav: {speech.duration_s:.2f} s at 24000 Hz, seed 7" in out.decode()


def test_clone_a_voice(run, tmp_path):
    model, _ = tiny_f5_folders(tmp_path / "models")
    vivavoce.write_audio("ref.wav", speechlike(3.0, level=0.1))
    arguments = ("ref.wav", F5_WORDS, "Other words, in the same voice.", "out.wav")
    run("clone_voice.py", *arguments, "--model", model, "--keep", "me.safetensors")
    assert vivavoce.read_audio("out.wav").duration_s > 0.5
    assert vivavoce.load_voice("me.safetensors").transcript == F5_WORDS


def test_the_stream_is_the_whole(run):
    text = "It was cold. He went home."
    stream = np.frombuffer(run("stream_to_player.py", stdin=text.encode()), "<i2")
    whole = vivavoce.load().speak(text).samples
    assert len(stream) == len(whole)
    assert np.abs(stream / 32767 - whole).max() <= 1 / 32767


def test_many_texts_are_numbered_files(run, tmp_path):
    (tmp_path / "prompts.txt").write_text("One.\n\nTwo of them.\n", encoding="utf-8")
    out = run("batch_texts.py", "prompts.txt", "prompts").decode().splitlines()
    assert [line.split()[0] for line in out] == ["001.flac", "002.flac"]
    assert sorted(path.name for path in (tmp_path / "prompts").iterdir()) == [
        "001.flac",
        "002.flac",
    ]


def test_a_session_gives_each_turn_what_it_is_alone(run, tmp_path):
    model, _ = tiny_folders(tmp_path / "models", n_speakers=2)
    turns = ("speaker0", "Good evening. Is it late?", "speaker1", "It is half past seven.")
    run("several_voices.py", model, *turns)
    tts = vivavoce.load(model)
    alone = tts.speak(turns[3], "speaker1", seed=1, speed=1.1).samples
    together = vivavoce.read_audio("turn-2.wav").samples
    assert len(together) == len(alone)
    assert np.abs(together - alone).max() <= 1e-4 + 1 / 32767  # the promise of `batch`, and int16
    assert not (tmp_path / "turn-3.wav").exists()


def test_subtitles_hold_every_word(run, tmp_path):
    out = run("subtitles.py", "It was cold.", "talk.flac", "talk.srt").decode()
    assert [line.split()[-1] for line in out.splitlines()] == ["It", "was", "cold."]
    assert "It was cold." in (tmp_path / "talk.srt").read_text(encoding="utf-8")


def test_an_exported_voice_speaks_without_torch(tmp_path):
    pytest.importorskip("onnxruntime")
    model, _ = tiny_folders(tmp_path / "models")
    export(str(model), tmp_path / "voice.onnx", "onnx")
    program = str(EXAMPLES / "onnx_without_torch.py")  # run("onnx_without_torch.py") has torch
    command = [sys.executable, program, "voice.onnx", "Good evening.", "a.wav"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "torch: False" in done.stdout
    assert vivavoce.read_audio(tmp_path / "a.wav").duration_s > 0.1


def test_sherpa_onnx_speaks_a_folder(run, tmp_path, monkeypatch):
    pytest.importorskip("sherpa_onnx")
    pytest.importorskip("onnxruntime")
    text = "One and two and three of them."
    model, _ = tiny_folders(tmp_path / "models")
    monkeypatch.setattr(arpabet, "common_words", lambda: frozenset(text.lower().strip(".").split()))
    export(str(model), tmp_path / "folder", "sherpa")
    out = run("speak_with_sherpa.py", "folder", text, "a.wav").decode()
    assert out.startswith("a.wav: ")
    assert vivavoce.read_audio("a.wav").duration_s > 0.1


def has_onnxruntime_web() -> bool:
    """In examples/web/node_modules, or in a folder that NODE_PATH names."""
    if not (node := shutil.which("node")):
        return False
    asked = [node, "-e", "require.resolve('onnxruntime-web')"]
    return subprocess.run(asked, cwd=EXAMPLES / "web", capture_output=True).returncode == 0


@pytest.mark.skipif(not has_onnxruntime_web(), reason="needs Node and npm's onnxruntime-web")
def test_under_node_the_page_speaks_our_samples(tmp_path, monkeypatch):
    text = "Is it the one – or the other, of twenty-one?"
    model, _ = tiny_folders(tmp_path / "models")
    monkeypatch.setattr(arpabet, "common_words", frozenset)
    (tmp_path / "words.txt").write_text(text, encoding="utf-8")
    export(str(model), tmp_path / "folder", "sherpa", tmp_path / "words.txt")
    program = str(EXAMPLES / "web" / "speak_in_node.mjs")
    subprocess.run(["node", program, "folder", text, "a.wav", "0"], cwd=tmp_path, check=True)
    found = vivavoce.read_audio(tmp_path / "a.wav").samples
    voice = OnnxVoice.open(str(model))
    features = voice.features(arpabet.encode(text).ids, voice.options())
    with torch.inference_mode():
        expected = decode_windowed(voice.vocoder, features.values)[0].numpy()
    assert difference(found, expected) <= 1e-3


def notebook() -> dict[str, Any]:
    return json.loads((EXAMPLES / "quickstart.ipynb").read_text(encoding="utf-8"))


def test_the_notebook_was_executed_in_order():
    book = notebook()
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    cells = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    run = [cell for cell in cells if "jupyter-only" not in cell["metadata"].get("tags", ())]
    assert [cell["execution_count"] for cell in run] == list(range(1, len(run) + 1))
    assert all(cell["outputs"] for cell in run)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])


def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    """Cells print what is kept in the file, but for the figures, which belong to a voice."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook()["cells"]:
        if cell["cell_type"] != "code":
            continue
        code = compile("".join(cell["source"]), cell["id"], "exec")
        if "jupyter-only" in cell["metadata"].get("tags", ()):
            continue
        exec(code, names)
        kept = "".join(cell["outputs"][0]["text"])
        assert without_figures(capsys.readouterr().out) == without_figures(kept)


def without_figures(text: str) -> str:
    return "".join(letter for letter in text if not letter.isdigit())
