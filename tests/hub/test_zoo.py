"""From a zip, as Coqui publishes them, to a voice: download, unpack, convert, pair, speak."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from vivavoce.audio.features import convert
from vivavoce.audio.specs import COQUI_22K
from vivavoce.errors import BadCheckpoint, IncompatibleFeatures
from vivavoce.hub import catalog, coqui, library, paths
from vivavoce.models.fastpitch.workloads import TOY, random_model
from vivavoce.runtime import select
from vivavoce.speech.engine import TTS
from vivavoce.speech.load import load
from vivavoce.vocoders.melgan.config import FULLBAND
from vivavoce.vocoders.melgan.model import Melgan

MODEL, VOCODER = "fast-pitch-ljspeech", "hifigan-v2-ljspeech"
AUDIO = {"sample_rate": 22050, "hop_length": 256, "num_mels": 10, "mel_fmax": 8000.0}


@pytest.fixture
def zipped(site, home, monkeypatch, load_parity):
    """A site that holds the zips of a model and its vocoder, both of toy size."""

    def publish(audio, vocoder_audio=None):
        recorded = load_parity("zoo/fast_pitch_tiny")
        letters = {"characters": "abcd", "punctuations": " .", "pad": "_"}
        settings = {"model_args": recorded.meta["config"], "audio": audio, "characters": letters}
        site.files["/a.zip"] = _zip("tts_models--en", recorded.weights, settings)
        melgan = _melgan()
        settings = {"audio": vocoder_audio or audio, "generator_model": "fullband_melgan_generator"}
        site.files["/v.zip"] = _zip("vocoder_models--en", melgan, settings)
        rows = {
            MODEL: {"archive": f"{site.address}/a.zip"},
            VOCODER: {"archive": f"{site.address}/v.zip", "family": "melgan"},
        }
        changed = tuple(replace(e, **rows.get(e.name, {})) for e in catalog.entries())
        monkeypatch.setattr(catalog, "entries", lambda: changed)

    return publish


def _melgan() -> dict[str, torch.Tensor]:
    """Under Coqui's names: those of the importer, backwards."""
    vocoder = Melgan(replace(FULLBAND, width=16), replace(COQUI_22K, n_mels=10))
    names = {"first": 1, "last": 13}
    result = {}
    for key, value in vocoder.state_dict().items():
        part, _, rest = key.partition(".")
        if part == "stages":
            stage, _, rest = rest.partition(".")
            kind, _, rest = rest.partition(".")
            number = 3 * int(stage) + 3 + (kind != "upsample")
            place = {"dilated": "blocks.{}.2", "plain": "blocks.{}.4", "shortcuts": "shortcuts.{}"}
            if kind != "upsample":
                index, _, rest = rest.partition(".")
                rest = f"{place[kind].format(index)}.{rest}"
            result[f"model_g.layers.{number}.{rest}"] = value
        else:
            result[f"model_g.layers.{names[part]}.{rest}"] = value
    return result


def _zip(folder: str, tensors: dict, settings: dict) -> bytes:
    weights, made = io.BytesIO(), io.BytesIO()
    torch.save({"model": tensors, "step": 1}, weights)
    with zipfile.ZipFile(made, "w") as file:
        file.writestr(f"{folder}/model_file.pth", weights.getvalue())
        file.writestr(f"{folder}/config.json", json.dumps(settings))
        file.writestr(f"{folder}/LICENSE.txt", "free")
    return made.getvalue()


def test_a_zip_becomes_a_voice_that_speaks(zipped, site):
    zipped(AUDIO)
    folder = library.get("tts_models/en/ljspeech/fast_pitch")
    assert folder == paths.models() / MODEL
    assert not list(paths.folder().rglob("*.zip")), "what is unpacked is kept, the zip is not"
    speech = load(MODEL, device="cpu").speak("a b c", on_problem="warn")
    assert speech.sample_rate == 22050
    assert len(speech.samples) > 1000
    site.requests.clear()
    assert library.get(MODEL) == folder
    assert library.remark(folder) == ""
    assert not site.requests


