"""Thresholds, one by one, on clips whose measures are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.data import PrepareConfig, filters, splits, writing
from vivavoce.data.clips import Clip, from_plain, to_plain
from vivavoce.data.measures import ClipMeasures
from vivavoce.data.rows import SourceRow
from vivavoce.data.stream import MonoSource

CONFIG = PrepareConfig()
TEXT = "A sentence of ordinary length, said at an ordinary pace."


def clip(number: int = 0, text: str = TEXT, **how: Any) -> Clip:
    rng = np.random.default_rng(number)
    values = {
        "snr_db": 30.0,
        "bandwidth_hz": 11_000.0,
        "pitch_hz": 120.0 * 2 ** rng.uniform(-0.1, 0.1),
        "colour": tuple(rng.normal(0, 2, 24)),
        "outline": rng.integers(-100, 100, 576).astype(np.int8).tobytes(),
    }
    measures = ClipMeasures(**{k: how.pop(k, v) for k, v in values.items()})
    seconds = how.pop("seconds", 4.0)
    source = MonoSource(Path(f"/in/{number}.wav"), 1000)
    row = SourceRow(source.path, f"{number}.wav", text, how.pop("speaker", ""))
    first = how.pop("first", 0)
    found = {"lufs": -20.0, "peak_db": -3.0, "clipped": 0.0, **how}
    last = first + round(1000 * seconds)
    return Clip(row, source, first, last, measures=measures, text=text, key=f"{number}", **found)


def names(found: Clip) -> list[tuple[str, str]]:
    return [(defect.name, defect.severity) for defect in found.problems]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, []),
        ({"snr_db": 17.0}, [("noisy", "check")]),
        ({"snr_db": 11.0}, [("noisy", "reject")]),
        ({"clipped": 5e-4}, [("clipped", "check")]),
        ({"clipped": 2e-3}, [("clipped", "reject")]),
        ({"bandwidth_hz": 7000.0}, [("narrow band", "check")]),
        ({"bandwidth_hz": 3500.0}, [("narrow band", "reject")]),
        ({"seconds": 0.8}, [("too short", "reject")]),
        ({"seconds": 12.5}, [("too long", "reject")]),
    ],
)
def test_sound_against_the_thresholds(
    values: dict[str, float], found: list[tuple[str, str]]
) -> None:
    assert names(filters.check_sound(clip(**values), CONFIG)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT, []),
        ("", [("no transcript", "reject")]),
        ("... !", [("no words", "reject")]),
        ("take_01.wav", [("file name", "reject")]),
        ("No.", [("few words", "reject")]),
        (TEXT * 4, [("many words", "reject")]),
        ("Это предложение написано по-русски, а язык английский.", [("other script", "check")]),
        ("ni3 hao3 shi4 jie4 de5 ren2 men5 dou1 zai4 zhe4 li3", [("pinyin", "check")]),
    ],
)
def test_words_against_the_time(text: str, found: list[tuple[str, str]]) -> None:
    assert names(filters.check_words(clip(text=text), CONFIG)) == found


def test_pace_is_compared_within_a_speaker() -> None:
    clips = [clip(i, seconds=4.0 + 0.01 * i) for i in range(30)]
    clips += [clip(40, seconds=7.2), clip(41, seconds=9.5), clip(42, seconds=9.5, speaker="slow")]
    checked = filters.check_pace(clips, CONFIG)
    found = [names(one) for one in checked]
    assert found[:30] == [[]] * 30
    assert found[30:] == [[("pace", "check")], [("pace", "reject")], []]


def test_the_same_sound_in_another_file_is_a_duplicate() -> None:
    clips = [clip(i) for i in range(5)]
    quieter = replace(clip(5, text="Other words."), measures=clips[1].measures)
    longer = replace(clip(6, seconds=6.0), measures=clips[2].measures)
    found = filters.check_duplicates([*clips, quieter, longer], CONFIG)
    assert [names(one) for one in found] == [[]] * 5 + [[("duplicate", "reject")], []]
    assert "1.wav" in found[5].problems[0].message
    assert "texts differ" in found[5].problems[0].message


def test_of_two_duplicates_the_one_with_a_text_stays() -> None:
    silent = replace(clip(0), text="")
    told = replace(clip(1), measures=silent.measures)
    found = filters.check_duplicates([silent, told], CONFIG)
    assert [names(one) for one in found] == [[("duplicate", "reject")], []]
    assert "texts differ" not in found[0].problems[0].message


def test_another_voice_is_only_listed() -> None:
    clips = [clip(i) for i in range(30)]
    other = clip(50, pitch_hz=220.0)
    found = filters.check_voices([*clips, other], CONFIG)
    assert names(found[-1]) == [("other voice", "check")]
    assert sum(bool(one.problems) for one in found[:-1]) == 0
    few = filters.check_voices([*clips[:10], other], CONFIG)
    assert not any(one.problems for one in few)


def test_validation_has_texts_of_its_own_and_stays_when_clips_are_added() -> None:
    texts = [f"Sentence number {i // 2} of many." for i in range(400)]
    chosen = splits.held_out(texts, "en", 0.05)
    assert 20 <= len(chosen) <= 22
    held = {texts[i] for i in chosen}
    assert not held & {text for i, text in enumerate(texts) if i not in chosen}
    more = splits.held_out([*texts, "A new one."], "en", 0.05)
    assert len(chosen & more) >= len(chosen) - 2
    assert splits.held_out(texts, "en", 0.0) == set()
    assert splits.held_out(["Same."] * 9, "en", 0.1) == set()
    assert len(splits.held_out(texts[:20], "en", 0.02)) == 2


def test_gains_are_one_for_a_folder_and_one_for_a_cut_recording() -> None:
    folder = [clip(1, lufs=-20.0), clip(2, lufs=-26.0)]
    cut = [clip(3, lufs=-30.0, peak_db=-12.0), clip(3, lufs=-33.0, peak_db=-12.0, first=5000)]
    loud = [clip(4, lufs=-24.0, peak_db=-0.5, speaker="b")]
    gains = writing.gains_db([*folder, *cut, *loud], CONFIG)
    assert gains[0] == gains[1] == -1.0
    assert gains[2] == gains[3] == 8.0
    assert gains[4] == -0.5  # its peak must stay below -1 dB
    off = writing.gains_db(folder, PrepareConfig(loudness_lufs=None))
    assert off == [0.0, 0.0]


def test_what_is_kept_of_a_clip_is_the_clip() -> None:
    one = clip(3, lufs=-21.25)
    plain = to_plain(one)
    again = from_plain(plain, one.row, one.source)
    assert to_plain(again) == plain
    assert again.measures.outline == one.measures.outline


@pytest.mark.parametrize(
    "values",
    [
        {"shortest_s": 5.0},
        {"longest_s": 10.0},
        {"validation": 0.6},
        {"pause_s": 0.0},
        {"pace_reject": 0.5},
    ],
)
def test_settings_that_make_no_sense(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        PrepareConfig(**values)
