"""YourTTS' speakers: vectors in a file, and recordings heard by the speaker encoder."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mpsaudit import audit
from tests.models.vits.test_importer import coqui
from tests.models.vits.toy import CONFIG, stored, toy
from tests.speechlike import speechlike
from vivavoce import load
from vivavoce.audio.features import extract
from vivavoce.audio.specs import SPEAKER_16K
from vivavoce.errors import (
    AudioError,
    BadCheckpoint,
    ConfigError,
    UnknownVoice,
    UsageError,
    VoiceError,
)
from vivavoce.hub import build, library
from vivavoce.models import speaker
from vivavoce.models.vits import recording, vectors
from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.model import VitsTTS
from vivavoce.models.vits.names import official
from vivavoce.nn.speaker import SpeakerNetwork
from vivavoce.nn.speaker_config import LstmSpeakerConfig, SpeakerConfig
from vivavoce.nn.speaker_lstm import LstmSpeakerNetwork
from vivavoce.speech import voices
from vivavoce.speech.voices import files as voice_files
from vivavoce.types import FeatureSpec

RATE = 16_000
SIZES = SpeakerConfig(blocks=(1, 1, 1, 1), channels=(8, 8, 8, 8), width=12)
CLONING = replace(CONFIG, speaker_width=12, unit_speakers=True, speaker_encoder=SIZES)
CLIPS = {
    "clip1": {"name": "zoe\n", "embedding": [0.0] * 11 + [2.0]},
    "clip2": {"name": "amy", "embedding": [1.0] + [0.0] * 11},
    "clip3": {"name": "amy", "embedding": [0.0, 3.0] + [0.0] * 10},
    "clip4": {"name": "zoe", "embedding": [4.0] + [0.0] * 11},
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))


def encoder_file(folder: Path, config: SpeakerConfig = SIZES, **more) -> dict[str, torch.Tensor]:
    """As Coqui's program writes `model_se.pth`: with an optimiser, counters and front ends."""
    torch.manual_seed(1)
    weights = SpeakerNetwork(config).state_dict()
    theirs = dict(weights)
    theirs["bn1.num_batches_tracked"] = torch.tensor(7)
    theirs["torch_spec.0.filter"] = torch.tensor([[[-0.97, 1.0]]])
    optimiser = {"state": {0: {"exp_avg": torch.ones(2)}}}
    torch.save({"model": theirs | more, "optimizer": optimiser, "step": 9}, folder / "model_se.pth")
    return weights


@pytest.mark.parity
def test_one_comes_in_with_its_speakers_and_its_encoder(load_parity, tmp_path):
    file = coqui(load_parity("yourtts_tiny"), tmp_path / "release")
    weights = encoder_file(file.parent)
    (file.parent / "speakers.json").write_text(json.dumps(CLIPS))
    settings = {"model_params": {"use_torch_spec": True}, "audio": {"sample_rate": RATE}}
    (file.parent / "config_se.json").write_text(json.dumps(settings))
    whole = library.open_model(str(library.import_checkpoint(file, name="mine")))
    assert whole.manifest["speakers"] == ["amy", "zoe", "zoe-2"]
    model = build.acoustic(build.split(whole)[0]).freeze()
    assert isinstance(model, VitsTTS)
    assert model.speakers is not None
    assert model.speaker_encoder is not None
    table = model.speakers.weight
    assert table[0].tolist() == [0.5, 1.5] + [0.0] * 10  # the mean of two clips
    assert table[1].tolist() == [4.0] + [0.0] * 11
    assert model.traits.clones
    assert not type(model).traits.clones
    assert all(torch.equal(model.speaker_encoder.state_dict()[k], t) for k, t in weights.items())
    assert model.voice("zoe").tensors["embedding"].tolist() == [1.0] + [0.0] * 11
    assert "mine" in {row["model"] for row in voices.voices_list()}