def test_a_published_pair_of_two_rates_is_stretched_and_says_so(zipped):
    zipped(AUDIO, AUDIO | {"sample_rate": 24000, "mel_fmax": 12000.0, "mel_fmin": 80.0})
    folder = library.get(MODEL)
    assert "sample_rate: 22050 against 24000" in library.remark(folder)
    tts = load(MODEL, device="cpu")
    speech = tts.speak("a b c d", on_problem="warn")
    assert speech.sample_rate == 24000
    plain = load(MODEL, vocoder="griffin-lim", device="cpu").speak("a b c d", on_problem="warn")
    assert len(speech.samples) / 24000 == pytest.approx(len(plain.samples) / 22050, abs=0.08)
    assert speech.words[-1].end_s <= len(speech.samples) / 24000
    streamed = [c.samples for c in tts.stream("a b c d", on_problem="warn")]
    assert np.abs(np.concatenate(streamed) - speech.samples).max() < 1e-4


def test_the_same_two_are_refused_where_nobody_published_them_as_a_pair(zipped, monkeypatch):
    zipped(AUDIO, AUDIO | {"sample_rate": 24000})
    library.get(MODEL)
    alone = tuple(
        replace(e, as_published=False) if e.name == MODEL else e for e in catalog.entries()
    )
    monkeypatch.setattr(catalog, "entries", lambda: alone)
    with pytest.raises(IncompatibleFeatures, match="sample_rate: 22050 against 24000"):
        load(MODEL, device="cpu")


def test_a_published_pair_of_other_frames_is_refused_all_the_same(zipped):
    zipped(AUDIO, AUDIO | {"fft_size": 2048})
    library.get(MODEL)
    with pytest.raises(IncompatibleFeatures, match="n_fft"):
        load(MODEL, device="cpu")


def test_stretched_frames_are_those_of_the_reference():
    """Bilinear, by the ratio of the rates, corners not aligned; the frames' number rounds down."""
    have = replace(COQUI_22K, normalisation=None)
    want = replace(have, sample_rate=24000)
    mel = torch.randn(2, 80, 57)
    expected = torch.nn.functional.interpolate(
        mel[:, None],
        scale_factor=(1.0, 24000 / 22050),
        recompute_scale_factor=True,
        mode="bilinear",
        align_corners=False,
    )[:, 0]
    assert torch.equal(convert(mel, have, want, as_published=True), expected)
    with pytest.raises(IncompatibleFeatures):
        convert(mel, have, want)


def test_a_repository_whose_files_are_not_known_is_asked_for_them(hub, monkeypatch):
    content = _zip("m", _melgan(), {"audio": AUDIO})
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in ("model_file.pth", "config.json"):
            hub.put("o/voice", name, archive.read(f"m/{name}"))
    hub.put("o/voice", "sample.wav", b"sound")
    entry = replace(catalog.entries()[0], name="one", kind="vocoder", family="melgan", bundled="")
    entry = replace(entry, vocoder="", repo="o/voice", all_files=True)
    monkeypatch.setattr(catalog, "entries", lambda: (entry,))
    folder = library.get("one")
    assert library.open_model("one", "vocoder").manifest["features"]["n_mels"] == 10
    assert folder == paths.models() / "one"
    assert not [path for _, path, _ in hub.requests if path.endswith(".wav")]


def test_a_damaged_zip_is_fetched_again_next_time(zipped, site):
    zipped(AUDIO)
    whole = site.files["/a.zip"]
    site.files["/a.zip"] = _zip("x", {}, {}).replace(b"model_file.pth", b"model_file.pt_")
    with pytest.raises(BadCheckpoint, match="holds no weights"):
        library.get(MODEL)
    site.files["/a.zip"] = whole
    assert library.get(MODEL).is_dir()


def test_griffin_lim_is_the_vocoder_of_models_without_one(home):
    vocoder = library.open_model("griffin-lim", "vocoder")
    assert vocoder.tensors == {}
    model = random_model(TOY, torch.device("cpu"))
    without = {row.name for row in coqui.usable() if row.vocoder == "griffin-lim"}
    assert without >= {"glow-tts-mai-female-it", "glow-tts-custom-fa", "fast-pitch-vctk"}
    assert library.default_vocoder("glow-tts-custom-fa") == "griffin-lim"
    from vivavoce.hub import build

    fitted = build.vocoder(build.fitted(vocoder, model.spec))
    tts = TTS("x", model, fitted.freeze(), select("cpu"), {})
    speech = tts.speak("Good evening.", on_problem="warn")
    assert (speech.sample_rate, len(speech.samples) > 5000) == (22050, True)
