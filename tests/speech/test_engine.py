"""speak, stream and batch give the same speech; seeds and options decide; bad input is named."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.tiny import tiny_model, tiny_tts, tiny_vocoder
from tests.tolerance import ROUNDINGS, assert_near
from vivavoce.errors import ConfigError, IncompatibleFeatures, TextError, UnknownVoice
from vivavoce.models.base import sentences
from vivavoce.runtime import select
from vivavoce.speech.engine import TTS
from vivavoce.text.passages import Style

TEXT = "Good evening, it is half past seven. Mr. Smith paid $3.50!\n\nThe end."
# Each sample of this vocoder is a sum of 1,026 terms of random sign: they round, and then cancel.
CANCELLING = 4 * ROUNDINGS


@pytest.fixture(scope="module")
def tts():
    return tiny_tts()


def test_stream_is_speak(tts):
    pieces = list(tts.stream(TEXT, noise_scale=0.5, seed=3))
    whole = tts.speak(TEXT, noise_scale=0.5, seed=3)
    streamed = torch.from_numpy(np.concatenate([p.samples for p in pieces]))
    assert_near(streamed, torch.from_numpy(whole.samples), CANCELLING)  # windows of other lengths
    starts = np.cumsum([0] + [len(p.samples) for p in pieces[:-1]]) / tts.sample_rate
    assert [p.start_s for p in pieces] == pytest.approx(starts.tolist())


def test_streamed_windows_equal_one_whole_decoding(tts):
    """The vocoder's windows leave no trace: against decoding each utterance at once."""
    from vivavoce.nn.noise import Noise

    text = "word " * 40
    (utterance,) = tts.plan(text, tts._request(None, 0.2, 0, "error", {}))
    options = tts._request(None, 0.2, 0, "error", {}).options  # slow: there are many windows
    (features,) = tts.model.generate(
        sentences([utterance.tokens], tts.model.voice(), options), Noise(0)
    )
    assert features.values.shape[2] > 200
    with torch.inference_mode():
        whole = tts.vocoder.decode(features.values)[0].numpy()
    streamed = tts.speak(text, speed=0.2).samples
    n = len(whole)
    assert_near(torch.from_numpy(streamed[:n]), torch.from_numpy(whole.clip(-1, 1)), CANCELLING)


def test_batch_is_speak(tts):
    texts = [TEXT, "Hello there.", "One more, somewhat longer, sentence for the batch."]
    together = tts.batch(texts, noise_scale=0.5, seed=5, batch_size=2)
    for text, speech in zip(texts, together, strict=True):
        alone = tts.speak(text, noise_scale=0.5, seed=5)
        assert_near(torch.from_numpy(speech.samples), torch.from_numpy(alone.samples), CANCELLING)
        assert [w.text for w in alone.words] == [w.text for w in speech.words]


def test_seed_and_speed(tts):
    first, again, other = (tts.speak(TEXT, noise_scale=0.7, seed=s).samples for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(tts.speak(TEXT, speed=0.3).samples) > len(tts.speak(TEXT, speed=3).samples)


def test_words_are_the_sources_and_in_order(tts):
    speech = tts.speak(TEXT)
    assert [w.text for w in speech.words] == TEXT.split()
    times = [t for w in speech.words for t in (w.start_s, w.end_s)]
    assert times == sorted(times)
    assert times[-1] <= speech.duration_s


def test_a_wrong_option_names_the_right_one(tts):
    with pytest.raises(ConfigError, match="noise_scale"):
        tts.speak(TEXT, noise_scal=0.5)
    with pytest.raises(ConfigError, match=r"'tiny' has no option 'steps'.*noise_scale"):
        tts.speak(TEXT, steps=4)
    with pytest.raises(ConfigError, match="speed"):
        tts.speak(TEXT, speed=100)


@pytest.mark.parametrize("text", ["", "   ", "...!?", "\x00\x07", "日本語だけ"])
def test_nothing_to_speak(tts, text):
    with pytest.raises(TextError):
        tts.speak(text)


def test_unknown_characters_are_named_and_the_rest_is_spoken(tts):
    speech = tts.speak("Hello мир, hello again.")
    assert any("CYRILLIC" in warning for warning in speech.warnings)


def test_unknown_voice():
    tts = tiny_tts(n_speakers=2)
    assert tts.voices == ("speaker0", "speaker1")
    with pytest.raises(UnknownVoice, match="speaker1"):
        tts.speak("Hello.", "speaker11")


def test_a_vocoder_for_other_features_is_refused():
    vocoder = tiny_vocoder()
    vocoder.accepts = dataclasses.replace(vocoder.accepts, f_max=8000.0, mel_scale="slaney")
    with pytest.raises(IncompatibleFeatures, match="mel_scale"):
        TTS("x", tiny_model().freeze(), vocoder, select("cpu"), {})


def test_pauses_and_silences_are_heard(tts):
    plain = tts.speak("One. Two.", seed=1)
    marked = tts.speak("[pause 1s] One. [pause 2s] Two.", seed=1)
    assert not marked.samples[: tts.sample_rate].any()
    assert marked.duration_s > plain.duration_s + 2.5
    slow = tts.speak("One. Two.", seed=1, style=Style(sentence_s=3.0))
    assert slow.duration_s > plain.duration_s + 4.0
    assert slow.words[0].text == "One."
    (alone,) = tts.batch(["[pause 1s] One."], seed=1)
    assert not alone.samples[: tts.sample_rate].any()


def test_a_foreign_paragraph_is_warned_of(tts):
    speech = tts.speak("Hello there.\n\n\u041f\u0440\u0438\u0432\u0435\u0442.\n\nGoodbye.")
    assert ["at character 15" in warning for warning in speech.warnings] == [True]