@pytest.mark.parity
def test_what_lies_beside_and_does_not_fit(load_parity, tmp_path):
    parity = load_parity("yourtts_tiny")
    file = coqui(parity, tmp_path / "release")
    encoder_file(file.parent, replace(SIZES, width=16))
    with pytest.raises(BadCheckpoint, match="returns 16 numbers, the model needs 12"):
        library.import_checkpoint(file)
    encoder_file(file.parent)
    (file.parent / "config_se.json").write_text(json.dumps({"audio": {"hop_length": 200}}))
    with pytest.raises(BadCheckpoint, match=r"reads unsupported features: \{'hop_length"):
        library.import_checkpoint(file)
    (file.parent / "config_se.json").unlink()
    torch.save({"model": {"lstm.weight": torch.ones(2)}}, file.parent / "model_se.pth")
    folder = library.import_checkpoint(file)
    model = build.acoustic(build.split(library.open_model(str(folder)))[0])
    assert model.speaker_encoder is None
    with pytest.raises(UnknownVoice, match="needs a voice") as caught:
        model.voice()
    assert "model_se.pth" in caught.value.advice


@pytest.mark.parity
def test_a_recurrent_encoder_comes_in_with_its_settings(load_parity, tmp_path):
    file = coqui(load_parity("yourtts_tiny"), tmp_path / "release")
    config = LstmSpeakerConfig(features=FeatureSpec(n_mels=20), hidden=8, layers=2, width=12)
    torch.manual_seed(1)
    weights = LstmSpeakerNetwork(config).state_dict()
    torch.save({"model": weights}, file.parent / "model_se.pth")
    with pytest.raises(BadCheckpoint, match="needs its settings"):
        library.import_checkpoint(file)
    audio = {"sample_rate": 16_000, "hop_length": 160, "num_mels": 20}
    settings = {"model_params": {"model_name": "lstm"}, "audio": audio}
    (file.parent / "config_se.json").write_text(json.dumps(settings))
    whole = library.open_model(str(library.import_checkpoint(file, name="old")))
    model = build.acoustic(build.split(whole)[0]).freeze()
    assert isinstance(model, VitsTTS)
    assert model.traits.clones
    assert VitsTTS.clones_with(whole.manifest)
    heard = model.config.speaker_lstm
    assert (heard.hidden, heard.layers, heard.width, heard.windowed) == (8, 2, 12, False)
    assert heard.features.normalisation is not None
    voice = model.make_voice(speechlike(3.0, 22_050))
    assert voice.tensors["embedding"].norm().item() == pytest.approx(1.0)


def test_a_table_of_its_own_comes_first():
    beside = {"speakers/vectors": torch.ones(2, 4), "speaker_encoder/model/fc.bias": torch.ones(4)}
    found, _ = official({"emb_g.weight": torch.zeros(1, 4)} | beside)
    assert list(found) == ["emb_g.weight"]
    assert found["emb_g.weight"].shape == (1, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a JSON object"),
        ('{"a": {"name": "x"}}', "without a name and an embedding"),
        ('{"a": {"name": "x", "embedding": ["y"]}}', "without a name and an embedding"),
        ('{"a": {"name": "x", "embedding": [NaN]}}', "not finite"),
        (
            '{"a": {"name": "x", "embedding": [1]}, "b": {"name": "y", "embedding": [1, 2]}}',
            r"vectors of \[1, 2\] numbers",
        ),
    ],
)
def test_speaker_files_that_are_none(text, message):
    with pytest.raises(BadCheckpoint, match=message):
        vectors.tensors_of({"speakers": text})


@pytest.mark.parametrize("found", [{}, {"speakers": '{"amy": 0, "zoe": 1}'}])
def test_names_and_numbers_are_no_vectors(found):
    assert vectors.tensors_of(found) == {}
    assert vectors.names_of(found) == ()


def test_sizes_that_do_not_belong_together():
    with pytest.raises(ConfigError, match="returns 12 numbers, the model needs 6"):
        VitsConfig(n_tokens=4, speaker_width=6, speaker_encoder=SIZES)


@pytest.fixture(scope="module")
def model():
    return toy(CLONING)[0]


