"""What holds for every family in the table; tests/families.py has a line for each."""

from __future__ import annotations

from itertools import pairwise
from threading import Thread

import numpy as np
import pytest

from tests.families import ENGINES, engine, voice_for
from vivavoce.errors import TextError, VivavoceError
from vivavoce.models import MODELS
from vivavoce.models.base import AcousticModel

TEXTS = ("Good evening, everybody.", "No.", "The rain begins to fall on the old town.")
CLOSE = 1e-4
"""Of full scale: batched convolutions and matrix products add up in another order."""

families = pytest.mark.parametrize("family", MODELS.names)


def speak(family: str, text: str, **how):
    """With random weights hardly anything is speech: warnings are kept."""
    voice = how.pop("voice", voice_for(family))
    return engine(family).speak(text, voice, on_problem="warn", **how).samples


def differ(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max()) if len(one) == len(other) else np.inf


def test_every_family_is_tested():
    assert set(ENGINES) == set(MODELS.names)


@families
def test_a_family_is_what_the_contract_says(family):
    model = MODELS.family(family).model
    assert issubclass(model, AcousticModel)
    assert model.family == family
    assert MODELS.options(family) is model.options_type
    assert model.options_type().speed == 1.0
    for fast in model.traits.fast_options:
        assert hasattr(model.options_type(), fast)


@families
def test_one_seed_gives_one_result(family):
    assert np.array_equal(speak(family, TEXTS[0], seed=7), speak(family, TEXTS[0], seed=7))


@families
def test_batched_is_single(family):
    tts, voice = engine(family), voice_for(family)
    together = tts.batch(TEXTS, voice, on_problem="warn", seed=3, batch_size=2)
    for text, speech in zip(TEXTS, together, strict=True):
        assert differ(speech.samples, speak(family, text, seed=3)) < CLOSE


@families
def test_streamed_is_whole(family):
    tts, voice = engine(family), voice_for(family)
    for seed in range(8):  # a stream cannot take back a bad first attempt
        whole = tts.speak(TEXTS[2], voice, on_problem="warn", seed=seed)
        if not whole.warnings:
            break
    chunks = list(tts.stream(TEXTS[2], voice, on_problem="warn", seed=seed))
    if not whole.warnings:
        assert differ(np.concatenate([c.samples for c in chunks]), whole.samples) < CLOSE
    starts = [c.start_s for c in chunks]
    assert starts == sorted(starts)


@families
def test_different_requests_share_a_session(family):
    tts = engine(family)
    asked = [
        (TEXTS[0], {"voice": voice_for(family, 0), "seed": 1}),
        (TEXTS[2], {"voice": voice_for(family, 1), "seed": 2, "speed": 1.25}),
        (TEXTS[1], {"voice": voice_for(family, 0), "seed": 1, "speed": 0.8}),
    ]
    session, pieces = tts.session(rows=3), {}
    for text, how in asked:
        request = tts.request(on_problem="warn", **how)
        (utterance,) = tts.plan(text, request)
        pieces[session.add(utterance, request)] = []
    while not session.idle:
        for handle, result in session.step():
            assert not isinstance(result, VivavoceError)
            pieces[handle].append(result.audio.samples)
    for (text, how), parts in zip(asked, pieces.values(), strict=True):
        samples = np.concatenate(parts)
        assert differ(speak(family, text, **how)[: len(samples)], samples) < CLOSE


@families
def test_a_dropped_utterance_frees_its_row(family):
    tts = engine(family)
    session, request = tts.session(), tts.request(voice_for(family), on_problem="warn")
    first, second = (next(iter(tts.plan(text, request))) for text in TEXTS[:2])
    handle = session.add(first, request)
    session.step()
    session.drop(handle)
    again = session.add(second, request)
    events = []
    while not session.idle:
        events += session.step()
    assert {one for one, _ in events} == {again}


@families
def test_threads_do_not_disturb_each_other(family):
    tts, results = engine(family), {}

    def work(name, **how):
        results[name] = tts.batch(TEXTS[:2], voice_for(family), on_problem="warn", **how)

    jobs = {"one": {"seed": 1, "batch_size": 1}, "two": {"seed": 2, "batch_size": 4, "speed": 1.2}}
    threads = [Thread(target=work, args=(name,), kwargs=how) for name, how in jobs.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, how in jobs.items():
        how = {key: value for key, value in how.items() if key != "batch_size"}
        for text, speech in zip(TEXTS, results[name], strict=False):
            assert differ(speech.samples, speak(family, text, **how)) < CLOSE


@families
@pytest.mark.parametrize("text", ["", "  \n ", "***"])
def test_nothing_to_speak_is_an_error(family, text):
    with pytest.raises(TextError):
        speak(family, text)


@families
def test_a_long_text_is_cut_and_covered(family):
    tts, text = engine(family), "A sentence of some words, said now. " * 60
    request = tts.request(voice_for(family))
    chunks = [utterance.chunk for utterance in tts.plan(text, request)]
    assert len(chunks) > 1
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)
    between = [text[a.end : b.start] for a, b in pairwise(chunks)]
    assert not "".join([text[: chunks[0].start], *between, text[chunks[-1].end :]]).strip()
