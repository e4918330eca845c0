"""One timeline: pauses as long as wanted, nothing loud lost, times that are true."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.speech.join import OVERLAP_S, Piece, joined, quiet_samples
from vivavoce.types import AudioChunk, Word

RATE = 24_000
ROOM = 1e-3  # -60 dB: room tone


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(round(seconds * RATE))).astype(np.float32)


def utterance(before_s: float, loud_s: float, after_s: float, seed: int = 0) -> np.ndarray:
    """Room tone, sound, room tone."""
    parts = [noise(before_s, ROOM, seed), noise(loud_s, 0.1, seed + 1), noise(after_s, ROOM, seed)]
    return np.concatenate(parts)


def piece(samples, pause_s: float | None = 0.0, words=(), warnings=(), start=0):
    return Piece(AudioChunk(samples, RATE, 0.0, start, start + 1, words, warnings), pause_s)


def whole(chunks) -> np.ndarray:
    """All samples; every chunk says truly where it begins."""
    chunks = list(chunks)
    starts = np.cumsum([0] + [len(c.samples) for c in chunks[:-1]]) / RATE
    assert [c.start_s for c in chunks] == pytest.approx(starts.tolist())
    return np.concatenate([c.samples for c in chunks])


def find(sound: np.ndarray, inside: np.ndarray) -> int:
    """Where `sound` lies, unchanged."""
    first = np.flatnonzero(inside[: len(inside) - len(sound) + 1] == sound[0])
    (place,) = [n for n in first if np.array_equal(inside[n : n + len(sound)], sound)]
    return int(place)


def test_plain_pauses_are_digital_silence():
    first, second = noise(0.2, 0.1), noise(0.3, 0.1, 1)
    out = whole(joined([piece(first, 0.25), piece(second, 0.1)], blend=False))
    pauses = [np.zeros(round(s * RATE), np.float32) for s in (0.25, 0.1)]
    assert np.array_equal(out, np.concatenate([first, pauses[0], second, pauses[1]]))


def test_nothing_to_join():
    for blend in (False, True):
        assert list(joined([], blend)) == []


def test_one_utterance_keeps_its_room_and_ends_in_nothing():
    one = utterance(0.1, 0.3, 0.2)
    out = whole(joined([piece(one)], blend=True))
    assert len(out) == len(one)
    faded = round(0.005 * RATE)
    assert np.array_equal(out[:-faded], one[:-faded])
    assert out[-1] == 0.0


@pytest.mark.parametrize("pause_s", [0.0, 0.2, 0.45, 1.0])
@pytest.mark.parametrize(("after_s", "before_s"), [(0.3, 0.2), (0.05, 0.4), (0.4, 0.0), (0.0, 0.0)])
def test_sounds_survive_and_the_pause_is_kept(after_s, before_s, pause_s):
    first, second = utterance(0.1, 0.3, after_s), utterance(before_s, 0.3, 0.1, seed=7)
    out = whole(joined([piece(first, pause_s), piece(second)], blend=True))
    edge = round(0.005 * RATE)  # faded only where silence is put beside it
    one = first[round(0.1 * RATE) : round(0.4 * RATE) - edge]
    other = second[round(before_s * RATE) + edge : round((before_s + 0.3) * RATE)]
    gap_s = (find(other, out) - find(one, out) - len(one) - 2 * edge) / RATE
    brought = after_s + before_s
    overlap = min(after_s, before_s, OVERLAP_S, max(0.0, brought - pause_s))
    expected = max(pause_s, brought - overlap)
    assert gap_s == pytest.approx(expected, abs=1e-4)
    assert gap_s >= pause_s - 1e-4


def test_room_tone_goes_on_at_one_level():
    """Unlike noises cross-faded with equal power: no dip and no bump."""
    first, second = utterance(0.1, 0.2, 0.3), utterance(0.3, 0.2, 0.1, seed=7)
    out = whole(joined([piece(first, 0.2), piece(second)], blend=True))
    silence = out[round(0.31 * RATE) : len(out) - round(0.31 * RATE)]
    levels = [np.sqrt(np.mean(part**2)) for part in np.array_split(silence, 10)]
    assert len(silence) == pytest.approx((0.6 - OVERLAP_S - 0.02) * RATE, abs=10)
    assert np.array(levels) == pytest.approx(ROOM, rel=0.12)


@pytest.mark.parametrize("blend", [False, True])
@pytest.mark.parametrize("pause_s", [0.0, 0.3, 1.0])
def test_words_move_with_their_sound(blend, pause_s):
    sound = slice(round(0.2 * RATE) + 200, round(0.5 * RATE) - 200)
    parts = [utterance(0.2, 0.3, 0.25, seed) for seed in (1, 11, 21)]
    word = Word("word", 0.2, 0.5)
    chunks = list(joined([piece(p, pause_s, (word,)) for p in parts], blend))
    words = [w for c in chunks for w in c.words]
    out = whole(chunks)
    for part, found in zip(parts, words, strict=True):
        assert found.start_s * RATE == pytest.approx(find(part[sound], out) - 200, abs=1)
        assert found.end_s - found.start_s == pytest.approx(0.3)


@pytest.mark.parametrize("blend", [False, True])
@pytest.mark.parametrize("lengths", [(1000,), (7, 4001), (9000, 0), (240, 240, 5)])
def test_pieces_make_the_same_whole(blend, lengths):
    """As streamed: cut anywhere in the middle of the sound."""
    parts = [utterance(0.1, 0.5, 0.2, seed) for seed in (1, 11)]
    word = Word("word", 0.1, 0.6)
    expected = list(joined([piece(p, 0.2, (word,)) for p in parts], blend))
    streamed = []
    for part in parts:
        # the first piece shows the whole beginning, the last the whole end
        cuts = round(0.2 * RATE) + np.cumsum(lengths[:-1], dtype=int)
        *early, last = np.split(part, cuts)
        streamed += [piece(samples, None) for samples in early]
        streamed.append(piece(last, 0.2, (word,)))
    found = list(joined(streamed, blend))
    assert np.array_equal(whole(found), whole(expected))
    assert [w for c in found for w in c.words] == [w for c in expected for w in c.words]


def test_what_may_still_be_blended_is_held_back_and_flushed():
    first, second = utterance(0.1, 0.3, 0.2), utterance(0.2, 0.3, 0.3, seed=7)
    timeline = joined(iter([piece(first, 0.1), piece(second, 0.5)]), blend=True)
    assert len(next(timeline).samples) == round(0.4 * RATE)
    rest = [next(timeline), next(timeline)]
    assert len(rest[1].samples) == round(0.5 * RATE)  # its own 0.3 s, and silence
    assert not rest[1].samples[round(0.3 * RATE) :].any()
    assert rest[1].words == rest[1].warnings == ()
    assert list(timeline) == []


@pytest.mark.parametrize("blend", [False, True])
def test_a_pause_after_the_last_sound(blend):
    out = whole(joined([piece(noise(0.2, 0.1), 0.3)], blend))
    assert len(out) == round(0.5 * RATE)
    assert not out[round(0.2 * RATE) :].any()


@pytest.mark.parametrize(
    ("order", "seconds"),
    [(("quiet", "loud"), 0.9), (("loud", "quiet", "loud"), 1.25), (("quiet",), 0.4)],
)
def test_silent_utterances_pass(order, seconds):
    """Their room tone and pauses count; they cost no sound of their neighbours'."""
    made = {"quiet": noise(0.4, ROOM), "loud": utterance(0.05, 0.3, 0.05)}
    chunks = list(joined([piece(made[kind], 0.2, warnings=(kind,)) for kind in order], blend=True))
    out = whole(chunks)
    assert [w for c in chunks for w in c.warnings] == list(order)
    assert len(out) == pytest.approx(seconds * RATE, abs=1)
    sound = made["loud"][round(0.06 * RATE) : round(0.34 * RATE)]
    windows = np.lib.stride_tricks.sliding_window_view(out, len(sound))
    kept = (windows[:, :50] == sound[:50]).all(1).sum() if "loud" in order else 0
    assert kept == order.count("loud")


