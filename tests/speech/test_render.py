"""What is not speech is tried once more with another draw, while nobody has heard any of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vivavoce.audio.specs import VOCOS_24K
from vivavoce.errors import GuardError
from vivavoce.models.base import Traits
from vivavoce.speech.plan import Utterance
from vivavoce.speech.render import FRESH, Renderer, Request, Stages
from vivavoce.types import Chunk, Features, Tokens, Voice
from vivavoce.vocoders.base import Vocoder

GOOD, QUIETER, SILENT, CLIPPED, NAN = 0.3, 0.1, 0.0, 1.5, float("nan")
N_TOKENS = 60
CPU = torch.device("cpu")


class Square(Vocoder):
    """Each frame as a buzz as loud as its first channel says."""

    accepts, receptive_field = VOCOS_24K, 2

    def decode(self, features, condition=None):
        level = features[:, 0].repeat_interleave(self.accepts.hop_length, dim=1)
        return level * torch.tensor([1.0, -1.0]).repeat(level.shape[1] // 2)


class Scripted:
    """Gives what the script says: `(utterance, attempt)` to the levels of its thirds."""

    spec = VOCOS_24K
    emits_parts = False

    def __init__(self, script, n_frames=90, stream_frames=0, gain=1.0):
        self.script, self.n_frames, self.gain = script, n_frames, gain
        self.traits = Traits(stream_frames=stream_frames, emits_parts=self.emits_parts)
        self.calls: list[list[tuple[int, int]]] = []

    def generate(self, tokens, voice, options, noise, on_step=None):
        rows = [divmod(g.initial_seed(), FRESH)[::-1] for g in noise.generators]
        self.calls.append(rows)
        if on_step is not None:
            on_step(1, 1)
        values = torch.zeros(len(tokens), 100, self.n_frames)
        for row, key in enumerate(rows):
            levels = self.script.get(key, GOOD)
            for third, level in enumerate(levels if isinstance(levels, tuple) else [levels] * 3):
                values[row, 0, third * self.n_frames // 3 :] = level
        yield Features(values, torch.full((len(tokens),), self.n_frames), self.spec, gain=self.gain)


class Incremental(Scripted):
    """Gives the same in four parts, and with the last one what went wrong."""

    emits_parts = True

    def __init__(self, script, problems=None):
        super().__init__(script, stream_frames=90)
        self.problems, self.given = problems or {}, 0

    def generate(self, tokens, voice, options, noise, on_step=None):
        (whole,) = super().generate(tokens, voice, options, noise, on_step)
        problem = self.problems.get(self.calls[-1][0], "")
        for start, stop in ((0, 10), (10, 30), (30, 60), (60, 90)):
            self.given += 1
            values = whole.values[..., start:stop]
            told = (problem,) if stop == 90 else ()
            yield Features(values, torch.tensor([stop - start]), self.spec, problems=told)


def utterances(n=1, warnings=()):
    tokens = Tokens(tuple(range(N_TOKENS)), word_index=(0,) * N_TOKENS)
    return [Utterance(Chunk(f"text {i}", i, i + 1, 0.25), tokens, i, warnings) for i in range(n)]


def request(**how) -> Request:
    return Request(Voice("v", "toy"), None, **how)


EARLY = request(early=True)


def rendered(model, how=None, warnings=()):
    (one,) = utterances(warnings=warnings)
    return list(Renderer(model, Square(), CPU, CPU).utterance(one, how or request()))


def level(piece) -> float:
    return float(np.abs(piece.audio.samples).max())


def test_good_speech_is_made_once():
    model = Scripted({})
    (piece,) = rendered(model, warnings=("noticed before",))
    assert model.calls == [[(0, 0)]]
    assert level(piece) == pytest.approx(GOOD)
    assert len(piece.audio.samples) == 90 * 256
    assert (piece.pause_s, piece.audio.warnings) == (0.25, ("noticed before",))
    assert (piece.audio.start, piece.audio.end) == (0, 1)


@pytest.mark.parametrize("bad", [NAN, SILENT, CLIPPED, (GOOD, GOOD, NAN)])
@pytest.mark.parametrize("n_frames", [90, 3000])
def test_another_draw_makes_it_good(bad, n_frames):
    """However long: a model that does not stream is judged whole."""
    model = Scripted({(0, 0): bad}, n_frames)
    (piece,) = rendered(model)
    assert model.calls == [[(0, 0)], [(0, 1)]]
    assert level(piece) == pytest.approx(GOOD)
    assert piece.audio.warnings == ()


@pytest.mark.parametrize(("bad", "why"), [(NAN, "NaN"), (SILENT, "silence")])
def test_twice_is_enough(bad, why):
    model = Scripted({(0, 0): bad, (0, 1): bad})
    with pytest.raises(GuardError, match=why):
        rendered(model)
    assert model.calls == [[(0, 0)], [(0, 1)]]


def test_what_only_needs_a_warning_is_kept_the_second_time():
    model = Scripted({(0, 0): CLIPPED, (0, 1): CLIPPED})
    (piece,) = rendered(model)
    assert len(model.calls) == 2
    assert level(piece) == 1.0
    assert ["clipped" in warning for warning in piece.audio.warnings] == [True]


@pytest.mark.parametrize(
    ("bad", "n_frames", "why"), [(SILENT, 90, "silence"), (GOOD, 9000, "96.00 s for 60 tokens")]
)
def test_lenient_keeps_the_second_and_says_so(bad, n_frames, why):
    script = {(0, 0): bad, (0, 1): bad}
    model = Scripted(script, n_frames)
    (piece,) = rendered(model, request(lenient=True))
    assert model.calls == [[(0, 0)], [(0, 1)]]
    assert why in piece.audio.warnings[0]
    assert len(piece.audio.samples) == n_frames * 256
    with pytest.raises(GuardError, match=why):
        rendered(Scripted(script, n_frames))


def test_lenient_gives_nobody_nan():
    model = Scripted({(0, 0): NAN, (0, 1): NAN})
    with pytest.raises(GuardError, match="NaN"):
        rendered(model, request(lenient=True))
    assert len(model.calls) == 2


def test_a_model_that_streams_comes_in_pieces():
    pieces = rendered(Scripted({}, stream_frames=20), EARLY)
    assert len(pieces) > 2
    assert [piece.pause_s for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert pieces[-1].pause_s == 0.25
    for whole in (Scripted({}), Scripted({}, stream_frames=20)):  # the second is not asked to
        (piece,) = rendered(whole)
        samples = np.concatenate([piece.audio.samples for piece in pieces])
        assert np.array_equal(samples, piece.audio.samples)


def test_a_model_that_gives_what_it_has_is_heard_at_once():
    """The vocoder waits for its context, not for the rest; a stage's time is its own."""
    model = Incremental({(0, 0): (GOOD, QUIETER, GOOD)})
    stages = Stages()
    how = request(early=True, stages=stages)
    pieces = Renderer(model, Square(), CPU, CPU).utterance(utterances()[0], how)
    found = [(model.given, len(piece.audio.samples)) for piece in pieces]
    given = [parts for parts, _ in found]
    assert given == [1, 3, 4, 4, 4]  # the second waits: it might be the last
    assert sum(n for _, n in found) == 90 * 256
    assert set(stages.seconds) == {"acoustic", "vocoder"}
    assert all(spent >= 0 for spent in stages.seconds.values())
    (whole,) = rendered(Incremental({(0, 0): (GOOD, QUIETER, GOOD)}))
    assert len(whole.audio.samples) == 90 * 256


