from __future__ import annotations

import numpy as np
import pytest

from vivavoce.data.slicing import SliceConfig, noise_floor, slices, trimmed

CONFIG = SliceConfig(shortest_s=1.0, longest_s=12.0, wanted_s=(3.0, 11.0), pause_s=0.3)
SPEECH, FLOOR = 1e-2, 1e-6


def levels(*parts: tuple[float, float]) -> np.ndarray:
    """Seconds and energy of each part, in frames of 10 ms."""
    return np.concatenate([np.full(round(100 * seconds), energy) for seconds, energy in parts])


def talk(lengths: list[float], pause_s: float, floor: float = FLOOR) -> np.ndarray:
    parts = [(pause_s, floor)]
    for seconds in lengths:
        parts += [(seconds, SPEECH), (pause_s, floor)]
    return levels(*parts)


@pytest.mark.parametrize("floor", [1e-9, 1e-6, 1e-5])
def test_the_threshold_follows_the_recording_s_own_floor(floor: float) -> None:
    found = noise_floor(talk([4.0, 4.0], 0.6, floor))
    assert found.noise == pytest.approx(floor)
    assert floor < found.threshold < SPEECH


def test_digital_silence_and_no_pauses_leave_a_threshold_below_speech() -> None:
    for energies in (talk([4.0, 4.0], 0.6, 0.0), levels((8.0, SPEECH))):
        found = noise_floor(energies)
        assert SPEECH * 1e-5 < found.threshold <= SPEECH / 99


def test_nothing_but_zeros_is_silent() -> None:
    zeros = np.zeros(500)
    assert trimmed(zeros, noise_floor(zeros), 0, 500) is None
    assert slices(zeros, noise_floor(zeros), CONFIG) == []


def test_trimming_keeps_a_tenth_in_front_and_two_behind() -> None:
    energies = levels((1.0, FLOOR), (2.0, SPEECH), (1.0, FLOOR))
    assert trimmed(energies, noise_floor(energies), 0, 400) == (90, 320)


def test_clips_end_in_pauses_and_have_the_wanted_length() -> None:
    lengths = [2.0, 2.5, 4.0, 1.5, 6.0, 3.0, 3.5, 5.0, 2.0]
    energies = talk(lengths, 0.5)
    found = slices(energies, noise_floor(energies), CONFIG)
    assert all(300 <= last - first <= 1200 for first, last in found)
    inside = [energies[first:last] for first, last in found]
    assert sum(int((part == SPEECH).sum()) for part in inside) == 100 * sum(lengths)
    assert all(part[0] < SPEECH > part[-1] for part in inside)


def test_a_long_silence_always_separates() -> None:
    energies = levels((0.5, FLOOR), (2.0, SPEECH), (4.0, FLOOR), (2.0, SPEECH), (0.5, FLOOR))
    found = slices(energies, noise_floor(energies), CONFIG)
    assert found == [(40, 270), (640, 870)]


def test_short_pauses_serve_where_there_are_no_others() -> None:
    parts = [(0.5, FLOOR)]
    for _ in range(4):
        parts += [(5.0, SPEECH), (0.15, FLOOR)]
    energies = levels(*parts, (0.5, FLOOR))
    found = slices(energies, noise_floor(energies), CONFIG)
    assert len(found) == 2
    assert max(last - first for first, last in found) <= 1200


def test_speech_without_a_pause_is_one_slice_that_is_too_long() -> None:
    energies = talk([30.0], 0.5)
    assert [last - first for first, last in slices(energies, noise_floor(energies), CONFIG)] == [
        3030
    ]
