from __future__ import annotations

import subprocess
import sys

import pytest

from vivavoce.errors import ConfigError
from vivavoce.hub import catalog
from vivavoce.hub.address import Source

ENTRIES = {entry.name: entry for entry in catalog.entries()}


def test_every_entry_is_sound():
    found = {entry.name: entry for entry in catalog.entries()}
    assert {"kathleen", "kathleen-pulse", "vocos-mel-24khz", "glow-tts-ljspeech"} <= set(found)
    for entry in found.values():
        assert entry.name == entry.name.lower()
        assert entry.notes
        assert entry.languages or entry.kind != "acoustic"
        assert not entry.vocoder or entry.kind != "vocoder"
        assert all(len(value) == 64 for value in entry.sha256.values())


def test_the_bundled_voice_needs_no_network():
    voice = ENTRIES["kathleen"]
    vocoder = ENTRIES[voice.vocoder]
    for entry in (voice, vocoder):
        assert entry.sources == ()
        assert entry.folder is not None
        assert entry.folder.name == entry.bundled


def test_sources_of_a_hub_entry():
    entry = ENTRIES["vocos-mel-24khz"]
    assert Source("hf", "charactr/vocos-mel-24khz", "pytorch_model.bin") in entry.sources
    assert (entry.licence, entry.sample_rate, entry.parameters) == ("MIT", 24000, 13_531_650)


F5 = [entry for entry in catalog.entries() if entry.family == "f5"]


def test_the_f5_family_is_complete():
    """The official checkpoints, and those in the list that upstream keeps."""
    names = {entry.name for entry in F5}
    assert {"f5-v1", "f5-v1-no-zero-init", "f5-v0", "f5-v0-bigvgan", "e2"} <= names
    languages = {language for entry in F5 for language in entry.languages}
    assert {"ar", "de", "en", "es", "fi", "fr", "hi", "it", "ja", "lv", "ru", "zh"} == languages


@pytest.mark.parametrize("entry", F5, ids=lambda entry: entry.name)
def test_an_f5_entry_has_all_that_loading_needs(entry):
    weights, vocabulary = entry.files
    assert weights.endswith((".safetensors", ".pt"))
    assert vocabulary.rsplit("/", maxsplit=1)[-1].startswith("vocab")
    assert entry.licence in {"CC-BY-NC-4.0", "CC-BY-4.0", "CC0-1.0", "Apache-2.0"}
    assert entry.variant in {"v0", "v1"} or entry.name == "f5-arabic"
    assert ("v1" in weights) == (entry.variant == "v1")
    assert entry.vocoder.startswith("bigvgan-" if "bigvgan" in weights else "vocos-mel-24khz")


XTTS = [entry for entry in catalog.entries() if entry.family == "xtts"]


@pytest.mark.parametrize("entry", XTTS, ids=lambda entry: entry.name)
def test_an_xtts_entry_says_what_may_be_done_with_it(entry):
    assert entry.licence == "CPML, non-commercial only"
    assert {"model.pth", "config.json", "vocab.json"} <= set(entry.files)
    assert entry.vocoder == "", "it brings its own"
    assert len(entry.languages) == (17 if "v2" in entry.name else 14)


def test_an_entry_is_found_by_its_file():
    place = Source("hf", "SWivid/F5-TTS", "F5TTS_v1_Base/model_1250000.safetensors", "abc")
    assert catalog.at(place) == (ENTRIES["f5-v1"],)
    assert catalog.at(Source("hf", "SWivid/F5-TTS", "other.pt")) == ()
    assert catalog.at(Source("hf", "SWivid/F5-TTS", "F5TTS_Base")) == (ENTRIES["f5-v0"],)
    assert len(catalog.at(Source("hf", "SWivid/F5-TTS"))) == 4


BASE = '[[model]]\nname = "a"\nkind = "vocoder"\nfamily = "f"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASE + 'colour = "red"', r"model\[0\].colour"),
        (BASE.replace("vocoder", "soup"), "soup"),
        (BASE + BASE, "more than once"),
        (BASE + 'aliases = ["a"]', "more than once"),
        (BASE + 'vocoder = "b"', "lacks"),
        (BASE + 'repo = "o/r"', "files"),
        (BASE + 'repo = "o/r"\nfiles = ["f"]\nbundled = "a"', "both"),
        (BASE + 'repo = "o/r"\nfiles = ["f"]\nsha256 = { g = "0" }', "checksum"),
    ],
)
def test_a_wrong_catalogue_is_refused(tmp_path, text, message):
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        catalog.entries(tmp_path / "c.toml")


def test_listing_models_imports_neither_torch_nor_the_hub():
    code = (
        "import sys; from vivavoce.hub import catalog, paths, remote, address; "
        "catalog.entries(); print([m for m in ('torch', 'huggingface_hub') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