def test_what_the_model_itself_tells_is_tried_again_or_told():
    problem = {(0, 0): "It stopped early"}
    model = Incremental({}, problems=problem)
    assert len(rendered(model)) == 1
    assert model.calls == [[(0, 0)], [(0, 1)]]
    model = Incremental({}, problems=problem)
    with pytest.raises(GuardError, match="It stopped early"):
        rendered(model, EARLY)  # heard already
    assert model.calls == [[(0, 0)]]
    pieces = rendered(Incremental({}, problems=problem), request(early=True, lenient=True))
    assert pieces[-1].audio.warnings == ("it stopped early ('text 0')",)


def test_what_was_heard_is_not_said_again():
    model = Scripted({(0, 0): (GOOD, GOOD, NAN)}, stream_frames=20)
    pieces = Renderer(model, Square(), CPU, CPU).utterance(utterances()[0], EARLY)
    assert level(next(pieces)) == pytest.approx(GOOD)
    with pytest.raises(GuardError, match="NaN"):
        list(pieces)
    assert model.calls == [[(0, 0)]]


def test_streamed_silence_is_told_at_its_end():
    with pytest.raises(GuardError, match="silence"):
        rendered(Scripted({(0, 0): SILENT}, stream_frames=20), EARLY)
    model = Scripted({(0, 0): SILENT}, stream_frames=20)
    pieces = rendered(model, request(lenient=True, early=True))
    assert len(model.calls) == 1
    assert "silence" in pieces[-1].audio.warnings[0]


