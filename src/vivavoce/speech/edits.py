"""Other words in a recording: where and how long, spoken by the model, set into the original.

Only the edited spans are made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from vivavoce.audio import edit as audio_edit
from vivavoce.audio import io
from vivavoce.audio.findings import Recorded
from vivavoce.audio.loudness import rms
from vivavoce.audio.recording import check_recording
from vivavoce.audio.resample import resample
from vivavoce.errors import GuardError, TextError, UsageError
from vivavoce.models.base import InfillModel
from vivavoce.nn.noise import Noise
from vivavoce.speech.guards import SampleGuard, check_duration
from vivavoce.speech.plan import unknown_warning
from vivavoce.speech.rendering import ATTEMPTS, Request
from vivavoce.speech.result import Speech
from vivavoce.speech.session import Synthesiser
from vivavoce.types import Audio, FeatureSpec, Tokens, Voice
from vivavoce.vocoders.base import decode_windowed

WINDOW_S = 30.0
"""Longest result: the models were trained on windows no longer."""

LEAST_KEPT_S = 1.0
PAUSE_S = 0.5
FADE_S = 0.02
TARGET_RMS = 0.1


class Replacement(NamedTuple):
    """From one second of the recording to another these words, in so many seconds.

    None: as long as they take at the pace of the speech that stays.
    """

    start_s: float
    end_s: float
    text: str
    seconds: float | None = None


@dataclass(frozen=True)
class Plan:
    """In frames: spans of the recording that stay, and how many new ones follow each."""

    keep: list[tuple[int, int]]
    gaps: list[int]

    @property
    def n_frames(self) -> int:
        return sum(stop - start for start, stop in self.keep) + sum(self.gaps)


def read(recording: str | Path | Audio, sample_rate: int) -> Recorded:
    """The recording at the model's rate, with what is doubtful about it as its findings.

    Nothing is trimmed: its own samples stay. Raises AudioError for what is silent or broken.
    """
    given = recording if isinstance(recording, Audio) else io.read(recording)
    report = check_recording(given, shortest_s=0.0)
    report.require()
    doubts = tuple(finding for finding in report.findings if finding.severity == "warning")
    samples = resample(given.samples, given.sample_rate, sample_rate)
    return Recorded(samples, sample_rate, findings=doubts)


def as_voice(audio: Audio, target: str, family: str, language: str) -> tuple[Voice, float]:
    """Who speaks in the recording, as loud as the models want it; the factor that undoes that."""
    level = rms(audio.samples)
    samples = torch.from_numpy(audio.samples * np.float32(max(1.0, TARGET_RMS / level)))
    tensors = {"samples": samples, "rms": torch.tensor(level, dtype=torch.float32)}
    return Voice("recording", family, tensors, language, target), min(1.0, level / TARGET_RMS)


def check(replacements: Sequence[Replacement], target: str, audio: Audio) -> list[Replacement]:
    """In order of time. Raises UsageError, TextError for what cannot be done to this recording."""
    if not replacements:
        raise UsageError("No --replace is given.", "Give --replace START:END and the words.")
    if not target.strip():
        raise TextError("The target is empty.", "Give the full text of the edited recording.")
    found = sorted(replacements, key=lambda r: r.start_s)
    said, place, before = _plain(target), 0, 0.0
    for one in found:
        span = f"{one.start_s:g}:{one.end_s:g}"
        if not 0.0 <= one.start_s < one.end_s <= audio.duration_s + 0.5e-3:
            length = f"The recording is {audio.duration_s:.3f} s long."
            raise UsageError(f"{span} is not within the recording.", length)
        if one.start_s < before:
            raise UsageError(f"{span} overlaps another replacement.", "Merge the two spans.")
        if one.seconds is not None and not 0.0 < one.seconds <= WINDOW_S:
            advice = f"Give more than 0 and at most {WINDOW_S:g}."
            raise UsageError(f"The new length of {span} is {one.seconds:g} s.", advice)
        if not one.text.strip():
            advice = "To delete words, replace them together with a neighbouring word."
            raise UsageError(f"No words are given for {span}.", advice)
        place = said.find(_plain(one.text), place)
        if place < 0:
            raise UsageError(
                f"The target does not contain '{one.text}' there.",
                "Give the full text of the edited recording, with the new words in order.",
            )
        place, before = place + len(_plain(one.text)), one.end_s
    kept_s = audio.duration_s - sum(r.end_s - r.start_s for r in found)
    if kept_s < LEAST_KEPT_S:
        raise UsageError(
            f"Only {max(0.0, kept_s):.2f} s of the recording would remain.",
            f"The model needs {LEAST_KEPT_S:g} s of the speaker to clone.",
        )
    return found


def plan(
    replacements: Sequence[Replacement],
    audio: Audio,
    spec: FeatureSpec,
    spoken: Callable[[str], str],
    target: str,
    speed: float,
) -> Plan:
    """What stays and what comes between. `spoken` gives a text as the model reads it.

    Raises UsageError where the result is too long or the pace of the kept speech is unknown.
    """
    pace_s = _seconds_per_byte(replacements, audio, spoken, target)
    n_frames = len(audio.samples) // spec.hop_length + (spec.framing == "center")
    keep, gaps, begin = [], [], 0
    for one in replacements:
        seconds = one.seconds or pace_s * _size(spoken(one.text)) / speed
        first, after = (round(s * spec.frame_rate) for s in (one.start_s, one.start_s + seconds))
        keep.append((begin, first))
        gaps.append(max(1, after - first))
        begin = min(n_frames, round(one.end_s * spec.frame_rate))
    whole = len(audio.samples) // spec.hop_length
    keep.append((begin if begin < whole else n_frames, n_frames))
    found = Plan(keep, [*gaps, 0])
    if found.n_frames > WINDOW_S * spec.frame_rate:
        raise UsageError(
            f"The result would be {found.n_frames / spec.frame_rate:.1f} s long,"
            f" more than {WINDOW_S:g} s.",
            "Cut out the sentence, edit it, and put it back.",
        )
    return found


def perform(
    synthesiser: Synthesiser,
    audio: Audio,
    tokens: Tokens,
    found: Plan,
    request: Request,
    gain: float,
) -> Speech:
    """The recording with its gaps filled; tried once more where that is not speech."""
    samples, warnings = _tried(synthesiser, tokens, found, request)
    doubts = audio.findings if isinstance(audio, Recorded) else ()
    said = (finding.message() for finding in doubts)
    warnings = (*said, *unknown_warning(tokens.unknown, tokens.text), *warnings)
    mended = set_in(audio, samples * np.float32(gain), found, synthesiser.model.spec.hop_length)
    return Speech(mended, audio.sample_rate, (), warnings, request.seed)


def _tried(
    synthesiser: Synthesiser, tokens: Tokens, found: Plan, request: Request
) -> tuple[np.ndarray, tuple[str, ...]]:
    for attempt in range(ATTEMPTS - 1):
        try:
            samples, warnings = _attempt(synthesiser, tokens, found, request, attempt, False)
        except GuardError:
            continue
        if not warnings:
            return samples, ()
    return _attempt(synthesiser, tokens, found, request, ATTEMPTS - 1, request.lenient)


def set_in(audio: Audio, made: np.ndarray, found: Plan, hop: int) -> np.ndarray:
    """The recording's own samples where it stays, with equal power faded into what was `made`."""
    pieces, frame = [], 0
    fade = round(FADE_S * audio.sample_rate)
    last = len(found.keep) - 1
    for number, ((start, stop), gap) in enumerate(zip(found.keep, found.gaps, strict=True)):
        own = audio.samples[start * hop : None if number == last else stop * hop]
        again = _sliced(made, frame * hop, len(own))
        pieces.append(_faded(own, again, fade * (number > 0), fade * (number < last)))
        frame += stop - start
        pieces.append(_sliced(made, frame * hop, gap * hop))
        frame += gap
    return np.concatenate(pieces).clip(-1.0, 1.0).astype(np.float32, copy=False)