def test_quiet_samples_count_a_last_frame_that_is_not_whole():
    loud = noise(0.1, 0.1)
    assert quiet_samples(loud[:5], RATE) == 0
    assert quiet_samples(np.concatenate([noise(0.01, ROOM), loud[:30]]), RATE) == 240
    assert quiet_samples(noise(0.0213, ROOM), RATE) == round(0.0213 * RATE)
    assert quiet_samples(np.zeros(0, np.float32), RATE) == 0


@pytest.mark.parametrize("blend", [False, True])
def test_an_utterance_may_lead_with_silence(blend: bool) -> None:
    sound = noise(0.3, 0.1)
    leading = Piece(AudioChunk(sound, RATE, 0.0, 0, 1, (Word("a", 0.0, 0.1),)), 0.0, lead_s=0.5)
    chunks = list(joined([leading], blend))
    out = whole(chunks)
    assert not out[: round(0.5 * RATE)].any()
    assert find(sound[:5000], out) == round(0.5 * RATE)
    assert chunks[0].words[0].start_s == pytest.approx(0.5)


@pytest.mark.parametrize("blend", [False, True])
def test_the_lead_comes_beside_the_pause_before(blend: bool) -> None:
    first, second = noise(0.2, 0.1), noise(0.3, 0.1, 1)
    after = Piece(AudioChunk(second, RATE, 0.0, 1, 2), 0.0, lead_s=0.5)
    out = whole(joined([piece(first, 0.25), after], blend))
    assert find(second[200:5000], out) == round(0.95 * RATE) + 200
    assert len(out) == round(1.25 * RATE)
