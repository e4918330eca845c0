"""What the family promises: rows alone equal rows together, times add up, speed and pitch act."""

import pytest
import torch

from vivavoce.errors import ConfigError, TextError, UnknownVoice
from vivavoce.models.base import Sentence, sentences
from vivavoce.models.forward.config import ForwardOptions
from vivavoce.models.forward.model import span_ends
from vivavoce.models.forward.workloads import TOY, random_model
from vivavoce.nn.noise import Noise
from vivavoce.types import Tokens


@pytest.fixture(scope="module")
def model():
    return random_model(TOY, "cpu")


def tokens(count, start=3):
    return Tokens(tuple(start + i % 40 for i in range(count)), (0,) * count)


def spoken(model, rows, seed=0, **options):
    noise = Noise(seed, range(len(rows)))
    asked = sentences(rows, model.voice(), ForwardOptions(**options))
    return next(iter(model.generate(asked, noise)))


def test_a_row_is_the_same_alone_and_in_a_batch():
    """In float64, where other shapes do not round to other numbers."""
    model = random_model(TOY, "cpu").double()
    rows = [tokens(9), tokens(30, 5), tokens(17, 8)]
    together = spoken(model, rows)
    for i, row in enumerate(rows):
        alone = spoken(model, [row])
        n = int(alone.lengths[0])
        assert n == int(together.lengths[i])
        assert torch.equal(alone.durations[0], together.durations[i, : len(row)])
        torch.testing.assert_close(alone.values[0], together.values[i, :, :n], atol=1e-5, rtol=0)
        assert not together.values[i, :, n:].any()


def test_durations_sum_to_the_frames(model):
    found = spoken(model, [tokens(9), tokens(30)])
    assert found.durations.sum(1).tolist() == found.lengths.tolist()


def test_no_draw_is_made(model):
    assert torch.equal(spoken(model, [tokens(12)], 1).values, spoken(model, [tokens(12)], 2).values)


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_speed_divides_the_length(model, speed):
    natural, other = spoken(model, [tokens(60)]), spoken(model, [tokens(60)], speed=speed)
    assert int(other.lengths) == pytest.approx(int(natural.lengths) / speed, abs=2)


def test_rows_may_differ_in_speed_and_pitch(model):
    asked = [ForwardOptions(speed=2.0), ForwardOptions(pitch=-4.0)]
    rows = [Sentence(tokens(20), model.voice(), options) for options in asked]
    together = next(iter(model.generate(rows, Noise(0, range(2)))))
    for i, options in enumerate(asked):
        alone = next(iter(model.generate([rows[i]], Noise(0))))
        n = int(alone.lengths[0])
        assert n == int(together.lengths[i]), options
        torch.testing.assert_close(alone.values[0], together.values[i, :, :n], atol=1e-3, rtol=0)


def test_where_spans_end_is_exact():
    """Sums in float32 would know no more than a thousandth of a frame at the end of this."""
    frames = 40 * torch.rand(1, 1200, generator=torch.Generator().manual_seed(0))
    ends, parts = span_ends(frames)
    exact = frames.double().cumsum(1)
    assert (ends.double() + parts.double() - exact).abs().max() < 5e-5
    assert torch.equal(ends, ends.floor())
    assert ((parts >= 0) & (parts < 1)).all()


def test_rounding_does_not_add_up(model):
    """Half a frame per token, rounded one by one, would be off by thirty frames here."""
    ids, counts = torch.tensor([tokens(60).ids]), torch.tensor([60])
    hidden, _ = model.encode(ids, counts)
    frames = torch.full((1, 60), 2.5)
    _, owner = model.align(hidden, counts, frames, torch.tensor([151]))
    ends = (owner[0, 1:] != owner[0, :-1]).nonzero().flatten() + 1
    assert (ends - 2.5 * torch.arange(1, 60)).abs().max() <= 0.5


def test_pitch_moves_the_voice_by_semitones():
    model = random_model(TOY, "cpu")
    ids, counts = torch.tensor([tokens(40).ids]), torch.tensor([40])
    hidden, mask = model.encode(ids, counts)
    frames = model.frames(hidden, mask, 1.0)
    aligned, _ = model.align(hidden, counts, frames, frames.sum(1).long() + 1)
    model.pitch_output.bias.data[2:] = 9.0  # voiced throughout
    low = model.predicted_pitch(aligned)
    assert (low > 0).all()
    octave = model.decode(aligned, low * 2) - model.decode(aligned, low)
    assert octave.abs().max() > 1e-3
    values = [spoken(model, [tokens(40)], pitch=p).values for p in (0.0, 12.0)]
    torch.testing.assert_close(
        values[1] - values[0], octave[:, : values[0].shape[2]].mT, atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("wrong", [{"speed": 0.0}, {"speed": 11.0}, {"pitch": 13.0}])
def test_options_are_bounded(wrong):
    with pytest.raises(ConfigError, match="must be from"):
        ForwardOptions(**wrong)


def test_nothing_to_speak_is_an_error(model):
    with pytest.raises(TextError):
        spoken(model, [tokens(0)])


def test_words_carry_their_times(model):
    found = model.tokenise("Two words.")
    frames = spoken(model, [found]).durations[0]
    assert len(frames) == len(found)
    assert [found.words[i] for i in dict.fromkeys(found.word_index) if i >= 0] == ["Two", "words"]


def test_an_unknown_speaker_is_named(model):
    with pytest.raises(UnknownVoice, match="nobody"):
        model.voice("nobody")