@torch.inference_mode()
def _attempt(
    synthesiser: Synthesiser,
    tokens: Tokens,
    found: Plan,
    request: Request,
    attempt: int,
    lenient: bool,
) -> tuple[np.ndarray, tuple[str, ...]]:
    model, vocoder, voice = synthesiser.model, synthesiser.vocoder, request.voice
    if not isinstance(model, InfillModel):
        raise UsageError("The model cannot edit recordings.", "Choose one of the family f5.")
    features = model.edit(
        voice.tensors["samples"],
        found.keep,
        found.gaps,
        tokens.text,
        request.options,
        Noise(request.seed, [request.noise_row(0, attempt)]),
        voice,
        request.on_step,
    )
    values = synthesiser.accepted(features)
    edge = vocoder.edge_frames * vocoder.accepts.hop_length
    samples = decode_windowed(vocoder, values)[0].float().cpu().numpy()[edge:]
    frame_s = 1 / features.spec.frame_rate
    warnings = check_duration(found.n_frames, len(tokens), frame_s, tokens.text, lenient)
    guard = SampleGuard(tokens.text, lenient)
    guard.feed(_new(samples, found, vocoder.accepts.hop_length))
    return samples.clip(-1.0, 1.0), warnings + guard.finish()


def _new(samples: np.ndarray, found: Plan, hop: int) -> np.ndarray:
    """What of the samples will be heard, but for the fades."""
    pieces, frame = [], 0
    for (start, stop), gap in zip(found.keep, found.gaps, strict=True):
        frame += stop - start
        pieces.append(samples[frame * hop : (frame + gap) * hop])
        frame += gap
    return np.concatenate(pieces)


