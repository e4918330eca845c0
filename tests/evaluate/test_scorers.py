"""Recognisers and scorers with weights from files; none is fetched."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from vivavoce.checkpoints.onnx_write import FLOAT, GraphWriter
from vivavoce.errors import MissingExtra, UsageError
from vivavoce.evaluate import recognisers
from vivavoce.evaluate.recognisers import fft_resampled
from vivavoce.evaluate.scorers import DistillMos, Dnsmos, Similarity, Utmos
from vivavoce.types import Audio


def tone(seconds: float, rate: int = 16_000, hz: float = 440.0) -> Audio:
    t = np.arange(int(seconds * rate)) / rate
    return Audio((0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32), rate)


def graph(path: Path, scale: list[float]) -> Path:
    """`[1, S]` to the mean of its magnitudes times each number."""
    pytest.importorskip("onnxruntime")
    work = GraphWriter()
    heard = work.input("input_1", FLOAT, (1, "samples"))
    mean = work.op("ReduceMean", work.op("Abs", heard), axes=[1], keepdims=1)
    work.op("Mul", mean, work.constant([scale]), out="scores")
    work.output("scores", FLOAT, (1, len(scale)))
    path.write_bytes(work.model("scorer", "test"))
    return path


def test_dnsmos_is_calibrated_and_repeats_what_is_short(tmp_path):
    scorer = Dnsmos(graph(tmp_path / "d.onnx", [10.0, 5.0, 2.0]))
    raw = 0.3 * 2 / np.pi
    short, long = scorer.score(tone(2.0), None), scorer.score(tone(12.0, 24_000), None)
    for found, tolerance in ((short, 1e-3), (long, 1e-2)):
        sig = -0.08397278 * (10 * raw) ** 2 + 1.22083953 * 10 * raw + 0.0052439
        ovrl = -0.06766283 * (2 * raw) ** 2 + 1.11546468 * 2 * raw + 0.04602535
        assert found["sig"] == pytest.approx(sig, abs=tolerance)
        assert found["ovrl"] == pytest.approx(ovrl, abs=tolerance)
    assert "d.onnx" in scorer.facts["dnsmos"]
    assert scorer.score(Audio(np.zeros(0, np.float32), 16_000), None)["sig"] == 1.0


def test_utmos_and_similarity(tmp_path):
    path = graph(tmp_path / "u.onnx", [4.0, 2.0])
    assert Utmos(path).score(tone(1.0), None)["utmos"] == pytest.approx(3 * 0.6 / np.pi, abs=1e-3)
    scorer = Similarity(f"onnx:{path}")
    assert scorer.score(tone(1.0), tone(2.0, 24_000, 200))["sim"] == pytest.approx(1.0)
    assert scorer.score(tone(1.0), None) == {}


def test_what_is_not_there_is_told(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"There is no .*x\.onnx"):
        Dnsmos(tmp_path / "x.onnx")
    with pytest.raises(UsageError, match="'magic'"):
        Similarity("magic")
    with pytest.raises(UsageError, match="'whisper'"):
        recognisers.find("whisper", "ours")
    with pytest.raises(UsageError, match="Download"):
        recognisers.find(f"whisper:{tmp_path / 'no'}", "ours")
    for module in ("onnxruntime", "distillmos", "resemblyzer", "faster_whisper", "transformers"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"vivavoce\[eval\]"):
        Utmos(tmp_path / "x.onnx")
    with pytest.raises(MissingExtra, match="distillmos"):
        DistillMos()
    with pytest.raises(MissingExtra, match="Resemblyzer"):
        Similarity("resemblyzer")
    with pytest.raises(MissingExtra, match=r"vivavoce\[asr\]"):
        recognisers.find(f"whisper:{tmp_path}", "ours")
    with pytest.raises(MissingExtra, match="transformers"):
        recognisers.find(f"transformers:{tmp_path}", "seed-tts")


def test_transcripts_of_another_program(tmp_path):
    path = tmp_path / "heard.tsv"
    path.write_text('a\tit "turns"\nb\n', encoding="utf-8")
    heard = recognisers.find(f"transcripts:{path}", "ours")
    assert heard(tone(0.1), "a", "en") == 'it "turns"'
    assert heard(tone(0.1), "b", "en") == ""
    with pytest.raises(UsageError, match="no transcript of 'c'"):
        heard(tone(0.1), "c", "en")


@pytest.mark.parametrize(("protocol", "carried"), [("ours", False), ("f5-tts", True)])
def test_whisper_gets_what_the_protocol_says(tmp_path, monkeypatch, protocol, carried):
    asked = {}

    class Model:
        def __init__(self, folder, **how):
            assert how["local_files_only"]

        def transcribe(self, samples, **how):
            asked.update(how, count=len(samples))
            return [types.SimpleNamespace(text=" It "), types.SimpleNamespace(text="turns.")], None

    fake = types.ModuleType("faster_whisper")
    fake.WhisperModel = Model
    monkeypatch.setitem(sys.modules, "faster_whisper", fake)
    monkeypatch.setattr(recognisers.metadata, "version", lambda name: "1.2.1")
    heard = recognisers.find(f"whisper:{tmp_path}", protocol)
    assert heard(tone(1.0, 24_000), "a", "en") == "It turns."
    assert asked == {
        "language": "en",
        "beam_size": 5,
        "condition_on_previous_text": carried,
        "count": 16_000,
    }


def fake(monkeypatch, name, **members):
    made = types.ModuleType(name)
    for key, value in members.items():
        setattr(made, key, value)
    monkeypatch.setitem(sys.modules, name, made)
    monkeypatch.setattr(recognisers.metadata, "version", lambda name: "1.0")


def test_the_greedy_whisper_of_seed_tts(tmp_path, monkeypatch):
    class Processor:
        @classmethod
        def from_pretrained(cls, folder, local_files_only):
            assert local_files_only
            return cls()

        def __call__(self, samples, sampling_rate, return_tensors):
            assert (len(samples), sampling_rate, return_tensors) == (16_000, 16_000, "pt")
            return types.SimpleNamespace(input_features="features")

        def batch_decode(self, ids, skip_special_tokens):
            return [f" {ids}"]

    class Model(Processor):
        def eval(self):
            return self

        def generate(self, features, language, task):
            return f"{features} {language} {task}"

    members = {"WhisperProcessor": Processor, "WhisperForConditionalGeneration": Model}
    fake(monkeypatch, "transformers", **members)
    heard = recognisers.find(f"transformers:{tmp_path}", "seed-tts")
    assert heard(tone(1.0, 24_000), "a", "en") == " features en transcribe"


def test_chinese_is_put_into_simplified_characters(tmp_path, monkeypatch):
    class Model:
        def __init__(self, model, disable_update):
            assert (model, disable_update) == (str(tmp_path), True)

        def generate(self, **how):
            return [{"text": f"{len(how['input'])} 個"}]

    fake(monkeypatch, "funasr", AutoModel=Model)
    fake(monkeypatch, "zhconv", convert=lambda text, to: text.replace("個", "个") + to)
    heard = recognisers.find(f"paraformer:{tmp_path}", "seed-tts")
    assert heard(tone(1.0), "a", "zh") == "16000 个zh-cn"


@pytest.mark.parametrize(("have", "count"), [(24_000, 2400), (8_000, 801), (8_000, 800)])
def test_resampling_by_the_spectrum_is_exact_for_whole_periods(have, count):
    """scipy 1.18 differs by 1e-7 at these lengths."""
    periods = 7
    samples = np.sin(2 * np.pi * periods * np.arange(count) / count).astype(np.float32)
    found = fft_resampled(Audio(samples, have), 16_000)
    wanted = np.sin(2 * np.pi * periods * np.arange(len(found)) / len(found))
    assert len(found) == count * 16_000 // have
    assert np.abs(found - wanted).max() < 1e-6
