"""What a VITS gives: rows that do not know each other, pieces that are the whole, guards."""

from dataclasses import replace

import pytest
import torch

from tests.models.vits.toy import CONFIG, spec_of, stored, toy
from vivavoce.errors import ConfigError, GuardError, TextError, UnknownVoice, VoiceError
from vivavoce.models.base import Sentence, sentences
from vivavoce.models.vits.config import VitsConfig, VitsOptions
from vivavoce.models.vits.model import FIRST_FRAMES, VitsTTS
from vivavoce.models.vits.prior import LONGEST_SYMBOL_S, lengths_of
from vivavoce.nn.noise import Noise
from vivavoce.speech.load import load
from vivavoce.types import Tokens, Voice

SPEAKING = replace(CONFIG, n_speakers=3, speaker_width=6)
NAMES = ("ann", "bob", "cid")


def spoken(model: VitsTTS, texts: list[str], rows=None, voice=None, **options):
    tokens = [model.tokenise(text) for text in texts]
    noise = Noise(7, range(len(texts)) if rows is None else rows)
    chosen = VitsOptions(**options)
    return list(model.generate(sentences(tokens, voice or model.voice(), chosen), noise))


def test_a_row_does_not_depend_on_its_neighbours():
    model, _ = toy()
    texts = ["hello there you", "a", "some words, more words"]
    (together,) = spoken(model, texts)
    for row, text in enumerate(texts):
        pieces = spoken(model, [text], rows=[row])
        alone = torch.cat([piece.values for piece in pieces], 2)
        frames = int(together.lengths[row])
        assert alone.shape[2] == frames
        torch.testing.assert_close(together.values[row, :, :frames], alone[0], atol=1e-5, rtol=0)
        durations = pieces[0].durations[0]
        assert torch.equal(together.durations[row, : len(durations)], durations)
        assert not together.values[row, :, frames:].any()


def test_rows_have_voices_speeds_and_noise_of_their_own():
    model, _ = toy(SPEAKING, names=NAMES)
    tokens = model.tokenise("hello there you")
    rows = [
        Sentence(tokens, model.voice("ann"), VitsOptions(speed=2.0)),
        Sentence(tokens, model.voice("bob"), VitsOptions(noise_scale=0.0)),
        Sentence(tokens, model.voice("cid"), VitsOptions(speed=0.5, duration_noise=0.1)),
    ]
    assert len({model.batch_key(row) for row in rows}) == 1
    (together,) = model.generate(rows, Noise(7, range(3)))
    for number, row in enumerate(rows):
        alone = torch.cat([p.values for p in model.generate([row], Noise(7, [number]))], 2)
        found = together.row(number).values
        torch.testing.assert_close(found, alone, atol=1e-5, rtol=0)
    assert together.lengths[2] > together.lengths[1] > together.lengths[0]


def test_pieces_make_up_the_whole():
    model, _ = toy()
    tokens = [model.tokenise("a long text " * 10)]
    pieces = spoken(model, ["a long text " * 10])
    assert pieces[0].values.shape[2] == FIRST_FRAMES
    with torch.inference_mode():
        prior = model.prior(sentences(tokens, model.voice(), VitsOptions()), Noise(7))
        whole = model.flow.reverse(prior.latents)
    torch.testing.assert_close(torch.cat([p.values for p in pieces], 2), whole, atol=1e-5, rtol=0)


def test_durations_add_up_and_speed_shortens():
    model, _ = toy()
    (natural,) = spoken(model, ["hello there"])
    (fast,) = spoken(model, ["hello there"], speed=2.0)
    assert int(natural.durations.sum()) == int(natural.lengths[0]) == natural.values.shape[2]
    assert int(fast.lengths[0]) == len(model.tokenise("hello there"))  # one frame a symbol


def test_noise_is_what_varies():
    model, _ = toy()
    tokens, voice = [model.tokenise("hello")], model.voice()

    def run(scale: float, seed: int) -> torch.Tensor:
        said = sentences(tokens, voice, VitsOptions(noise_scale=scale))
        return next(iter(model.generate(said, Noise(seed)))).values

    runs = [run(*how) for how in ((0.0, 1), (0.0, 2), (0.5, 1), (0.5, 2), (0.5, 2))]
    assert torch.equal(runs[0], runs[1])
    assert not torch.allclose(runs[2], runs[3])
    assert torch.equal(runs[3], runs[4])


def test_durations_that_run_away_are_cut_and_told():
    mask = torch.ones(3, 1, 2)
    log = torch.tensor([[[1.0, 1.0]], [[1.0, 80.0]], [[float("nan"), float("inf")]]])
    found = lengths_of(log, mask, [1.0] * 3, frame_rate=100.0)
    assert found.durations.tolist() == [[3, 3], [3, 150], [1, 1]]
    assert found.frames.tolist() == [6, 153, 2]
    assert found.problems[0] == ""
    assert f"beyond {LONGEST_SYMBOL_S:g} s" in found.problems[1]
    assert "not numbers" in found.problems[2]


@pytest.mark.parametrize("number", [-1, CONFIG.n_tokens])
def test_symbols_that_the_model_does_not_have(number):
    model, _ = toy()
    said = sentences([Tokens((1, number, 2))], model.voice(), VitsOptions())
    with pytest.raises(TextError, match=f"A symbol has the number {number}; this model has"):
        next(iter(model.generate(said, Noise(0))))