def test_a_voice_is_the_mean_over_windows_and_recordings(model):
    first, second = speechlike(4.0, RATE), speechlike(2.0, 22_050)
    alone = [model.make_voice(one).tensors["embedding"] for one in (first, second)]
    both = model.make_voice([first, second], "  some\n words ", "me", "fr", "CC0-1.0")
    torch.testing.assert_close(both.tensors["embedding"], torch.stack(alone).mean(0))
    assert (both.language, both.transcript, both.licence) == ("fr", "some words", "CC0-1.0")
    assert model.describe_voice(both)["heard_s"] == pytest.approx(6.0, abs=0.5)
    kept = recording.check_recording(first, keep_s=recording.LONG_SILENCE_S).require()
    rows = torch.from_numpy(speaker.windows(kept.samples, 40_000))
    with torch.no_grad():
        by_hand = F.normalize(model.speaker_encoder.describe(extract(rows, SPEAKER_16K)), dim=1)
    torch.testing.assert_close(alone[0], by_hand.mean(0))


def test_what_makes_no_voice(model):
    with pytest.raises(VoiceError, match="no recording"):
        model.make_voice([])
    with pytest.raises(AudioError):
        model.make_voice(recording.Audio(np.zeros(RATE, np.float32), RATE))
    plain, _ = toy()
    with pytest.raises(VoiceError, match="no speaker encoder"):
        plain.make_voice(speechlike(2.0, RATE))


def test_by_the_toolkit_and_as_a_file(tmp_path):
    """`speak --ref` and `voices add`: the same voice, the same samples, another speaker else."""
    model, vocoder = toy(CLONING, languages=())
    folder = stored(tmp_path / "cloning", model, vocoder)
    tts = load(str(folder), device="cpu")
    assert tts.clones
    me = speechlike(3.0, RATE)
    how = {"seed": 3, "on_problem": "warn"}
    said = tts.speak("abc", tts.voice(me), **how).samples
    path = voices.voices_add("me", me, model=str(folder))
    assert np.array_equal(tts.speak("abc", voice_files.load(path), **how).samples, said)
    low = replace(me, samples=np.repeat(me.samples, 2))
    assert not np.array_equal(tts.speak("abc", tts.voice(low), **how).samples, said)
    with pytest.raises(VoiceError, match="cannot make voices from recordings"):
        voices.voices_add("you", me, model=str(stored(tmp_path / "plain", *toy())))


def test_a_cloning_models_own_speakers_go_by_number_and_mixed(tmp_path):
    """Not only by name: what is no saved voice is left to the model."""
    config = replace(CLONING, n_speakers=2)
    tts = load(str(stored(tmp_path / "m", *toy(config, names=("ann", "bob")))), device="cpu")

    def said(voice: str) -> np.ndarray:
        return tts.speak("abc", voice, seed=3, on_problem="warn").samples

    assert np.array_equal(said("1"), said("bob"))
    assert not np.array_equal(said("ann+bob"), said("bob"))
    with pytest.raises(UnknownVoice, match="no speaker 'bop'"):
        said("ann+bop")


def test_a_mix_is_kept_as_a_voice(tmp_path):
    """By models that clone and by those that do not; not by one that has a single speaker."""
    plain = replace(CONFIG, n_speakers=3, speaker_width=6)
    for name, config in (("plain", plain), ("cloning", replace(CLONING, n_speakers=3))):
        folder = str(stored(tmp_path / name, *toy(config, names=("ann", "bob", "cid"))))
        voices.voices_mix("both", "ann:3+cid", folder, replace=True)
        tts = load(folder, device="cpu")
        kept, mixed = (
            tts.speak("abc", voice, seed=3, on_problem="warn").samples
            for voice in ("both", "ann:3+cid")
        )
        assert np.array_equal(kept, mixed)
    with pytest.raises(UsageError, match="both"):
        voices.voices_mix("both", "ann", folder)
    with pytest.raises(UnknownVoice, match="no speaker 'eve'"):
        voices.voices_mix("other", "eve+ann", folder)
    alone = str(stored(tmp_path / "alone", *toy()))
    with pytest.raises(VoiceError, match="cannot be saved"):
        voices.voices_mix("other", "default", alone)
    with pytest.raises(VoiceError, match="should have a vector of 6"):
        load(str(tmp_path / "plain"), device="cpu").speak("abc", "both")


def test_hearing_runs_natively_on_every_macos(model):
    mel = torch.randn(10, 64, 251)

    def work():
        with torch.no_grad():
            return model.speaker_encoder.describe(mel)

    assert audit(work, macos=("14.4", "15.5")).findings == ()