def _seconds_per_byte(
    replacements: Sequence[Replacement], audio: Audio, spoken: Callable[[str], str], target: str
) -> float:
    """The pace of what stays, long pauses apart; 0 where nobody asks for it."""
    if all(r.seconds for r in replacements):
        return 0.0
    new = sum(_size(spoken(r.text)) for r in replacements)
    n_bytes = _size(spoken(target)) - new
    rate, kept = audio.sample_rate, np.ones(len(audio.samples), bool)
    pauses = audio_edit.pauses(audio, PAUSE_S)
    for start, end in [*pauses, *((r.start_s, r.end_s) for r in replacements)]:
        kept[round(start * rate) : round(end * rate)] = False
    if n_bytes < 1 or not kept.any():
        raise UsageError(
            "The target lacks the words that stay, so the speaking rate is unknown.",
            "Give the full text, or the new length: --replace START:END:SECONDS.",
        )
    return float(kept.sum()) / rate / n_bytes


def _sliced(samples: np.ndarray, start: int, length: int) -> np.ndarray:
    """`length` samples from `start` on, zeros where there are none."""
    part = samples[start : start + length]
    return np.pad(part, (0, length - len(part)))


def _faded(own: np.ndarray, again: np.ndarray, before: int, after: int) -> np.ndarray:
    """`own`, but at its ends turned from and into the same stretch as it was made `again`."""
    angle = np.full(len(own), np.pi / 2)
    for n, view in ((before, angle), (after, angle[::-1])):
        n = min(n, len(own))
        view[:n] = np.minimum(view[:n], np.linspace(0, np.pi / 2, n, endpoint=False))
    mixed = own * np.sin(angle) + again * np.cos(angle)
    return np.where(angle == np.pi / 2, own, mixed)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _size(text: str) -> int:
    """The models count the bytes of UTF-8, having no durations."""
    return len(text.encode("utf-8", "surrogatepass"))