def test_exploded_durations_are_an_error_not_an_hour_of_noise(tmp_path):
    """The second attempt draws other noise; what is wrong with the weights stays."""
    model, vocoder = toy(replace(CONFIG, stochastic_durations=False))
    with torch.no_grad():
        model.durations.projection.bias.fill_(30.0)  # e^30 frames a symbol
    tts = load(str(stored(tmp_path / "exploded", model, vocoder)), device="cpu")
    with pytest.raises(GuardError, match=r"drew \d+ symbols out beyond 1.5 s"):
        tts.speak("abc")


def test_padding_lasts_no_time():
    mask = torch.tensor([[[1.0, 1.0]], [[1.0, 0.0]]])
    found = lengths_of(torch.full((2, 1, 2), float("-inf")).nan_to_num(), mask, [1.0, 1.0], 100.0)
    assert found.durations.tolist() == [[1, 1], [1, 0]]


def test_speakers_by_name_number_and_mixed():
    model, _ = toy(SPEAKING, names=NAMES)
    rows = model.speakers.weight
    assert model.voice().name == "ann"
    assert torch.equal(model.voice("bob").tensors["embedding"], rows[1])
    assert torch.equal(model.voice("2").tensors["embedding"], rows[2])
    mixed = model.voice("ann+cid").tensors["embedding"]
    torch.testing.assert_close(mixed, (rows[0] + rows[2]) / 2)
    heavier = model.voice("ann:3 + 2:1").tensors["embedding"]
    torch.testing.assert_close(heavier, (3 * rows[0] + rows[2]) / 4)
    for wrong in ("ann:x+bob", "ann:0+bob", "ann:-1+bob", "ann:inf+bob"):
        with pytest.raises(UnknownVoice, match="weight of the speaker 'ann'"):
            model.voice(wrong)
    with pytest.raises(UnknownVoice, match=r"'bop'.*'bob'"):
        model.voice("bop")
    with pytest.raises(UnknownVoice, match="no speaker '7'"):
        model.voice("7")


def test_a_voice_of_another_model_is_refused():
    model, _ = toy(SPEAKING, names=NAMES)
    for vector in (torch.zeros(5), torch.full((6,), float("nan"))):
        voice = Voice("mine", "vits", {"embedding": vector})
        with pytest.raises(VoiceError, match="vector of 6 finite numbers"):
            spoken(model, ["hello"], voice=voice)


def test_vectors_from_elsewhere_have_length_1():
    config = replace(CONFIG, speaker_width=6, unit_speakers=True)
    model, _ = toy(config)
    voice = Voice("mine", "vits", {"embedding": torch.full((6,), 3.0)})
    (features,) = spoken(model, ["hello"], voice=voice)
    assert float(features.condition.norm()) == pytest.approx(1.0)
    with pytest.raises(UnknownVoice, match="needs a voice"):
        model.voice()


def test_languages_by_name_or_its_beginning():
    config = replace(CONFIG, n_languages=3, language_width=4)
    model, _ = toy(config, languages=("en", "fr-fr", "pt-br"))
    voice = model.voice()
    assert model.language(voice, VitsOptions()) == "en"
    assert model.language(voice, VitsOptions(language="fr")) == "fr-fr"
    with pytest.raises(TextError, match="does not speak 'de'"):
        model.language(voice, VitsOptions(language="de"))
    french = spoken(model, ["hello"], language="pt-br")[0].values
    assert not torch.allclose(spoken(model, ["hello"])[0].values, french)


def test_nothing_to_speak():
    model, _ = toy()
    with pytest.raises(TextError, match="nothing to speak"):
        list(model.generate([Sentence(Tokens(()), model.voice(), VitsOptions())], Noise(0)))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"text_heads": 5}, "text_heads is 5"),
        ({"latent_width": 7}, "must be even"),
        ({"n_speakers": 2}, "needs a speaker_width"),
        ({"n_languages": 2}, "belong together"),
    ],
)
def test_sizes_that_make_no_model(table, message):
    with pytest.raises(ConfigError, match=message):
        VitsConfig(n_tokens=4, **table)


def test_options_out_of_range():
    with pytest.raises(ConfigError, match=r"noise_scale is 3\.0"):
        VitsOptions(noise_scale=3.0)


def test_a_stored_model_speaks_with_times(tmp_path):
    folder = stored(tmp_path / "toy", *toy(SPEAKING, names=NAMES))
    tts = load(folder)
    speech = tts.speak("hello there. again", "bob")
    assert [word.text for word in speech.words] == ["hello", "there.", "again"]
    assert all(w.start_s < w.end_s for w in speech.words)
    assert speech.words[-1].end_s <= len(speech.samples) / tts.sample_rate


def test_a_stream_is_the_whole_in_pieces(tmp_path):
    tts = load(stored(tmp_path / "toy", *toy()))
    text = "one very long sentence that goes on " * 8
    whole = tts.speak(text).samples
    pieces = [chunk.samples for chunk in tts.stream(text)]
    streamed = torch.cat([torch.from_numpy(p) for p in pieces])
    assert len(pieces) > 2
    assert len(pieces[0]) < FIRST_FRAMES * spec_of(CONFIG).hop_length
    torch.testing.assert_close(streamed, torch.from_numpy(whole), atol=1e-5, rtol=0)
