"""XTTS as people have it: a folder of upstream's files, opened where it lies, imported, fetched."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from tests.hub.conftest import COMMIT, opened
from tests.models.xtts import official
from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import under
from vivavoce.errors import BadCheckpoint, TextError, UnsafeCheckpoint
from vivavoce.hub import library
from vivavoce.hub.resolve import resolve
from vivavoce.speech.load import load

STATE = official.tensors()
pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def folder(tmp_path):
    return official.write_official(tmp_path / "XTTS-v2")


def digest(folder):
    """Every file's content and time: what must not change."""
    return {
        file.name: (hashlib.sha256(file.read_bytes()).hexdigest(), file.stat().st_mtime_ns)
        for file in folder.iterdir()
    }


def is_it(manifest, tensors):
    """Whether these are the checkpoint in `folder`, complete."""
    assert (manifest["family"], manifest["kind"]) == ("xtts", "acoustic")
    assert manifest["vocoder"]["family"] == "hifigan"
    assert manifest["speakers"] == list(official.NAMES)
    theirs = STATE["gpt.gpt.h.0.mlp.c_fc.weight"]
    assert torch.equal(tensors["gpt.blocks.0.up.weight"], theirs.t())
    latents = official.speakers()[official.NAMES[2]]["gpt_cond_latent"]
    assert torch.equal(tensors["speaker_latents"][2], latents[0])
    assert len(under(tensors, "vocoder.")) > 100


@pytest.mark.parametrize("what", ["folder", "model.pth"])
def test_it_is_opened_where_it_lies_and_imported(folder, home, what):
    place = folder if what == "folder" else folder / what
    before = digest(folder)
    manifest, tensors = opened(str(place))
    is_it(manifest, tensors)
    assert manifest["name"] == "XTTS-v2"
    assert not (home / "models").exists(), "nothing was copied"
    imported = library.import_checkpoint(place, "xtts")
    assert imported.name == "XTTS-v2"
    is_it(*store.load(imported))
    assert digest(folder) == before
    assert not [name for name in sys.modules if name.partition(".")[0] == "TTS"]
    row = next(row for row in library.installed() if row.name == "XTTS-v2")
    assert (row.family, row.languages) == ("xtts", ("en", "de", "zh-cn"))


def test_it_is_loaded_with_its_own_vocoder_and_settings(folder):
    tts = load(folder, device="cpu")
    assert tts.vocoder.accepts.kind == "latent"
    said = tts.speak("a b", voice="Damien Black", language="de", max_codes=8, on_problem="warn")
    assert 1000 < len(said.samples) <= 9 * 1200
    assert tts.model.speaker_names == official.NAMES


def test_a_folder_that_cannot_be_written_to(folder):
    for path in (*folder.iterdir(), folder):
        path.chmod(stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))
    try:
        is_it(*opened(str(folder)))
        is_it(*store.load(library.import_checkpoint(folder, "xtts", name="mine")))
    finally:
        folder.chmod(0o700)


class Evil:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.system, (f"touch {self.place}",)


@pytest.mark.parametrize("where", ["config", "tensor", "speakers", "statistics"])
def test_code_in_any_of_the_files_does_not_run(folder, tmp_path, where):
    evil = Evil(tmp_path / "ran")
    state = dict(STATE)
    if where == "config":
        torch.save({"config": evil, "model": state}, folder / "model.pth")
    elif where == "tensor":
        torch.save({"config": {}, "model": state | {"mel_stats": evil}}, folder / "model.pth")
    elif where == "speakers":
        entry = {"gpt_cond_latent": evil, "speaker_embedding": torch.ones(1, 16, 1)}
        torch.save({"One": entry}, folder / "speakers_xtts.pth")
    else:
        del state["mel_stats"]
        torch.save({"model": state}, folder / "model.pth")
        torch.save(evil, folder / "mel_stats.pth")
    for act in (opened, lambda place: library.import_checkpoint(place, "xtts")):
        with pytest.raises(UnsafeCheckpoint, match="Nothing was run"):
            act(str(folder))
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "home" / "models" / "XTTS-v2").exists()


