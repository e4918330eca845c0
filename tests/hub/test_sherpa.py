"""Folders for sherpa-onnx: what its own front end and runtime make of them."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.models.vits.toy import stored, toy
from tests.tiny import tiny_folders
from vivavoce.checkpoints.onnx_write import INT64, GraphWriter
from vivavoce.errors import OutputError, UsageError
from vivavoce.hub import onnx, sherpa
from vivavoce.hub.export import export
from vivavoce.text import arpabet
from vivavoce.vocoders.base import decode_windowed

pytest.importorskip("onnxruntime")
ROOT = Path(__file__).parents[2]
SENTENCES = (
    "The kettle had just begun to sing, and the garden door was open.",
    "Is that you, Martha, or was it only the wind?",
    "We walked along the river, past the mill, until the light was gone.",
    "He counted seven boats, two of them red, before he slept.",
    "Where did you put the letter, and who has read it?",
    "After the storm, the village was quiet again.",
    "Seven, fourteen, twenty-one – or was it twenty-two?",
    "I can't find the keys; have you seen them, or the other one?",
    "The apples were cheap, the pears were sour... and the engineers were gone.",
    "Nobody answered, so they went home.",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("voices")
    (where / "words.txt").write_text("\n".join(SENTENCES))
    model, _ = tiny_folders(where)
    with pytest.MonkeyPatch.context() as few:
        few.setattr(arpabet, "common_words", lambda: frozenset({"the", "of", "+"}))
        export(str(model), where / "sherpa", "sherpa", where / "words.txt")
    return where


def test_the_whole_lexicon():
    words = sherpa.lexicon_words(None)
    assert len(set(words)) == len(words) > 100_000
    listed = (ROOT / "benchmarks" / "voice_sentences.csv").read_text(encoding="utf-8")
    sentences = " ".join(line.split("|")[1] for line in listed.splitlines())
    assert set(sherpa.WORD.findall(sentences.lower())) <= set(words)


def test_a_lexicon_s_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(arpabet, "common_words", lambda: frozenset({"world", "+"}))
    (tmp_path / "words.txt").write_text("James’s file")
    lines = list(sherpa.lexicon_lines(tmp_path / "words.txt"))
    assert "world W ER1 L D\n" in lines
    assert "world's W ER1 L D Z\n" in lines
    assert "james's JH EY1 M Z IH0 Z\n" in lines
    assert "'tis T IH1 Z\n" in lines
    assert "— -\n" in lines
    assert len({line.split()[0] for line in lines}) == len(lines)


@pytest.mark.parametrize(
    "text", ["Hello, world.", "Is it?", "A well-known man.", "Go", "No - yes!"]
)
def test_blanks_that_the_model_does_not_know(text):
    g = GraphWriter()
    found = sherpa.known_ids(g, g.input("x", INT64, (1, "tokens")))
    g.output(found, INT64, (1, "tokens"))
    session = onnx.run_session(g.model("ids", "test"))
    ids = arpabet.encode(text).ids
    x = np.array([sherpa.front_end(ids)])
    assert tuple(session.run(None, {"x": x})[0][0]) == ids


def front_end(text):
    """What sherpa-onnx looks up: a blank behind every word, sign and part, none for a hyphen."""
    for part in re.findall(r"[a-z']+|[?!.;:,–—…]", text.lower()):
        phones = arpabet.phonemes(part) if part[-1].isalpha() else [sherpa.SIGNS.get(part, part)]
        yield from (arpabet.SYMBOLS.index(phone) for phone in (*phones, arpabet.BOUNDARY))


@pytest.mark.parametrize(
    "text",
    [
        "The end of the odd year, of the other, the oldest.",
        "Wait... what?! No – not the – that is: maybe…",
        "Twenty-one keys; have you seen them?",
    ],
)
def test_what_the_front_end_writes_becomes_our_ids(text):
    g = GraphWriter()
    found = sherpa.known_ids(g, g.input("x", INT64, (1, "tokens")))
    g.output(found, INT64, (1, "tokens"))
    session = onnx.run_session(g.model("ids", "test"))
    x = np.array([list(front_end(text))])
    assert tuple(session.run(None, {"x": x})[0][0]) == arpabet.encode(text).ids


def test_what_the_folder_holds(folder):
    lines = (folder / "sherpa" / "tokens.txt").read_text().splitlines()
    assert len(lines) == len(arpabet.SYMBOLS)
    assert (lines[3], lines[4]) == ("3", "? 4")
    lexicon = (folder / "sherpa" / "lexicon.txt").read_text().splitlines()
    assert "the DH AH0" in lexicon
    assert "garden G AA1 R D AH0 N" in lexicon
    assert not any("+" in line for line in lexicon)
    spoken = set(sherpa.WORD.findall(" ".join(SENTENCES).lower()))
    assert spoken <= {line.split()[0] for line in lexicon}
    card = (folder / "sherpa" / "README.md").read_text()
    assert f"The lexicon has {len(lexicon)} entries." in card


def test_sherpa_onnx_speaks_it_with_our_samples(folder):
    runtime = pytest.importorskip("sherpa_onnx")
    path = str(folder / "sherpa")
    vits = runtime.OfflineTtsVitsModelConfig(
        model=f"{path}/model.onnx",
        lexicon=f"{path}/lexicon.txt",
        tokens=f"{path}/tokens.txt",
        noise_scale=0.0,
    )
    model = runtime.OfflineTtsModelConfig(vits=vits, num_threads=1)
    speaker = runtime.OfflineTts(runtime.OfflineTtsConfig(model=model, max_num_sentences=8))
    how = runtime.GenerationConfig()
    how.silence_scale = 1.0
    voice = onnx.OnnxVoice.open(str(folder / "tiny"))
    for text in SENTENCES:
        found = np.array(speaker.generate(text, how).samples)
        ours = voice.features(arpabet.encode(text).ids, voice.options())
        with torch.inference_mode():
            expected = decode_windowed(voice.vocoder, ours.values)[0].numpy()
        assert onnx.difference(found, expected) <= 1e-4, text


def test_models_without_a_lexicon(tmp_path, monkeypatch):
    voice = stored(tmp_path / "toy", *toy())
    monkeypatch.setattr(arpabet, "common_words", frozenset)
    with pytest.raises(UsageError, match="needs a single-speaker model"):
        export(str(voice), tmp_path / "out", "sherpa")
    with pytest.raises(UsageError, match="--words is for --as sherpa"):
        export(str(voice), tmp_path / "out", "onnx", tmp_path / "words")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="is not empty"):
        export(str(voice), tmp_path / "mine", "sherpa")
