"""Folders for sherpa-onnx: what its own front end and runtime make of them."""

import re

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
SENTENCES = (
    "The kettle had just begun to sing, and the garden door was open.",
    "Is that you, Martha, or was it only the wind?",
    "We walked along the river, past the mill, until the light was gone.",
    "He counted seven boats, two of them red, before he slept.",
    "Where did you put the letter, and who has read it?",
    "After the storm, the village was quiet again.",
    "Bring bread, butter and a little salt, please.",
    "She smiled, turned round, and closed the window.",
    "Can anybody hear the violin, or is it my imagination?",
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


@pytest.mark.slow
def test_the_whole_lexicon():
    lines = list(sherpa.lexicon_lines(None))
    assert len(lines) > 13_000
    assert "world W ER1 L D\n" in lines
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


def test_what_the_folder_holds(folder):
    lines = (folder / "sherpa" / "tokens.txt").read_text().splitlines()
    assert len(lines) == len(arpabet.SYMBOLS)
    assert (lines[3], lines[4]) == ("3", "? 4")
    lexicon = (folder / "sherpa" / "lexicon.txt").read_text().splitlines()
    assert lexicon[0].startswith("a ")
    assert "imagination IH2 M AE2 JH AH0 N EY1 SH AH0 N" in lexicon
    assert not any("+" in line for line in lexicon)
    spoken = set(re.findall(r"[a-z]+", " ".join(SENTENCES).lower()))
    assert spoken <= {line.split()[0] for line in lexicon}
    card = (folder / "sherpa" / "README.md").read_text()
    assert f"The lexicon has {len(lexicon)} words." in card


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
    speaker = runtime.OfflineTts(runtime.OfflineTtsConfig(model=model))
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
    with pytest.raises(UsageError, match="not a single-speaker model"):
        export(str(voice), tmp_path / "out", "sherpa")
    with pytest.raises(UsageError, match="--words is for --as sherpa"):
        export(str(voice), tmp_path / "out", "onnx", tmp_path / "words")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(OutputError, match="is not empty"):
        export(str(voice), tmp_path / "mine", "sherpa")
