import numpy as np
import pytest
import soundfile
import torch

from tests.speechlike import speechlike
from tests.tiny import tiny_f5_folders, tiny_folders, tiny_voice
from tests.toy import SPEAKERS, toy_folder, toy_tts
from vivavoce.audio import edit
from vivavoce.errors import (
    AudioError,
    BadCheckpoint,
    UnknownModel,
    UnknownVoice,
    UsageError,
    VoiceError,
)
from vivavoce.hub import voice_file as files
from vivavoce.models import MODELS
from vivavoce.speech import voices
from vivavoce.types import Audio

WORDS = "Some words that were said in the clip."


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    tiny_folders(tmp_path / "models", n_speakers=2)
    return tmp_path


def test_voices_are_the_models_speakers():
    names = {row["name"] for row in voices.voices_list()}
    assert {"speaker0", "speaker1"} <= names
    assert voices.voices_show("speaker1")["family"] == "glow"
    with pytest.raises(UnknownVoice, match="speaker1"):
        voices.voices_show("speaker11")
    with pytest.raises(VoiceError, match="part of the model"):
        voices.voices_remove("speaker1")


def test_made_kept_listed_shown_loaded_removed(home):
    path = voices.voices_add("me", speechlike(3.0), transcript=WORDS, language="de", licence="CC0")
    assert path == home / "voices" / "me.safetensors"
    row = {"name": "me", "model": "", "family": "f5", "language": "de", "licence": "CC0"}
    row["path"] = str(path)
    assert voices.voices_list()[-1] == row
    shown = voices.voices_show("me")
    assert shown == row | {"transcript": WORDS, "duration_s": 3.05, "loudness_db": -14.1}
    by_name, by_path = voices.load_voice("me"), voices.load_voice(path)
    assert by_name.name == by_path.name == "me"
    assert torch.equal(by_name.tensors["samples"], by_path.tensors["samples"])
    voices.voices_remove("me")
    assert not path.exists()
    with pytest.raises(UnknownVoice):
        voices.load_voice("me")


def test_a_taken_name_is_replaced_only_when_asked():
    voices.voices_add("me", speechlike(2.0), transcript=WORDS)
    with pytest.raises(UsageError, match="already"):
        voices.voices_add("me", speechlike(4.0), transcript=WORDS)
    with pytest.raises(VoiceError):
        voices.voices_add("me", speechlike(0.1), transcript=WORDS, replace=True)
    assert voices.voices_show("me")["duration_s"] == 2.05
    voices.voices_add("me", speechlike(4.0), transcript=WORDS, replace=True)
    assert voices.voices_show("me")["duration_s"] == 4.05


@pytest.mark.parametrize("name", ["../me", "/tmp/me", "", ".."])
def test_a_name_is_no_path(home, name):
    with pytest.raises(UsageError, match="cannot be the name"):
        voices.voices_add(name, "not even looked at.wav", transcript=WORDS)
    with pytest.raises(UnknownVoice):
        voices.load_voice(name)
    with pytest.raises(UnknownVoice):
        voices.voices_remove(name)
    assert not (home / "voices").exists()


@pytest.mark.parametrize(
    ("rate", "channels", "subtype", "suffix"),
    [
        (48000, 2, "PCM_16", "wav"),
        (8000, 1, "PCM_U8", "wav"),
        (44100, 2, "PCM_24", "flac"),
        (96000, 6, "FLOAT", "wav"),
        (16000, 1, "VORBIS", "ogg"),
    ],
)
def test_recordings_of_any_kind(tmp_path, rate, channels, subtype, suffix):
    speech = edit.pad(speechlike(2.0, rate), 0.3, 0.3)
    file = tmp_path / f"clip.{suffix}"
    soundfile.write(file, np.tile(speech.samples[:, None], channels) * 0.5, rate, subtype)
    voice = voices.make_voice(file, WORDS)
    assert len(voice.tensors["samples"]) / 24000 == pytest.approx(2.05, abs=0.05)
    assert float(voice.tensors["rms"]) == pytest.approx(0.1, rel=0.05)