def test_what_is_missing_of_the_set_is_named(folder):
    (folder / "vocab.json").rename(folder / "vocab.txt")
    with pytest.raises(BadCheckpoint, match=r"no vocab\.json.*into the same folder"):
        opened(str(folder))
    (folder / "config.json").unlink()
    with pytest.raises(BadCheckpoint, match=r"no configuration.*config\.json into the same folder"):
        opened(str(folder))
    (folder / "model.pth").unlink()
    with pytest.raises(BadCheckpoint, match="found: dvae"):
        opened(str(folder))


def test_several_models_in_a_folder_are_not_guessed_at(folder):
    torch.save({"model": STATE}, folder / "best_model.pth")
    with pytest.raises(BadCheckpoint, match=r"found: best_model\.pth, model\.pth"):
        opened(str(folder))
    is_it(*opened(str(folder / "best_model.pth")))


def test_studio_speakers_are_optional(folder):
    (folder / "speakers_xtts.pth").unlink()
    manifest, tensors = opened(str(folder))
    assert manifest["speakers"] == []
    assert tensors["speaker_latents"].shape == (0, 32, 32)


def test_speakers_as_lists_of_numbers(folder):
    lists = {
        name: {key: value.tolist() for key, value in entry.items()}
        for name, entry in official.speakers().items()
    }
    torch.save(lists, folder / "speakers_xtts.pth")
    is_it(*opened(str(folder)))


def test_broken_speakers_are_refused(folder):
    broken = official.speakers()
    broken["Damien Black"]["speaker_embedding"][0, 3] = float("nan")
    torch.save(broken, folder / "speakers_xtts.pth")
    with pytest.raises(BadCheckpoint, match=r"Damien Black/speaker_embedding' holds 1 values"):
        opened(str(folder))


def test_statistics_beside_weights_without_them(folder):
    state = {key: value for key, value in STATE.items() if key != "mel_stats"}
    torch.save({"model": state}, folder / "model.pth")
    torch.save(torch.full((80,), 1.5), folder / "mel_stats.pth")
    assert torch.equal(opened(str(folder))[1]["mel_stats"], torch.full((80,), 1.5))
    torch.save({"model": STATE}, folder / "model.pth")
    assert torch.equal(opened(str(folder))[1]["mel_stats"], STATE["mel_stats"])


