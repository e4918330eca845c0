"""DelightfulTTS: against the reference from embedding to samples, batches, names, bad input."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tolerance import assert_near, assert_recorded
from vivavoce import load
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.config import from_dict
from vivavoce.errors import BadCheckpoint, ConfigError, TextError, UnknownVoice
from vivavoce.hub import build, library
from vivavoce.hub.read import Stored
from vivavoce.models import MODELS
from vivavoce.models.base import sentences
from vivavoce.models.delightful import importer
from vivavoce.models.delightful.config import DelightfulConfig, DelightfulOptions
from vivavoce.models.delightful.model import DelightfulTTS
from vivavoce.models.delightful.workloads import TOY, random_model
from vivavoce.models.work import tokens
from vivavoce.nn.noise import Noise
from vivavoce.types import Voice
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import Vocoder, decode_windowed

MANIFEST = Path(__file__).parents[2] / "data" / "manifests" / "zoo" / "delightful_tts_ljspeech.json"
NOISE = Noise(0)


def built(recorded) -> tuple[DelightfulTTS, Vocoder]:
    settings = recorded.meta["config"]
    foreign = {"model_args": settings, "vocoder": settings["vocoder"], "audio": {"num_mels": 20}}
    tables = importer.tables(foreign, recorded.weights)
    ours, _ = importer.adapt(recorded.weights)
    manifest = {"kind": "acoustic", "family": "delightful", "name": "one", **tables}
    own, its = build.split(Stored(manifest, ours))
    assert its is not None
    model, vocoder = build.acoustic(own), build.vocoder(its)
    assert isinstance(model, DelightfulTTS)
    return model.freeze(), vocoder.freeze()


@pytest.mark.parity
@pytest.mark.parametrize("name", ["delightful_tts", "delightful_tts_speakers"])
@torch.no_grad()
def test_parity_of_every_stage(load_parity, name: str) -> None:
    recorded = load_parity(f"zoo/{name}_tiny")
    model, vocoder = built(recorded)
    ids, speaker = recorded.inputs["ids"], recorded.inputs.get("speaker_ids")
    voice = Voice("one", "delightful", {} if speaker is None else {"speaker": speaker})
    found: dict[str, torch.Tensor] = {}
    stages = {
        "stage.encoder": model.encoder,
        "stage.u_prosody": model.utterance.predictor,
        "stage.p_prosody": model.phoneme.predictor,
        "stage.decoder": model.decoder,
    }
    for key, module in stages.items():
        module.register_forward_hook(lambda _m, _i, out, key=key: found.update({key: out}))
    mask, vectors = torch.ones(1, 1, ids.shape[1]), model.speaker_vectors([voice])
    said = model.predict(ids, mask, vectors)
    durations = model.frames(said.log_durations, mask, 1.0)
    mel = model.decode(said.hidden, durations, durations.sum(1), vectors)
    found |= {
        "stage.durations_log": said.log_durations[:, 0],
        "durations": durations.float(),
        "pitch": said.pitch,
        "energy": said.energy,
        "mel": mel.transpose(1, 2),
        "wave": decode_windowed(vocoder, mel)[:, None],
    }
    wanted = {key for key in recorded.outputs if not key.startswith("train.")}
    assert wanted <= set(found)
    for key in wanted:
        assert_recorded(found[key].reshape(recorded.outputs[key].shape), recorded, key)


def official() -> tuple[dict, dict[str, torch.Tensor]]:
    found = json.loads(MANIFEST.read_text())
    keys = found["keys"].items()
    return found["config"], {key: torch.empty(shape, device="meta") for key, shape in keys}


def test_the_official_checkpoint_fits() -> None:
    foreign, tensors = official()
    tensors["disc.nets.0.bias"] = torch.empty(1, device="meta")
    assert MODELS.recognise(tensors) == "delightful"
    tables = importer.tables(foreign, tensors)
    ours, dropped = importer.adapt(tensors)
    manifest = {"kind": "acoustic", "family": "delightful", "name": "one", **tables}
    with without_numbers():
        model = DelightfulTTS.build(tables)
    own, its = build.split(Stored(manifest, ours))
    strict_load(model, own.tensors)
    assert its is not None
    with without_numbers():
        vocoder = VOCODERS.family(its.manifest["family"]).model.build(its.manifest)
    strict_load(vocoder, its.tensors)
    assert model.config == DelightfulConfig(n_tokens=132)
    unheard = ("aligner", "utterance_prosody_encoder", "phoneme_prosody_encoder", "energy_scaler")
    rest = [k for k in dropped if not k.startswith(tuple(f"acoustic_model.{n}." for n in unheard))]
    assert all(".conditioning." in key or key.startswith("disc.") for key in rest)
    assert (model.spec.n_mels, model.spec.sample_rate, model.spec.f_max) == (100, 22050, 8000.0)


@pytest.mark.parametrize("speakers", [0, 2])
def test_batched_is_single(speakers: int) -> None:
    config = replace(TOY, n_speakers=speakers, speaker_width=8 if speakers else 0)
    model = random_model(config, "cpu")
    counts = (3, 25, 11, 1)
    voices = [model.voice("ab"[n % 2] if speakers else None) for n in range(4)]
    asked = [
        sentences([tokens(count)], voice, DelightfulOptions())[0]
        for count, voice in zip(counts, voices, strict=True)
    ]
    (together,) = model.generate(asked, NOISE)
    for row, count in enumerate(counts):
        (alone,) = model.generate(asked[row : row + 1], NOISE)
        assert torch.equal(alone.durations[0], together.durations[row, :count])
        assert_near(together.row(row).values, alone.values, 256)
    assert not together.values[3, :, int(together.lengths[3]) :].any()


def test_speed_speakers_and_bad_sentences() -> None:
    model = random_model(replace(TOY, n_speakers=2, speaker_width=8), "cpu")

    def spoken(count: int, voice: str = "a", **options: float):
        asked = sentences([tokens(count)], model.voice(voice), DelightfulOptions(**options))
        return next(model.generate(asked, NOISE))

    assert spoken(20).lengths.item() == 100
    assert spoken(20, speed=2.0).lengths.item() < 60
    assert not torch.allclose(spoken(9).values, spoken(9, "b").values)
    nobody = Voice("nobody", "delightful", {"speaker": torch.tensor([2])})
    with pytest.raises(UnknownVoice, match="'nobody' names none of the model's 2 speakers"):
        next(model.generate(sentences([tokens(9)], nobody, DelightfulOptions()), NOISE))
    with pytest.raises(TextError, match="nothing to speak"):
        spoken(0)
    asked = sentences([tokens(3, first=132)], model.voice("a"), DelightfulOptions())
    with pytest.raises(BadCheckpoint, match="symbol number 134; the model has 132"):
        next(model.generate(asked, NOISE))


def test_checkpoints_that_lack_a_part_or_say_otherwise_are_refused() -> None:
    foreign, tensors = official()
    for prefix, message in (
        ("acoustic_model.encoder.", "A part is missing"),
        ("waveform_decoder.", "decoder of the checkpoint is missing"),
    ):
        half = {k: v for k, v in tensors.items() if not k.startswith(prefix)}
        with pytest.raises(BadCheckpoint, match=message):
            importer.tables(foreign, half)
    with pytest.raises(BadCheckpoint, match="vectors from a speaker encoder"):
        importer.tables({**foreign, "model_args": {"use_d_vector_file": True}}, tensors)
    with pytest.raises(ConfigError):
        importer.tables({**foreign, "model_args": {"lrelu_slope": "steep"}}, tensors)


@pytest.mark.parametrize(
    "bad",
    [
        {"width": 15},
        {"encoder": {"heads": 7}},
        {"decoder": {"kernel": 4}},
        {"encoder": {"layers": 100_000}},
        {"kernel": 2},
        {"n_speakers": 3},
        {"utterance": 0},
        {"unknown": 1},
    ],
)
def test_impossible_sizes_are_refused(bad: dict) -> None:
    with pytest.raises(ConfigError):
        from_dict(DelightfulConfig, {"n_tokens": 5, **bad})


@pytest.mark.parity
def test_a_checkpoint_becomes_a_voice_that_speaks(load_parity, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    recorded = load_parity("zoo/delightful_tts_speakers_tiny")
    settings = recorded.meta["config"]
    letters = {"characters": "abcd", "punctuations": " .", "pad": "_"}
    audio = {"num_mels": 20, "sample_rate": 22050}
    foreign = {"model": "delightful_tts", "model_args": settings, "vocoder": settings["vocoder"]}
    (tmp_path / "config.json").write_text(
        json.dumps({**foreign, "audio": audio, "characters": letters})
    )
    names = {name: row for row, name in enumerate(("ann", "ben", "cleo"))}
    (tmp_path / "speaker_ids.json").write_text(json.dumps(names))
    torch.save({"model": recorded.weights, "step": 1}, tmp_path / "model_file.pth")
    folder = library.import_checkpoint(tmp_path / "model_file.pth", name="mine")
    tts = load(str(folder), device="cpu")
    speech = tts.speak("a b c d", "ben", on_problem="warn")
    assert speech.sample_rate == 22050
    assert len(speech.samples) > 2000
    assert [word.text for word in speech.words] == ["a", "b", "c", "d"]
    streamed = [c.samples for c in tts.stream("a b c d", "ben", on_problem="warn")]
    assert abs(np.concatenate(streamed) - speech.samples).max() < 1e-4