def test_the_seconds_to_use(tmp_path):
    soundfile.write(tmp_path / "long.wav", speechlike(60.0, 8000).samples, 8000)
    with pytest.raises(VoiceError, match=r"60\.0 s of speech"):
        voices.make_voice(tmp_path / "long.wav", WORDS)
    voice = voices.make_voice(tmp_path / "long.wav", WORDS, start_s=50.0, end_s=54.0)
    assert len(voice.tensors["samples"]) == pytest.approx(4.05 * 24000)
    with pytest.raises(AudioError, match=r"60\.00 s long"):
        voices.make_voice(tmp_path / "long.wav", WORDS, start_s=70.0)


def test_a_transcriber_is_asked_where_there_is_no_transcript():
    with pytest.raises(VoiceError, match="no transcript"):
        voices.voices_add("me", speechlike(2.0))
    voices.voices_add("me", speechlike(2.0), transcriber=lambda audio, language: WORDS + language)
    assert voices.voices_show("me")["transcript"] == WORDS + "en"


def test_a_bad_recording_leaves_no_voice(home):
    nan = Audio(np.full(48000, np.nan, np.float32), 24000)
    for recording in (nan, edit.silence(3.0, 24000), home / "nothing.wav"):
        with pytest.raises(AudioError):
            voices.voices_add("me", recording, transcript=WORDS)
    assert not (home / "voices").exists()


def test_the_models_that_speak_with_a_voice_are_named(home):
    """By names that -m takes; a family is none."""
    voices.voices_add("me", speechlike(2.0), transcript=WORDS)
    tiny_f5_folders(home / "models")
    assert voices.voices_list()[-1]["model"] == "tiny-f5"
    assert voices.voices_show("me")["model"] == "tiny-f5"


@pytest.mark.parametrize("clones", [True, False])
def test_a_recording_is_not_a_voice(home, clones):
    for name in ("me.wav", "/nowhere/me.MP3"):
        with pytest.raises(UsageError, match=r"is a recording, not a voice.*--ref"):
            voices.choose(name, ("default",), clones)


def test_a_damaged_voice_hides_no_other_and_can_be_removed(home):
    voices.voices_add("me", speechlike(2.0), transcript=WORDS)
    bad = home / "voices" / "bad.safetensors"
    bad.write_bytes(b"not this")
    rows = {row["name"]: row for row in voices.voices_list()}
    assert "not a voice file" in rows["bad"]["problem"]
    assert rows["me"]["family"] == "f5"
    for function in (voices.voices_show, voices.load_voice):
        with pytest.raises(VoiceError, match="not a voice file"):
            function("bad")
    voices.voices_remove("bad")
    assert not bad.exists()


def test_models_that_clone_and_models_that_do_not(monkeypatch):
    assert "f5" in voices.cloning_families()
    assert "glow" not in voices.cloning_families()
    with pytest.raises(VoiceError, match=r"'kathleen' cannot make voices.*f5"):
        voices.make_voice(speechlike(2.0), WORDS, model="kathleen")
    with pytest.raises(UnknownModel, match="kathleen"):
        voices.make_voice(speechlike(2.0), WORDS, model="kathlen")
    monkeypatch.setattr(MODELS, "folders", {"glow": MODELS.folders["glow"]})
    with pytest.raises(UnknownModel, match="makes voices"):
        voices.make_voice(speechlike(2.0), WORDS)


@pytest.fixture
def toy(home, monkeypatch):
    """A stored model whose weights make voices."""
    monkeypatch.setitem(MODELS.folders, "toy", "tests.toy")
    toy_folder(home / "models")
    return "toy"


