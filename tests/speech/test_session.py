"""What is not speech is tried once more with another draw, while nobody has heard any of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from vivavoce.audio.specs import VOCOS_24K
from vivavoce.errors import GuardError, TextError
from vivavoce.models.base import StaticBatcher, Traits
from vivavoce.speech.plan import Utterance
from vivavoce.speech.rendering import RETRY_NOISE_OFFSET, Request
from vivavoce.speech.session import Session, Stages, Synthesiser
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

    def batch_key(self, sentence):
        return None

    def batcher(self, rows):
        return StaticBatcher(self, rows)

    def generate(self, tokens, noise, on_step=None):
        rows = [divmod(g.initial_seed(), RETRY_NOISE_OFFSET)[::-1] for g in noise.generators]
        self.calls.append(rows)
        if on_step is not None:
            on_step(1, 1)
        values = torch.zeros(len(tokens), 100, self.n_frames)
        for row, key in enumerate(rows):
            levels = self.script.get(key, GOOD)
            for third, level in enumerate(levels if isinstance(levels, tuple) else [levels] * 3):
                values[row, 0, third * self.n_frames // 3 :] = level
        yield Features(
            values,
            torch.full((len(tokens),), self.n_frames),
            self.spec,
            gains=(self.gain,) * len(tokens),
        )


class Incremental(Scripted):
    """Gives the same in four parts, and with the last one what went wrong."""

    emits_parts = True

    def __init__(self, script, problems=None):
        super().__init__(script, stream_frames=90)
        self.problems, self.given = problems or {}, 0

    def generate(self, tokens, noise, on_step=None):
        (whole,) = super().generate(tokens, noise, on_step)
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


STREAM = request(stream=True)


def rendered(model, how=None, warnings=()):
    (one,) = utterances(warnings=warnings)
    return list(session(model).run(one, how or request()))


def session(model, rows=1, stages=None):
    return Session(Synthesiser(model, Square(), CPU, CPU), rows, stages)


def batched(model, work, how=None):
    """The pieces of each utterance, spoken side by side."""
    running = session(model, len(work))
    pieces = {running.add(utterance, how or request()): [] for utterance in work}
    while not running.idle:
        for handle, result in running.step():
            if isinstance(result, GuardError):
                raise result
            pieces[handle].append(result)
    return list(pieces.values())


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
    pieces = rendered(Scripted({}, stream_frames=20), STREAM)
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
    pieces = session(model, stages=stages).run(utterances()[0], STREAM)
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
        rendered(model, STREAM)  # heard already
    assert model.calls == [[(0, 0)]]
    pieces = rendered(Incremental({}, problems=problem), request(stream=True, lenient=True))
    assert pieces[-1].audio.warnings == ("it stopped early ('text 0')",)


def test_what_was_heard_is_not_said_again():
    model = Scripted({(0, 0): (GOOD, GOOD, NAN)}, stream_frames=20)
    pieces = session(model).run(utterances()[0], STREAM)
    assert level(next(pieces)) == pytest.approx(GOOD)
    with pytest.raises(GuardError, match="NaN"):
        list(pieces)
    assert model.calls == [[(0, 0)]]


def test_streamed_silence_is_told_at_its_end():
    with pytest.raises(GuardError, match="silence"):
        rendered(Scripted({(0, 0): SILENT}, stream_frames=20), STREAM)
    model = Scripted({(0, 0): SILENT}, stream_frames=20)
    pieces = rendered(model, request(lenient=True, stream=True))
    assert len(model.calls) == 1
    assert "silence" in pieces[-1].audio.warnings[0]


def test_nan_at_the_beginning_of_a_stream_is_tried_again():
    model = Scripted({(0, 0): NAN}, stream_frames=20)
    assert level(rendered(model, STREAM)[0]) == pytest.approx(GOOD)
    assert model.calls == [[(0, 0)], [(0, 1)]]


@pytest.mark.parametrize("bad", [NAN, SILENT, CLIPPED])
def test_a_bad_row_is_tried_again_with_another_draw(bad):
    model = Scripted({(1, 0): bad, (1, 1): QUIETER})
    work = utterances(3, ("noticed before",))
    rows = batched(model, work)
    assert model.calls == [[(0, 0), (1, 0), (2, 0)], [(1, 1)]]
    assert [level(*row) for row in rows] == pytest.approx([GOOD, QUIETER, GOOD])
    assert [row[0].audio.start for row in rows] == [0, 1, 2]
    assert {row[-1].audio.warnings for row in rows} == {("noticed before",)}
    assert all(row[-1].pause_s == 0.25 for row in rows)


def test_a_row_that_stays_bad_raises_or_is_told():
    script = {(1, 0): SILENT, (1, 1): SILENT}
    with pytest.raises(GuardError, match="text 1"):
        batched(Scripted(script), utterances(2))
    rows = batched(Scripted(script), utterances(2), request(lenient=True))
    assert [bool(row[-1].audio.warnings) for row in rows] == [False, True]


def test_as_loud_as_the_recording_was():
    for rows in (
        [rendered(Scripted({}, gain=0.5))],
        batched(Scripted({}, gain=0.5), utterances(2)),
    ):
        assert [level(*row) for row in rows] == pytest.approx([GOOD / 2] * len(rows))


def test_steps_and_stages_are_watched():
    steps, stages = [], Stages()
    how = request(on_step=lambda *step: steps.append(step))
    list(session(Scripted({}), stages=stages).run(utterances()[0], how))
    assert steps == [(1, 1)]
    assert set(stages.seconds) == {"acoustic", "vocoder"}
    assert min(stages.seconds.values()) >= 0


def test_what_a_step_raises_ends_the_work():
    def stop(_done, _all):
        raise KeyboardInterrupt

    model = Scripted({})
    with pytest.raises(KeyboardInterrupt):
        rendered(model, request(on_step=stop))
    assert len(model.calls) == 1


def test_features_move_to_the_vocoder_s_device():
    found = Features(torch.zeros(1, 100, 9), torch.tensor([9]), VOCOS_24K)
    synthesiser = Synthesiser(Scripted({}), Square(), CPU, torch.device("meta"))
    assert synthesiser.accepted(found).device.type == "meta"


def test_rows_of_different_requests_share_a_batch():
    model = Scripted({})
    running = session(model, 3)
    one, two = utterances(2)
    running.add(one, request(seed=0))
    running.add(two, request(seed=3, lenient=True))
    while not running.idle:
        running.step()
    assert len(model.calls) == 1
    assert len(model.calls[0]) == 2


def test_a_dropped_utterance_gives_nothing_more():
    model = Scripted({}, stream_frames=20)
    running = session(model)
    handle = running.add(utterances()[0], STREAM)
    while not running.step():
        pass
    running.drop(handle)
    running.drop(handle)
    assert running.idle
    assert running.step() == []


def test_an_error_of_one_utterance_leaves_the_others_alone():
    class Refusing(Scripted):
        def generate(self, sentences, noise, on_step=None):
            if any(len(s.tokens) == 1 for s in sentences):
                raise TextError("One token is too few.")
            yield from super().generate(sentences, noise, on_step)

    good, bad = utterances(2)
    bad = replace(bad, tokens=Tokens((0,), word_index=(0,)))
    running = session(Refusing({}), 2)
    handles = [running.add(one, request()) for one in (good, bad)]
    events = []
    while not running.idle:
        events += running.step()
    results = dict(events)
    assert isinstance(results[handles[1]], TextError)
    assert level(results[handles[0]]) == pytest.approx(GOOD)


def test_a_skipped_utterance_leaves_a_warning():
    model = Scripted({(0, 0): SILENT, (0, 1): SILENT})
    (piece,) = rendered(model, request(skip=True), ("noticed before",))
    assert (len(piece.audio.samples), piece.pause_s) == (0, 0.25)
    assert piece.audio.warnings[0] == "noticed before"
    assert piece.audio.warnings[1].startswith("left out 'text 0': The model returned silence")