def test_nan_at_the_beginning_of_a_stream_is_tried_again():
    model = Scripted({(0, 0): NAN}, stream_frames=20)
    assert level(rendered(model, EARLY)[0]) == pytest.approx(GOOD)
    assert model.calls == [[(0, 0)], [(0, 1)]]


@pytest.mark.parametrize("bad", [NAN, SILENT, CLIPPED])
def test_a_bad_row_is_done_again_alone(bad):
    """As on its own: the same draw first, so that a batch gives what `speak` gives."""
    model = Scripted({(1, 0): bad, (1, 1): QUIETER})
    work = utterances(3, ("noticed before",))
    rows = list(Renderer(model, Square(), CPU, CPU).batch(work, request()))
    assert model.calls == [[(0, 0), (1, 0), (2, 0)], [(1, 0)], [(1, 1)]]
    assert [level(*row) for row in rows] == pytest.approx([GOOD, QUIETER, GOOD])
    assert [row[0].audio.start for row in rows] == [0, 1, 2]
    assert {row[-1].audio.warnings for row in rows} == {("noticed before",)}
    assert all(row[-1].pause_s == 0.25 for row in rows)


def test_a_row_that_stays_bad_raises_or_is_told():
    script = {(1, 0): SILENT, (1, 1): SILENT}
    renderer = Renderer(Scripted(script), Square(), CPU, CPU)
    with pytest.raises(GuardError, match="text 1"):
        list(renderer.batch(utterances(2), request()))
    rows = list(renderer.batch(utterances(2), request(lenient=True)))
    assert [bool(row[-1].audio.warnings) for row in rows] == [False, True]


@pytest.mark.parametrize("seed", [0, 4])
def test_the_request_s_seed_is_the_noise_s(seed):
    how = request(seed=seed)
    drawn = [
        how.noise([2], attempt).normal([4], 3) for attempt in (0, 1)
    ] + [request(seed=seed + 1).noise([2], 0).normal([4], 3)]  # fmt: skip
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert torch.equal(drawn[0], request(seed=seed).noise([7, 2], 0).normal([4, 4], 3)[1:])


def test_as_loud_as_the_recording_was():
    for rows in (
        [rendered(Scripted({}, gain=0.5))],
        list(Renderer(Scripted({}, gain=0.5), Square(), CPU, CPU).batch(utterances(2), request())),
    ):
        assert [level(*row) for row in rows] == pytest.approx([GOOD / 2] * len(rows))


def test_steps_and_stages_are_watched():
    steps, stages = [], Stages()
    how = request().watched(lambda *step: steps.append(step), stages)
    rendered(Scripted({}), how)
    assert steps == [(1, 1)]
    assert set(stages.seconds) == {"acoustic", "vocoder"}
    assert min(stages.seconds.values()) >= 0


def test_what_a_step_raises_ends_the_work():
    def stop(_done, _all):
        raise KeyboardInterrupt

    model = Scripted({})
    with pytest.raises(KeyboardInterrupt):
        rendered(model, request().watched(stop, None))
    assert len(model.calls) == 1


def test_features_move_to_the_vocoder_s_device():
    found = Features(torch.zeros(1, 100, 9), torch.tensor([9]), VOCOS_24K)
    renderer = Renderer(Scripted({}), Square(), CPU, torch.device("meta"))
    assert renderer.accepted(found).device.type == "meta"