def test_a_voice_that_needs_weights(home, toy):
    assert {"f5", "toy"} <= set(voices.cloning_families())
    two = [speechlike(2.0), speechlike(1.0, level=0.1)]
    voices.voices_add("me", two, model=toy, language="de", licence="CC0")
    shown = voices.voices_show("me")
    assert (shown["family"], shown["language"], shown["recordings"]) == ("toy", "de", 2)
    made, direct = voices.load_voice("me"), toy_tts().voice(two, language="de")
    assert torch.equal(made.tensors["speaker_embedding"], direct.tensors["speaker_embedding"])
    assert toy_tts().speak("Hello.", "me").duration_s > 0
    alone = voices.make_voice(two[:1], model=toy, start_s=0.5, end_s=1.5)
    assert int(alone.tensors["heard"]) == 1


def test_without_a_model_a_voice_needs_no_weights(toy, monkeypatch):
    monkeypatch.setattr(MODELS, "folders", dict(reversed(MODELS.folders.items())))
    assert next(iter(voices.cloning_families())) == "toy"
    assert voices.make_voice(speechlike(2.0), WORDS).family == "f5"
    monkeypatch.setattr(MODELS, "folders", {"toy": "tests.toy"})
    with pytest.raises(UnknownModel, match="--model"):
        voices.make_voice(speechlike(2.0), WORDS)


def test_what_cannot_be_made_leaves_no_voice(home, toy):
    short, good = speechlike(0.1), speechlike(2.0)
    cases = [
        ([good, short], {}, VoiceError, "too short"),
        ([good, home / "nothing.wav"], {}, AudioError, "does not exist"),
        ([], {}, UsageError, "no recording"),
        ([good, good], {"end_s": 1.0}, UsageError, "several are given"),
        ([good, good], {"model": None, "transcript": WORDS}, VoiceError, "There are 2 recordings"),
        (good, {"model": "toi"}, UnknownModel, "'toy'"),
        (good, {"model": "f5-v1"}, VoiceError, "no transcript"),
    ]
    for recording, details, kind, message in cases:
        with pytest.raises(kind, match=message):
            voices.voices_add("me", recording, **{"model": toy} | details)
    (home / "models" / "toy" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(BadCheckpoint):
        voices.voices_add("me", good, model=toy)
    assert not (home / "voices").exists()


def test_recordings_are_read_before_a_model_is(toy, monkeypatch):
    monkeypatch.setattr("vivavoce.hub.build.acoustic", None)
    with pytest.raises(AudioError):
        voices.make_voice("absent.wav", model=toy)


def test_names_as_people_type_them(toy):
    files.save(files.path_of("Jürgen"), tiny_voice("Jürgen"))
    files.save(files.path_of("BobRay"), tiny_voice("BobRay"))
    assert voices.choose("ana senora", SPEAKERS, True) == "Ana Señora"
    assert voices.choose("BOB RAY", SPEAKERS, False) == "Bob Ray"
    assert voices.choose("jurgen", SPEAKERS, True).name == "Jürgen"
    assert voices.choose("bobray", SPEAKERS, True).name == "BobRay"
    assert voices.choose("nobody", SPEAKERS, False) == "nobody"
    assert voices.load_voice("JURGEN").name == "Jürgen"
    assert voices.voices_show("jurgen")["name"] == "Jürgen"
    assert voices.voices_show("ana senora")["model"] == "toy"
    with pytest.raises(UnknownVoice, match="Jürgen"):
        voices.voices_remove("jurgen")
    with pytest.raises(UnknownVoice, match="'Ana Señora'"):
        voices.choose("Anna Senora", SPEAKERS, True)


def test_a_voice_of_ones_own_comes_before_a_speaker_spelt_otherwise(toy):
    files.save(files.path_of("speaker"), tiny_voice("speaker"))
    assert voices.choose("speaker", ("Speaker",), True).family == "f5"
    assert voices.choose("Speaker", ("Speaker",), True) == "Speaker"
    assert voices.choose("SPEAKER", ("Speaker",), True) == "Speaker"
