"""Whole checkpoints of five programs through the one door, and what is refused on the way."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.models.vits.official import close, draws, speaker, tokens
from tests.models.vits.test_parity import options
from vivavoce.errors import BadCheckpoint
from vivavoce.hub import build, library
from vivavoce.models.base import Sentence
from vivavoce.models.vits.settings import SYMBOLS, settings_of

ARCHITECTURE = (
    *("upsample_rates", "upsample_kernel_sizes", "resblock_kernel_sizes"),
    "resblock_dilation_sizes",
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))


def wrote(
    folder: Path, weights: dict, files: dict, name: str = "weights.pth", inside="model"
) -> Path:
    folder.mkdir(exist_ok=True)
    if name.endswith(".safetensors"):
        save_file(weights, folder / name)
    else:
        torch.save({inside: weights, "iteration": 7}, folder / name)
    for file, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / file).write_text(text, encoding="utf-8")
    return folder / name


def hugging_face(parity, folder: Path) -> Path:
    rows = parity.weights["text_encoder.embed_tokens.weight"].shape[0]
    vocabulary = {chr(97 + n): n for n in range(rows)} | {"<unk>": rows}
    tokenizer = {"language": "deu", "is_uroman": False, "add_blank": True, "phonemize": False}
    files = {
        "config.json": parity.meta["config"],
        "vocab.json": vocabulary,
        "tokenizer_config.json": tokenizer,
    }
    return wrote(folder, parity.weights, files, "model.safetensors")


def publication(parity, folder: Path, **files) -> Path:
    config = parity.meta["config"]
    model = {key: config[key] for key in ARCHITECTURE}
    table = {"model": model, "data": {"sampling_rate": 16000, "add_blank": True}}
    vocabulary = "\n".join(["a", " ", *(chr(0x100 + n) for n in range(38))]) + "\n"
    return wrote(folder, parity.weights, {"config.json": table, "vocab.txt": vocabulary} | files)


def coqui(parity, folder: Path) -> Path:
    config = parity.meta["config"]
    table = {
        "model": "vits",
        "model_args": config,
        "audio": {"sample_rate": 16000},
        "characters": {
            "vocab_dict": [chr(97 + n) for n in range(66)] + ["<BLNK>"],
            "blank": "<BLNK>",
        },
        "text_cleaner": "multilingual_cleaners",
        "add_blank": True,
    }
    files = {"config.json": table, "language_ids.json": {"en": 0, "fr-fr": 1, "pt-br": 2}}
    return wrote(folder, parity.weights, files, "model_file.pth")


def piper_training(parity, folder: Path) -> Path:
    ids = {"_": [0], "^": [1], "$": [2], "a": [3]}
    table = {
        "audio": {"sample_rate": 16000, "quality": "low"},
        "espeak": {"voice": "de"},
        "inference": {"noise_scale": 0.5, "length_scale": 2, "noise_w": 0.7},
        "phoneme_id_map": ids,
        "speaker_id_map": {"zoe": 2, "amy": 0, "bob": 1},
    }
    return wrote(folder, parity.weights, {"config.json": table}, "last.ckpt", "state_dict")


LAYOUTS = {
    "mms_hf_speakers_tiny": hugging_face,
    "vits_original_tiny": publication,
    "yourtts_tiny": coqui,
    "piper_ckpt_tiny": piper_training,
}


@pytest.mark.parity
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_checkpoint_comes_in_without_being_told_what_it_is(name, load_parity, tmp_path):
    """Unnamed family, strict load of every tensor, and the latents of the reference."""
    parity = load_parity(name)
    file = LAYOUTS[name](parity, tmp_path / "checkpoint")
    folder = library.import_checkpoint(file, name="mine")
    stored = library.open_model(str(folder))
    manifest = stored.manifest
    assert (manifest["family"], manifest["features"]["sample_rate"]) == ("vits", 16000)
    model = build.acoustic(build.split(stored)[0]).freeze()
    voice, entry = speaker(model, parity.inputs), tokens(parity.inputs["ids"][0])
    pieces = list(model.generate([Sentence(entry, voice, options(parity))], draws(parity.inputs)))
    expected = parity.outputs["spectrogram" if "spectrogram" in parity.outputs else "z"]
    close(torch.cat([piece.values for piece in pieces], 2), expected, 2e-5)


@pytest.mark.parity
def test_settings_of_each_program(load_parity, tmp_path):
    def manifest(name: str) -> dict:
        file = LAYOUTS[name](load_parity(name), tmp_path / name)
        return dict(library.show(str(file)).manifest)

    theirs = manifest("mms_hf_speakers_tiny")
    assert (theirs["text"]["kind"], theirs["text"]["language"]) == ("mms", "deu")
    assert "<unk>" not in theirs["text"]["symbols"]
    assert manifest("vits_original_tiny")["text"]["symbols"][1] == " "
    yours = manifest("yourtts_tiny")
    assert (yours["languages"], yours["options"]["duration_noise"]) == (
        ["en", "fr-fr", "pt-br"],
        1.0,
    )
    trained = manifest("piper_ckpt_tiny")
    assert trained["speakers"] == ["amy", "bob", "zoe"]
    assert trained["options"] == {"speed": 0.5, "noise_scale": 0.5, "duration_noise": 0.7}


@pytest.fixture
def voice(parity_file, tmp_path) -> Path:
    """A Piper voice and its JSON, copied."""
    for suffix in (".onnx", ".onnx.json"):
        shutil.copy(parity_file(f"piper_onnx_speakers_high_tiny{suffix}"), tmp_path / f"v{suffix}")
    return tmp_path / "v.onnx"


@pytest.mark.parity
def test_a_piper_voice_comes_in(voice):
    folder = library.import_checkpoint(voice)
    stored, again = library.open_model(folder.name), library.open_model(str(voice))
    manifest = stored.manifest
    assert (manifest["family"], manifest["vocoder"]["config"]["block"]) == ("vits", 1)
    assert manifest["text"]["piper"]["phoneme_type"] == "espeak"
    assert stored.tensors.keys() == again.tensors.keys()


@pytest.mark.parity
def test_piper_files_that_are_not_whole(voice):
    table = json.loads(voice.with_suffix(".onnx.json").read_text())
    for change, message in (
        ({"phoneme_type": "pinyin"}, "kind 'pinyin'"),
        ({"phoneme_id_map": {"_": [0]}}, "phoneme_id_map lacks"),
        ({"phoneme_id_map": table["phoneme_id_map"] | {"q": [4000]}}, "beyond the 40 symbols"),
        ({"phoneme_id_map": table["phoneme_id_map"] | {"q": [-1]}}, "beyond the 40 symbols"),
        ({"phoneme_id_map": 3}, "cannot be read"),
        ({"espeak": {}}, "no espeak.voice, the language"),
        ({"default_speaker_id": 3}, "have 3 speakers; .* begins with number 3"),
        ({"speaker_id_map": {"a": 3}}, "have 3 speakers; the configuration names 4"),
        ({"speaker_id_map": {"a": -2}}, "speaker_id_map has the invalid number -2"),
        ({"speaker_id_map": {"a": 10**9}}, "speaker_id_map has the invalid number 1000000000"),
    ):
        voice.with_suffix(".onnx.json").write_text(json.dumps(table | change))
        with pytest.raises(BadCheckpoint, match=message):
            library.import_checkpoint(voice)
    voice.with_suffix(".onnx.json").unlink()
    with pytest.raises(BadCheckpoint, match="no configuration beside"):
        library.import_checkpoint(voice)
    voice.write_bytes(voice.read_bytes()[:100_000])
    with pytest.raises(BadCheckpoint, match="cannot be read"):
        library.import_checkpoint(voice)


@pytest.mark.parity
def test_speakers_without_a_name_go_by_their_number(voice):
    table = json.loads(voice.with_suffix(".onnx.json").read_text())
    table |= {"speaker_id_map": {"zoe": 1}, "default_speaker_id": 1}
    voice.with_suffix(".onnx.json").write_text(json.dumps(table))
    manifest = library.open_model(str(library.import_checkpoint(voice))).manifest
    assert (manifest["speakers"], manifest["default_speaker"]) == (["0", "zoe", "2"], 1)


@pytest.mark.parity
def test_another_family_is_told_whose_it_is(voice):
    with pytest.raises(BadCheckpoint, match="not of the family 'glow', but of 'vits'"):
        library.import_checkpoint(voice, "glow")


def test_configurations_that_do_not_fit():
    for foreign, rows, message in (
        ({}, 4, "not from a known program"),
        ({"model": {}, "data": {}}, 4, "4 symbols, the publication's alphabet 178"),
        ({"model_type": "vits"}, 4, "no vocab.json"),
        ({"model_args": {}, "model": "vits"}, 4, "symbols, the weights have 4"),
        ({"model_args": {}, "model": "glow_tts"}, 4, "configuration is for a 'glow_tts'"),
        ({"model_args": {"encoder_sample_rate": 1}, "model": "vits"}, 4, "different sample rates"),
    ):
        with pytest.raises(BadCheckpoint, match=message):
            settings_of(foreign, rows)


def test_the_publications_alphabet(parity_file):
    golden = json.loads(parity_file("vits_text_frontend.json").read_text(encoding="utf-8"))
    assert list(SYMBOLS) == golden["original_symbols"]


@pytest.mark.parametrize(
    ("source", "variant", "language"),
    [("hf://facebook/mms-tts-deu/x", "", "deu"), ("/some/where", "fra", "fra"), ("", "", "")],
)
def test_the_language_of_a_voice_that_does_not_say(source, variant, language):
    found = {"symbols": "a\nb\n", "source": source, "variant": variant}
    foreign = {"model": {}, "data": {"training_files": "x.uroman"}, "found": found}
    text = settings_of(foreign, 2).text
    assert (text.language, text.romanise, text.kind) == (language, True, "mms")