def test_a_training_checkpoint_with_an_optimiser(folder):
    whole = {"model": official.as_trained(STATE), "step": 3, "scaler": {}, "epoch": 1}
    whole["optimizer"] = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-5}]}
    torch.save(whole, folder / "model.pth")
    is_it(*opened(str(folder)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_community_safetensors(folder, dtype):
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in STATE.items()}
    (folder / "model.pth").unlink()
    save_file(state, folder / "model.safetensors")
    manifest, _ = opened(str(folder))
    assert manifest["speakers"] == list(official.NAMES)
    _, tensors = store.load(library.import_checkpoint(folder, "xtts", name="mine"))
    assert tensors["gpt.blocks.1.down.weight"].dtype == torch.float32


def test_a_vocabulary_of_another_version(folder):
    text = json.loads((folder / "vocab.json").read_text())
    del text["model"]["vocab"]["filler19"]
    (folder / "vocab.json").write_text(json.dumps(text))
    with pytest.raises(BadCheckpoint, match="52 tokens, the weights have rows for 53"):
        opened(str(folder))


def test_it_is_fetched_by_name_and_converted_once(hub, folder):
    entry = resolve("xtts-v2").entry
    for file in entry.files:
        hub.put(entry.repo, file, (folder / file).read_bytes())
    here = library.get("xtts-v2")
    asked = {path.rpartition("/")[2] for _, path, _ in hub.requests}
    assert asked == set(entry.files), "neither samples nor what only training needs"
    hub.requests.clear()
    manifest, tensors = opened("xtts-v2")
    is_it(manifest, tensors)
    assert manifest["licence"] == entry.licence
    assert library.get("xtts-v2", offline=True) == here
    assert hub.requests == []
    assert library.show("xtts-v2").row.languages == ("en", "de", "zh-cn"), "what this one speaks"


def test_a_file_of_the_hub_brings_the_others(hub, folder):
    entry = resolve("xtts-v2").entry
    for file in entry.files:
        hub.put(entry.repo, file, (folder / file).read_bytes())
    address = f"hf://{entry.repo}/model.pth@{COMMIT}"
    manifest, tensors = opened(address)
    is_it(manifest, tensors)
    assert manifest["licence"] == entry.licence
    hub.requests.clear()
    opened(address)
    assert hub.requests == []


def fine_tuned(folder, languages=("en", "de", "zh-cn", "vi")):
    """A model that was trained on in one more language: a token and a row for it."""
    sizes = replace(official.TINY, tokens=official.TINY.tokens + 1)
    official.write_official(folder, sizes)
    text = json.loads((folder / "vocab.json").read_text())
    ids = text["model"]["vocab"]
    ids["[vi]"] = max(ids.values())
    ids.pop(next(name for name, number in ids.items() if number == ids["[vi]"] and name != "[vi]"))
    (folder / "vocab.json").write_text(json.dumps(text))
    table = official.config(sizes) | {"languages": list(languages)}
    (folder / "config.json").write_text(json.dumps(table))
    return folder


def test_a_language_that_only_a_fine_tuned_model_has(tmp_path):
    folder = fine_tuned(tmp_path / "viXTTS")
    assert opened(folder)[0]["languages"] == ["en", "de", "zh-cn", "vi"]
    tts = load(folder, device="cpu")
    said = tts.speak(
        "xin ch\u00e0o", voice="Damien Black", language="vi", max_codes=8, on_problem="warn"
    )
    assert len(said.samples) > 1000
    with pytest.raises(TextError, match=r"Language 'fr' is not supported.*en, de, zh-cn, vi"):
        tts.speak("salut", voice="Damien Black", language="fr")


def test_a_language_without_a_token_is_not_promised(tmp_path):
    folder = fine_tuned(tmp_path / "other", languages=("en", "vi", "th"))
    assert opened(folder)[0]["languages"] == ["en", "vi"]


def run_folder(tmp_path):
    """As Coqui's trainer leaves it: the vocabulary lies where the training began."""
    run = official.write_official(tmp_path / "run" / "GPT_XTTS-November-01")
    state = official.as_trained(STATE)
    for name in ("best_model.pth", "best_model_31.pth", "checkpoint_40.pth"):
        torch.save({"model": state, "step": 3}, run / name)
    for name in ("model.pth", "dvae.pth", "mel_stats.pth", "speakers_xtts.pth"):
        (run / name).unlink()
    return run


@pytest.mark.parametrize("where", ["stated", "moved", "unstated"])
def test_the_run_folder_of_a_trainer(tmp_path, where):
    run = run_folder(tmp_path)
    named = "other" if where == "moved" else "XTTS_v2.0_original_model_files"
    originals = run.parent / named
    originals.mkdir()
    (run / "vocab.json").rename(originals / "vocab.json")
    stated = {"stated": str(originals), "moved": f"/home/me/{named}", "unstated": ""}[where]
    table = official.config()
    table["model_args"]["tokenizer_file"] = f"{stated}/vocab.json" if stated else ""
    (run / "config.json").write_text(json.dumps(table))
    manifest, tensors = opened(run)
    assert manifest["name"] == "GPT_XTTS-November-01"
    assert torch.equal(tensors["gpt.blocks.0.up.weight"], STATE["gpt.gpt.h.0.mlp.c_fc.weight"].t())


def test_the_vocabulary_of_a_neighbour_is_not_taken(tmp_path):
    run = run_folder(tmp_path)
    neighbour = run.parent / "XTTS-v2"
    neighbour.mkdir()
    (run / "vocab.json").rename(neighbour / "vocab.json")
    with pytest.raises(BadCheckpoint, match=r"no vocab\.json"):
        opened(run)
