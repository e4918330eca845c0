"""A converter and its vocoder on their devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vivavoce import runtime as devices
from vivavoce.audio import io
from vivavoce.audio.recording import require_speech
from vivavoce.audio.resample import resample
from vivavoce.converters.base import ConversionModel
from vivavoce.errors import AudioError, VoiceError
from vivavoce.hub import build, library
from vivavoce.hub import paths as cache
from vivavoce.hub.fetch import Given
from vivavoce.nn.noise import Noise
from vivavoce.runtime import Selection
from vivavoce.runtime.placement import place
from vivavoce.speech.guards import SampleGuard
from vivavoce.speech.result import Speech
from vivavoce.speech.voices import Recording, heard, is_recording, load_voice
from vivavoce.types import Audio, AudioChunk, Voice
from vivavoce.vocoders.base import Vocoder, stream_windows

DEFAULT_CONVERTER = "openvoice-v2"
STREAM_FRAMES = 128
"""New frames in a piece of a stream."""
SHORTEST_S = 0.1
LONGEST_SOURCE_S, LONGEST_TARGET_S = 3600.0, 600.0


class VoiceConverter:
    """A converter and its vocoder, from `vivavoce.load_converter`. Several threads may share it."""

    def __init__(
        self,
        name: str,
        model: ConversionModel,
        vocoder: Vocoder,
        selection: Selection,
        vocoder_selection: Selection | None = None,
    ) -> None:
        self.name, self.model, self.vocoder, self.selection = name, model, vocoder, selection
        self.vocoder_selection = vocoder_selection or selection
        model.spec.require(vocoder.accepts, ignore=("normalisation",))

    @property
    def sample_rate(self) -> int:
        """Sample rate of the result in Hz."""
        return self.vocoder.accepts.sample_rate

    def voice(
        self, recording: Recording | Sequence[Recording], *, name: str = "voice", licence: str = ""
    ) -> Voice:
        """A voice from one or several recordings of one person, without a transcript.

        Raises AudioError, VoiceError (too short).
        """
        found = heard(recording, longest_s=LONGEST_TARGET_S)
        several = [found] if isinstance(found, Audio) else list(found)
        usable = [require_speech(audio, 0.0, "Give clear speech.") for audio in several]
        seconds, least = sum(audio.duration_s for audio in usable), self.model.shortest_s
        if seconds < least:
            raise VoiceError(
                f"The recording has {seconds:.1f} s of speech; {self.name} needs {least:g} s.",
                "Give a longer recording, or several.",
            )
        samples = [self._samples(audio) for audio in usable]
        return Voice(name, self.model.family, self.model.target(samples), licence=licence)

    def convert(self, recording: Recording, to: Recording | Voice, *, seed: int = 0) -> Speech:
        """The recording in another voice, with the same length.

        Takes the arguments of `stream` and raises the same errors.
        """
        chunks = list(self.stream(recording, to, seed=seed, early=False))
        warnings = tuple(warning for chunk in chunks for warning in chunk.warnings)
        samples = np.concatenate([chunk.samples for chunk in chunks])
        return Speech(samples, self.sample_rate, warnings=warnings, seed=seed)

    def stream(
        self, recording: Recording, to: Recording | Voice, *, seed: int = 0, early: bool = True
    ) -> Iterator[AudioChunk]:
        """The result of `convert` in pieces, one for each window.

        `to` is a voice, the name or file of a saved one, or a recording. `early` returns smaller
        pieces sooner. Raises AudioError, VoiceError, UnknownVoice, and GuardError if the model
        produces NaN or infinity.
        """
        audio, voice = self._source(recording), self._target(to)
        self.model.require(voice)
        wanted = round(len(audio.samples) * self.sample_rate / audio.sample_rate)
        guard, done = SampleGuard(_label(recording), lenient=True), 0
        held: AudioChunk | None = None
        for samples in self._decoded(audio, voice, seed, early):
            piece = guard.feed(samples[: wanted - done])
            if held is not None:
                yield held
            held = AudioChunk(piece, self.sample_rate, done / self.sample_rate, 0, 0)
            done += len(piece)
        if held is not None:
            where, warnings = held.start_s, guard.finish()
            yield AudioChunk(held.samples, self.sample_rate, where, 0, 0, warnings=warnings)

    def _decoded(self, audio: Audio, voice: Voice, seed: int, early: bool) -> Iterator[np.ndarray]:
        vocoder, device = self.vocoder, self.vocoder_selection.device
        condition = self.model.condition(voice)
        speaker = None if condition is None else condition.to(device)
        parts = self.model.stream(self._samples(audio), voice, Noise(seed))
        size = vocoder.window_frames
        if early:
            size = min(size, 2 * vocoder.receptive_field + STREAM_FRAMES)
        features = (part.to(device) for part in parts)
        with torch.inference_mode():
            for samples in stream_windows(vocoder, features, size, speaker):
                yield samples[0].float().cpu().numpy()

    def _source(self, recording: Recording) -> Audio:
        """Raises AudioError for a recording that holds hardly anything."""
        audio = recording
        if not isinstance(audio, Audio):
            audio = io.read(audio, longest_s=LONGEST_SOURCE_S)
        if audio.samples.ndim != 1 or not np.isfinite(audio.samples).all():
            raise AudioError("The recording is not mono or holds NaN.", "Export it again.")
        if audio.duration_s < SHORTEST_S:
            raise AudioError(
                f"The recording has {audio.duration_s:.3f} s; at least {SHORTEST_S} s are needed.",
                "Give a longer recording.",
            )
        return audio

    def _target(self, to: Recording | Voice) -> Voice:
        """Raises UnknownVoice, VoiceError, AudioError."""
        if isinstance(to, Voice):
            return to
        if isinstance(to, Audio) or is_recording(to):
            return self.voice(to)
        return load_voice(to)

    def _samples(self, audio: Audio) -> Tensor:
        """`[S]` at the model's rate."""
        samples = np.asarray(audio.samples, np.float32)
        return torch.from_numpy(resample(samples, audio.sample_rate, self.model.input_rate))


def load_converter(
    model: str | Path | None = None,
    *,
    vocoder: str | Path | None = None,
    device: str = "auto",
    config: str | Path | None = None,
) -> VoiceConverter:
    """A converter and its vocoder, ready to work. The arguments are those of `load`.

    Raises UnknownModel, BadCheckpoint, IncompatibleFeatures, UnsupportedDevice.
    """
    found = devices.select(device)
    files = Given(Path(config) if config else None, None)
    name = str(model or DEFAULT_CONVERTER)
    own, its = build.split(library.open_model(name, "converter", files))
    if its is None or vocoder:
        named = vocoder or build.named_vocoder(own) or library.default_vocoder(own.manifest["name"])
        its = library.open_model(str(named), "vocoder")
    name, families = own.manifest["name"], (own.manifest["family"], its.manifest["family"])
    converter, decoder = build.converter(own), build.vocoder(its)
    del own, its  # or no weight that is laid out anew could go before the last one is
    selection = place(f"converter.{families[0]}", device, found, cache.folder())
    decoding = place(f"vocoder.{families[1]}", device, found, cache.folder())
    converter = converter.to(selection.device).freeze()
    decoder = decoder.to(decoding.device).freeze(cache.folder())
    return VoiceConverter(name, converter, decoder, selection, decoding)


def _label(recording: Recording) -> str:
    return "the recording" if isinstance(recording, Audio) else Path(recording).name
