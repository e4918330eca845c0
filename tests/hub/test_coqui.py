"""All that Coqui released is known by its name, and says where it lies and what it needs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from vivavoce.converters import CONVERTERS
from vivavoce.errors import UnknownModel
from vivavoce.hub import catalog, coqui
from vivavoce.hub.resolve import resolve
from vivavoce.models import MODELS
from vivavoce.vocoders import VOCODERS

MANIFESTS = Path(__file__).parents[1] / "data" / "manifests"
ROWS = {row.coqui: row for row in coqui.entries()}
ENTRIES = {entry.name: entry for entry in catalog.entries()}
XTTS = {f"tts_models/multilingual/multi-dataset/xtts_v{n}" for n in ("2", "1.1")}

pytestmark = pytest.mark.usefixtures("home")


def test_all_ninety_five_are_known():
    assert len(ROWS.keys() | XTTS) == 95
    kinds = Counter(name.partition("/")[0] for name in ROWS)
    assert kinds == {"tts_models": 70, "vocoder_models": 19, "voice_conversion_models": 4}
    families = Counter(row.family for row in ROWS.values())
    assert (families["vits"], families["tacotron2"], families["glow"]) == (42, 14, 7)
    assert all(alias in {a for e in ENTRIES.values() for a in e.aliases} for alias in XTTS)


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
def test_an_entry_says_where_it_lies_and_what_may_be_done_with_it(row):
    assert row.licence
    assert row.name == row.name.lower()
    assert row.name == "knnvc" or bool(row.release) != bool(row.repo)
    assert row.languages or row.family not in MODELS
    if row.archive:
        folder = row.file or row.coqui.replace("/", "--")
        assert row.archive.startswith("https://github.com/")
        assert row.archive.endswith(f"/{row.release.rpartition('@')[2]}/{folder}.zip")


@pytest.mark.parametrize("row", coqui.usable(), ids=lambda row: row.name)
def test_what_can_be_used_is_found_by_both_names(row):
    for typed in (row.name, row.coqui, row.coqui.replace("/", "--")):
        location = resolve(typed)
        assert location.name == row.name
        assert location.command == f"vivavoce models get {row.name}" or row.name == "knnvc"
    entry = ENTRIES[row.name]
    assert entry.fetchable or row.name == "knnvc", "all that it needs is another's"
    assert (entry.kind == "vocoder") == (entry.family in VOCODERS)
    if entry.kind == "acoustic":
        alone = entry.family in ("vits", "bark", "tortoise")
        assert bool(entry.vocoder) == bool(entry.as_published) == (not alone)


def manifest_of(row: coqui.CoquiEntry) -> dict:
    """The names of an official checkpoint of the entry's architecture."""
    words = {
        "capacitron-t2-c50-": "zoo/tacotron2_capacitron_t2_c50",
        "capacitron-t2-c150-": "zoo/tacotron2_capacitron_t2_c150",
        "-gst-": "zoo/tacotron2_ddc_gst_baker",
        "-dca-": "zoo/tacotron2_dca_ljspeech",
        "neural-hmm": "zoo/neural_hmm_ljspeech",
        "fast-pitch-vctk": "fastpitch_vctk",
        "speedy-speech": "fastpitch_speedy_speech",
        "your-tts": "your_tts",
        "wavlm": "zoo/hifigan_wavlm_prematched",
        "hifigan-v2": "hifigan_v2",
        "multiband": "melgan_multiband_ljspeech",
    }
    usual = {
        "fastpitch": "fastpitch_ljspeech",
        "freevc": "zoo/freevc24",
        "glow": "glow_tts_default",
        "hifigan": "hifigan_v1",
        "knnvc": "zoo/wavlm_large",
        "melgan": "melgan_fullband_libritts",
        "openvoice": "zoo/openvoice",
        "overflow": "zoo/overflow_ljspeech",
        "tacotron2": "zoo/tacotron2_ddc_ljspeech",
        "univnet": "univnet_ljspeech",
        "vits": "vits_default",
        "wavegan": "wavegan_default",
        "wavegrad": "wavegrad_default",
    }
    named = next((file for word, file in words.items() if word in row.name), "")
    return json.loads((MANIFESTS / f"{named or usual[row.family]}.json").read_text())["keys"]


@pytest.mark.parametrize(
    "row",
    [row for row in coqui.usable() if row.family not in ("bark", "tortoise")],
    ids=lambda row: row.name,
)
def test_its_family_takes_its_architecture(row):
    tables = {"acoustic": MODELS, "vocoder": VOCODERS, "converter": CONVERTERS}
    table = tables[row.kind]
    assert table.recognise(manifest_of(row)) == row.family
    assert table.family(row.family).importer.adapt
    if row.vocoder:
        assert ENTRIES[row.vocoder].kind == "vocoder"
        assert ENTRIES[row.vocoder].family in VOCODERS


def test_what_cannot_be_used_yet_is_explained_and_not_listed():
    missing = [row for row in ROWS.values() if row not in coqui.usable()]
    for row in missing:
        assert row.name not in ENTRIES
        with pytest.raises(UnknownModel, match=f"of the family '{row.family}', which is not"):
            resolve(row.coqui)


def test_a_family_that_is_added_brings_its_entries(monkeypatch):
    assert "bark" in {row.name for row in coqui.usable()}
    rest = {name: folder for name, folder in MODELS.folders.items() if name != "bark"}
    monkeypatch.setattr(MODELS, "folders", rest)  # an item put back would be the last
    assert "bark" not in {row.name for row in coqui.usable()}


def test_addresses_and_vocoders_as_coqui_has_them():
    ddc = ROWS["tts_models/en/ljspeech/tacotron2-DDC"]
    start = "https://github.com/coqui-ai/TTS/releases/download"
    assert ddc.archive == f"{start}/v0.6.1_models/tts_models--en--ljspeech--tacotron2-DDC.zip"
    wavlm = ROWS["vocoder_models/en/librispeech100/wavlm-hifigan"]
    assert wavlm.archive.startswith("https://github.com/idiap/coqui-ai-TTS/releases/download/v0.25")
    assert ENTRIES["glow-tts-ljspeech"].vocoder == "multiband-melgan-ljspeech"
    assert ENTRIES["fast-pitch-vctk"].vocoder == "griffin-lim"
    assert ENTRIES["fast-pitch-vctk"].licence == "CC-BY-NC-ND-4.0"
    assert ENTRIES["vits-custom-sr"].all_files
    assert ENTRIES["vits-female-custom-fa"].files == ("best_model_30824.pth", "config.json")
