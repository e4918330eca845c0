"""What is wrong with a recording, as values: a name, a measure, a remedy. No samples, no files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vivavoce.errors import AudioError, VivavoceError, VoiceError
from vivavoce.types import Audio

Severity = Literal["error", "warning", "note"]
"""`error`: cannot be used. `warning`: can be used, the result may be bad. `note`: was mended."""

SENTENCES = {
    "empty": "{what} is empty",
    "not mono": "{what} is not mono: its samples have {measure:.0f} dimensions",
    "not floats": "{what} holds samples of {measure:.0f} bits that are not floats",
    "not finite": "{what} holds {measure:.0f} NaN or infinite samples",
    "out of range": "{what} has samples that reach {measure:.4g}",
    "silent": "{what} is silent, or nearly (RMS {measure:.0f} dB)",
    "too short": "{what} holds {measure:.2f} s of speech, which is too short",
    "too long": "{what} holds {measure:.1f} s of speech, which is too long",
    "partly used": "{what} is longer than the model can use: {measure:.1f} s are ignored",
    "truncated": "{what} is cut off: its file ends early, and only {measure:.2f} s could be read",
    "cancelling channels": (
        "{what} has channels that cancel each other ({measure:.0f} dB when mixed);"
        " the loudest channel was used"
    ),
    "one channel": (
        "{what} has its sound in one of several channels ({measure:.0f} dB when mixed);"
        " that channel was used"
    ),
    "offset": "{what} has a constant offset of {measure:+.3f}, which was removed",
    "silent start": "{what} begins with {measure:.1f} s of silence, which were cut",
    "silent end": "{what} ends with {measure:.1f} s of silence, which were cut",
    "clipped": "{what} is clipped: {measure:.2g} % of its samples are at its peak value",
    "overdriven": "{what} is overdriven: its peaks are only {measure:.1f} dB above its loud parts",
    "noise": (
        "{what} seems to hold noise, not speech: its spectrum changes by {measure:.1f} dB"
        " (speech: 6 or more)"
    ),
    "tone": "{what} seems to hold a tone, not speech: {measure:.0f} % of it is one frequency",
    "noisy": "{what} is noisy: speech is only {measure:.0f} dB above the background",
    "no transcript": "There is no transcript of the recording",
    "file name": "The transcript looks like the name of a file",
    "few words": (
        "The transcript is too short for the recording: {measure:.1f} characters a second"
        " (speech has 6 to 28)"
    ),
    "many words": (
        "The transcript is too long for the recording: {measure:.1f} characters a second"
        " (speech has 6 to 28)"
    ),
    "other script": (
        "The transcript is not in the script of its language: {measure:.0f} % of its letters"
        " belong to another script"
    ),
}
"""One sentence for each name that a finding can have; `what` names the recording."""

ABOUT_VOICES = frozenset(
    ("too short", "too long", "no transcript", "file name", "few words", "many words")
)


@dataclass(frozen=True)
class Finding:
    """One fault of a recording or its transcript.

    `name` is a key of `SENTENCES`; `measure` is in `unit`; `remedy` is one imperative.
    """

    name: str
    measure: float
    unit: str
    remedy: str
    severity: Severity = "warning"

    def message(self, what: str = "The recording") -> str:
        """A sentence with the measure, and the remedy."""
        return f"{self.sentence(what)} {self.remedy}".strip()

    def sentence(self, what: str = "The recording") -> str:
        return SENTENCES[self.name].format(what=what, measure=self.measure) + "."

    def error(self, what: str = "The recording") -> VivavoceError:
        """VoiceError where a voice cannot be made of it, AudioError where nothing can."""
        kind = VoiceError if self.name in ABOUT_VOICES else AudioError
        return kind(self.sentence(what), self.remedy)


@dataclass(frozen=True)
class RecordingReport:
    """What `check_recording` found, most severe first, and the recording as it can be used.

    `audio` is float32 without constant offset and without the silence at its ends; it is the
    recording unchanged where there is an error.
    """

    audio: Audio
    findings: tuple[Finding, ...] = ()
    what: str = "The recording"

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def warnings(self) -> tuple[str, ...]:
        """The messages of all findings that are no errors: what a user should be shown."""
        return tuple(f.message(self.what) for f in self.findings if f.severity != "error")

    def require(self) -> Audio:
        """The usable recording. Raises AudioError or VoiceError for the first error."""
        require(self.findings, self.what)
        return self.audio


@dataclass(frozen=True)
class Recorded(Audio):
    """Audio that was read from a file, with what reading found. `source` is the file's name."""

    source: str = ""
    findings: tuple[Finding, ...] = ()


def require(findings: tuple[Finding, ...], what: str = "The recording") -> None:
    """Raises AudioError or VoiceError for the first error among the findings."""
    for finding in findings:
        if finding.severity == "error":
            raise finding.error(what)
