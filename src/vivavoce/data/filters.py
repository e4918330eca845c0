"""What is wrong with clips, one by one and against the rest of their set."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from vivavoce.audio.transcript import check_transcript, spoken_characters
from vivavoce.data.clips import Clip
from vivavoce.data.config import PrepareConfig
from vivavoce.data.rows import Defect, Severity
from vivavoce.text.check import has_sound

ENOUGH = 20
"""Clips of a speaker before one is compared with the others."""

SPAN_OF_SILENCE_S = 0.3
"""What trimming leaves at both ends."""

PINYIN = re.compile(r"\b[a-zü]+[1-5]\b")
_QUIETER = "Record again in a quieter room, closer to the microphone."
_SOFTER = "Record again at a lower level."
_WORDS = "Correct the text, or leave the clip out."


def check_sound(clip: Clip, config: PrepareConfig) -> Clip:
    """Length, clipping, noise, bandwidth, against the thresholds."""
    c, found = config, clip.measures
    if clip.seconds < c.shortest_s:
        message = f"It is {clip.seconds:.1f} s long; the minimum is {c.shortest_s:g} s."
        return clip.with_problem(Defect("too short", message, "Join it with its neighbour."))
    problems = []
    if clip.seconds > c.longest_s + 1e-6:
        message = f"It is {clip.seconds:.1f} s long, and has no pause to cut it at."
        message = message if not clip.row.text else f"It is {clip.seconds:.1f} s long."
        problems.append(
            Defect("too long", message, f"Cut it, or raise --longest ({c.longest_s:g} s).")
        )
    share = f"{100 * clip.clipped:.2g} % of its samples are at its peak value."
    problems += _two(-clip.clipped, -c.clipped_check, -c.clipped_reject, "clipped", share, _SOFTER)
    snr = f"Speech is {found.snr_db:.0f} dB above the background."
    problems += _two(found.snr_db, c.snr_check_db, c.snr_reject_db, "noisy", snr, _QUIETER)
    band = f"There is no sound above {found.bandwidth_hz / 1000:.1f} kHz."
    problems += _two(
        *(found.bandwidth_hz, c.bandwidth_check_hz, c.bandwidth_reject_hz, "narrow band", band),
        "Use the original recording, not one from a telephone or a low bit rate.",
    )
    return clip.with_problem(*problems)


def check_words(clip: Clip, config: PrepareConfig) -> Clip:
    """Whether the text can be what is said in that time, in the script of its language."""
    if not clip.text:
        return clip.with_problem(
            Defect(
                "no transcript",
                "It has no transcript.",
                "Install 'vivavoce[asr]', or give a list: --transcripts FILE.",
            )
        )
    if not has_sound(clip.text):
        return clip.with_problem(Defect("no words", "The text has no words.", _WORDS))
    language = clip.row.language or config.language
    found = check_transcript(clip.text, clip.seconds - SPAN_OF_SILENCE_S, language)
    problems = []
    for one in found:
        severity: Severity = "reject" if one.severity == "error" else "check"
        remedy = one.remedy if one.name == "other script" else _WORDS
        problems.append(Defect(one.name, one.sentence(), remedy, severity))
    if PINYIN.search(clip.text):
        remedy = "Give the text in Chinese characters: models convert it themselves."
        problems.append(Defect("pinyin", "The text is written in pinyin.", remedy, "check"))
    return clip.with_problem(*problems)


def check_pace(clips: Sequence[Clip], config: PrepareConfig) -> list[Clip]:
    """Clips much faster or slower than their speaker mostly is."""
    paces = [pace(clip) for clip in clips]
    middles = _by_speaker(clips, lambda numbers: median(paces[i] for i in numbers))
    checked = []
    for clip, found in zip(clips, paces, strict=True):
        middle = middles.get(_speaker(clip))
        if middle and found and clip.usable and len(clip.text) >= 20:
            ratio = max(found / middle, middle / found)
            message = f"{found:.0f} characters a second; the speaker's median is {middle:.0f}."
            problems = _two(
                -ratio, -config.pace_check, -config.pace_reject, "pace", message, _WORDS
            )
            clip = clip.with_problem(*problems)
        checked.append(clip)
    return checked


def pace(clip: Clip) -> float:
    """Characters of speech a second; 0 without a text."""
    return spoken_characters(clip.text) / max(clip.seconds - SPAN_OF_SILENCE_S, 0.1)


def check_duplicates(clips: Sequence[Clip], config: PrepareConfig) -> list[Clip]:
    """Clips that look like an earlier one from afar: the same sound, whatever its file is.

    Of two, the one that has a text is kept, or the first.
    """

    def rank(number: int) -> tuple[bool, int]:
        return not (clips[number].text or clips[number].split_text), number

    usable = [i for i, clip in enumerate(clips) if clip.usable]
    order = sorted(usable, key=lambda i: clips[i].seconds)
    if not order:
        return list(clips)
    seconds = np.array([clips[i].seconds for i in order])
    outlines = np.stack([np.frombuffer(clips[i].measures.outline, np.int8) for i in order])
    first_of: dict[int, int] = {}
    ends = np.searchsorted(seconds, 1.03 * seconds + 0.1, side="right")
    for place, end in enumerate(ends.tolist()):
        near = outlines[place + 1 : end].astype(np.float32)
        mine = outlines[place].astype(np.float32)
        norms = np.sqrt((near**2).sum(axis=1) * (mine**2).sum()) + 1e-6
        for other in np.flatnonzero(near @ mine / norms >= config.same_outline).tolist():
            a, b = sorted((order[place], order[place + 1 + other]), key=rank)
            first_of[b] = min(first_of.get(b, a), a, key=rank)
    checked = list(clips)
    for later, earlier in first_of.items():
        message = f"It sounds the same as {_named(clips[earlier])}."
        if clips[later].text and clips[earlier].text != clips[later].text:
            message += " The texts differ."
        duplicate = Defect("duplicate", message, "Keep one of them.")
        checked[later] = clips[later].with_problem(duplicate)
    return checked


def check_voices(clips: Sequence[Clip], config: PrepareConfig) -> list[Clip]:
    """Clips whose colour and pitch are far from what their speaker's mostly are: only listed.

    This tells a man from a woman and one microphone from another, not two similar voices.
    """
    if not clips:
        return []
    colours = np.array([clip.measures.colour for clip in clips])
    pitches = np.log2([max(clip.measures.pitch_hz, 1.0) for clip in clips])
    checked = list(clips)
    groups: dict[str, list[int]] = defaultdict(list)
    for number, clip in enumerate(clips):
        if clip.usable:
            groups[_speaker(clip)].append(number)
    for numbers in groups.values():
        if len(numbers) < ENOUGH:
            continue
        middle, pitch = np.median(colours[numbers], axis=0), float(np.median(pitches[numbers]))
        spread = 1.48 * np.median(np.abs(colours[numbers] - middle), axis=0) + 1.0
        for i in numbers:
            distance = float(np.mean(np.abs(colours[i] - middle) / spread))
            octaves = abs(float(pitches[i]) - pitch)
            if distance < config.other_voice and octaves < config.other_pitch:
                continue
            message = (
                f"Its sound is {distance:.1f} deviations and {octaves:.1f} octaves from the"
                " speaker's others."
            )
            remedy = "Listen to it, and leave it out if it is another speaker."
            checked[i] = clips[i].with_problem(Defect("other voice", message, remedy, "check"))
    return checked


def with_row_text(clip: Clip) -> Clip:
    """The text of its row, on one line."""
    return clip if clip.split_text else replace(clip, text=" ".join(clip.row.text.split()))


def _two(
    value: float, check: float, reject: float, name: str, message: str, remedy: str
) -> list[Defect]:
    """Nothing at `check` or above; below `reject` the clip is left out."""
    if value >= check:
        return []
    return [Defect(name, message, remedy, "reject" if value < reject else "check")]


def _named(clip: Clip) -> str:
    start = f" at {clip.start_s:.1f} s" if clip.start_s >= 1.0 else ""
    return f"{clip.source.path.name}{start}"


def _speaker(clip: Clip) -> str:
    return clip.row.speaker


def _by_speaker(clips: Sequence[Clip], value: Callable[[list[int]], float]) -> dict[str, float]:
    """A value for each speaker with enough usable clips, of their numbers."""
    groups: dict[str, list[int]] = defaultdict(list)
    for number, clip in enumerate(clips):
        if clip.usable and clip.text:
            groups[_speaker(clip)].append(number)
    return {name: value(found) for name, found in groups.items() if len(found) >= ENOUGH}
