"""The one check of a recording: is this speech that a voice can be made of? No files, no models.

The thresholds lie between what 1,642 natural recordings measure (16 to 24 kHz, 0.6 to 23 s, 40
speakers) and what noise, tones and clipped speech do; tests/audio/test_recording.py has both.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from vivavoce.audio import edit
from vivavoce.audio.findings import Finding, Recorded, RecordingReport, Severity
from vivavoce.audio.loudness import rms_db
from vivavoce.audio.measures import Measures, clipped_share, measure
from vivavoce.types import Audio

SILENT_DB = -42.0
LARGEST_SAMPLE = 8.0
"""Beyond it samples are not floats around full scale, but integers or noise."""

LARGEST_OFFSET = 0.01
"""Natural recordings: at most 0.0033."""

LONG_SILENCE_S = 1.5
"""At either end; natural recordings: at most 1.2 s."""

CLIPPED = 2e-4
"""Natural recordings: at most 3e-5; 10 dB too loud: at least 9e-4."""

LEAST_CREST_DB = 4.6
"""Natural recordings: at least 5.0; 20 dB too loud and coded: mostly below 4.5."""

LEAST_MOVEMENT_DB = 4.0
"""Natural recordings: at least 5.6; noise of any colour and envelope: at most 3.5."""

MOST_TONE = 0.9
"""Natural recordings: at most 0.72; a tone, a sweep, a melody: at least 0.99."""

NOISY_DB = 10.0
"""Natural recordings: at least 11.2; speech with as much noise: 6 to 8."""

FLAT = 0.02
FEWEST_FRAMES = 10

_CLOSER = "Record again in a quiet room, close to the microphone."
_SOFTER = "Record again, farther from the microphone or at a lower level."
_EXPORT = "Export it again as floats between -1 and 1."
_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


def check_recording(
    audio: Audio,
    *,
    shortest_s: float = 1.0,
    longest_s: float = inf,
    keep_s: float = 0.0,
    advice: str = "Give some seconds of clear speech.",
    what: str = "The recording",
) -> RecordingReport:
    """What is wrong with samples as a recording of one person who speaks, and what can be used.

    `shortest_s` and `longest_s` are of speech without the silence at its ends; `advice` says how
    much to give. `keep_s` of silence stay at each end: more makes the cut audible to models that
    listen to pauses. `what` begins the messages. What reading found (`Recorded`) is included.
    Takes about 30 ms for 15 s; never raises: call `require` on the report.
    """
    found = _unusable(audio.samples, advice)
    if found:
        return RecordingReport(audio, (found,), what)
    samples = np.asarray(audio.samples, np.float32)
    findings = list(audio.findings) if isinstance(audio, Recorded) else []
    offset = float(np.mean(samples, dtype=np.float64))
    if abs(offset) > LARGEST_OFFSET:
        remedy = "Check the sound card or the converter that it comes from."
        findings.append(Finding("offset", offset, "of full scale", remedy, "note"))
        samples = samples - np.float32(offset)
    level = replace(audio, samples=samples)
    speech = edit.trim_silence(level, SILENT_DB, keep_s)
    if not len(speech.samples):
        remedy = "Check the file and the microphone; record closer or louder."
        silent = Finding("silent", max(-120.0, rms_db(samples)), "dB", remedy, "error")
        return _report(audio, [*findings, silent], what)
    ends = edit.silent_ends(level, SILENT_DB)
    findings += _ends(ends) + _sound(level, clipped_share(audio.samples))
    findings += _length(level.duration_s - sum(ends), shortest_s, longest_s, advice)
    return _report(speech, findings, what)


def require_speech(
    audio: Audio, at_least_s: float, advice: str, what: str = "The recording"
) -> Audio:
    """`check_recording(…).require()`: the recording as it can be used.

    Raises AudioError (not mono, empty, not floats, NaN, silent) and VoiceError (what is left is
    shorter than `at_least_s`).
    """
    return check_recording(audio, shortest_s=at_least_s, advice=advice, what=what).require()


def _report(audio: Audio, findings: list[Finding], what: str) -> RecordingReport:
    ordered = sorted(findings, key=lambda f: _ORDER[f.severity])
    return RecordingReport(audio, tuple(ordered), what)


def _unusable(samples: NDArray[np.generic], advice: str) -> Finding | None:
    """What makes samples no recording at all."""
    given = np.asarray(samples)
    if given.ndim != 1:
        return Finding("not mono", given.ndim, "dimensions", "Give shape [S].", "error")
    if not len(given):
        return Finding("empty", 0.0, "samples", advice, "error")
    if not np.issubdtype(given.dtype, np.floating):
        return Finding("not floats", 8.0 * given.dtype.itemsize, "bits", _EXPORT, "error")
    bad = int(len(given) - np.count_nonzero(np.isfinite(given)))
    if bad:
        return Finding("not finite", bad, "samples", "Export it again.", "error")
    largest = float(np.abs(given).max())
    if largest > LARGEST_SAMPLE:
        return Finding("out of range", largest, "of full scale", _EXPORT, "error")
    return None


def _length(seconds: float, shortest_s: float, longest_s: float, advice: str) -> list[Finding]:
    if seconds < shortest_s:
        least = f"{shortest_s:g} s is the least. {advice}"
        return [Finding("too short", seconds, "s", least, "error")]
    if seconds > longest_s:
        most = f"{longest_s:g} s is the most. {advice}"
        return [Finding("too long", seconds, "s", most, "error")]
    return []


def _ends(lengths: tuple[float, float]) -> list[Finding]:
    """Silence that is so long that somebody should know of it."""
    names = ("silent start", "silent end")
    return [
        Finding(name, seconds, "s", "Check that nothing is missing.", "note")
        for name, seconds in zip(names, lengths, strict=True)
        if seconds > LONG_SILENCE_S
    ]


def _sound(audio: Audio, clipped: float) -> list[Finding]:
    """Noise, tones, clipping; what was clipped before it was coded shows in its crest only."""
    found = measure(audio.samples, audio.sample_rate)
    enough = found.n_frames >= FEWEST_FRAMES
    if enough and (found.tone_share > MOST_TONE or _unchanging_tone(found)):
        remedy = "Check that this is the right file; give one of somebody speaking."
        return [Finding("tone", 100.0 * found.tone_share, "%", remedy)]
    findings = [Finding("clipped", 100.0 * clipped, "%", _SOFTER)] if clipped > CLIPPED else []
    if enough and found.movement_db < LEAST_MOVEMENT_DB:
        return [*findings, Finding("noise", found.movement_db, "dB", _CLOSER)]
    if enough and found.spread_db < NOISY_DB:
        findings.append(Finding("noisy", found.spread_db, "dB", _CLOSER))
    if enough and clipped <= CLIPPED and found.crest_db < LEAST_CREST_DB:
        findings.append(Finding("overdriven", found.crest_db, "dB", _SOFTER))
    return findings


def _unchanging_tone(found: Measures) -> bool:
    """Several lines at once: a hum, a chord, a dialling tone."""
    return found.movement_db < LEAST_MOVEMENT_DB and found.flatness < FLAT
