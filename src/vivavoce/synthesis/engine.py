"""One model and one vocoder on one device, speaking. Knows neither family, only their contracts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vivavoce.audio.features import convert
from vivavoce.config import from_dict
from vivavoce.device import Selection, synchronise
from vivavoce.nn.noise import Noise
from vivavoce.synthesis.guards import SampleGuard, check_duration
from vivavoce.synthesis.plan import Utterance, plan
from vivavoce.synthesis.speech import Speech
from vivavoce.synthesis.timing import words
from vivavoce.types import AudioChunk, Features, Voice, Word
from vivavoce.vocoders.vocoder import Vocoder, decode_windowed, stream_windows

STREAM_FRAMES = 64  # new frames per streamed piece, beside the vocoder's context


@dataclass
class Stages:
    """Seconds spent per stage, for `bench`."""

    seconds: dict[str, float] = field(default_factory=dict)

    def timed(self, stage: str, device: torch.device, work: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = work()
        synchronise(device)
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - begin
        return result


class TTS:
    """Made by `vivavoce.load`. Holds weights only: one object may serve many callers."""

    def __init__(
        self,
        name: str,
        model: Any,
        vocoder: Vocoder,
        selection: Selection,
        defaults: dict[str, Any],
    ) -> None:
        self.name, self.model, self.vocoder, self.selection = name, model, vocoder, selection
        self.defaults = defaults
        model.spec.require(vocoder.accepts, ignore=("normalisation",))

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self.vocoder.accepts.sample_rate

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the model's own speakers."""
        return self.model.speaker_names

    def speak(
        self,
        text: str,
        voice: str | Voice | None = None,
        *,
        speed: float = 1.0,
        seed: int = 0,
        **options: Any,
    ) -> Speech:
        """The whole text as one piece of audio.

        `speed` 1.0 is natural, larger is faster; the same `seed` gives the same samples.
        Raises TextError, UnknownVoice, ConfigError (an option the model does not have) and
        GuardError (what came out is not speech).
        """
        pieces = list(self.stream(text, voice, speed=speed, seed=seed, **options))
        return self._join(pieces, seed)

    def stream(
        self,
        text: str,
        voice: str | Voice | None = None,
        *,
        speed: float = 1.0,
        seed: int = 0,
        stages: Stages | None = None,
        **options: Any,
    ) -> Iterator[AudioChunk]:
        """The same samples as `speak`, piece by piece, as soon as they are there.

        Sentences are spoken one after the other, so memory does not grow with the text.
        """
        speaker, chosen = self._voice(voice), self._options(speed, options)
        start_s = 0.0
        for utterance in plan(text, self.model.tokenise):
            for chunk in self._utterance(
                utterance, speaker, chosen, seed, start_s, stages or Stages()
            ):
                start_s += len(chunk.samples) / self.sample_rate
                yield chunk

    def batch(
        self,
        texts: Sequence[str],
        voice: str | Voice | None = None,
        *,
        speed: float = 1.0,
        seed: int = 0,
        batch_size: int = 8,
        **options: Any,
    ) -> list[Speech]:
        """Many texts at once, in order. Each comes out as `speak` would give it (to 1e-4)."""
        speaker, chosen = self._voice(voice), self._options(speed, options)
        work = [
            (number, utterance)
            for number, text in enumerate(texts)
            for utterance in plan(text, self.model.tokenise)
        ]
        work.sort(key=lambda item: len(item[1].tokens))
        done: dict[tuple[int, int], tuple[Utterance, np.ndarray, tuple[Word, ...]]] = {}
        for first in range(0, len(work), batch_size):
            group = work[first : first + batch_size]
            rows = self._rows([u for _, u in group], speaker, chosen, seed)
            for (number, utterance), (samples, timed) in zip(group, rows, strict=True):
                done[number, utterance.index] = (utterance, samples, timed)
        return [self._collect(done, number, seed) for number in range(len(texts))]

    def _voice(self, voice: str | Voice | None) -> Voice:
        return voice if isinstance(voice, Voice) else self.model.voice(voice)

    def _options(self, speed: float, options: dict[str, Any]) -> Any:
        table = self.defaults | options
        table["speed"] = speed * self.defaults.get("speed", 1.0)
        return from_dict(self.model.options_type, table)

    @torch.inference_mode()
    def _utterance(
        self,
        utterance: Utterance,
        voice: Voice,
        options: Any,
        seed: int,
        start_s: float,
        stages: Stages,
    ) -> Iterator[AudioChunk]:
        """One utterance's pieces; the last one carries its words, warnings and pause."""
        text = utterance.chunk
        device = self.selection.device
        guard = SampleGuard(text.text)
        features: list[Features] = stages.timed(
            "acoustic",
            device,
            lambda: list(
                self.model.generate(
                    [utterance.tokens], voice, options, Noise(seed, [utterance.index])
                )
            ),
        )
        self._check(utterance, features[0], 0)
        timed = self._words(utterance, features[0], 0, start_s)
        parts = (self._accepted(f) for f in features)
        window = 2 * self.vocoder.receptive_field + STREAM_FRAMES
        pieces = stream_windows(self.vocoder, parts, min(window, self.vocoder.window_frames))
        waiting = np.zeros(0, dtype=np.float32)  # the last piece is known when none follows
        while (piece := stages.timed("vocoder", device, lambda: next(pieces, None))) is not None:
            if len(waiting):
                yield AudioChunk(waiting, self.sample_rate, start_s, text.start, text.end)
                start_s += len(waiting) / self.sample_rate
            waiting = guard.feed(piece[0].float().cpu().numpy())
        warnings = utterance.warnings + guard.finish()
        samples = np.concatenate([waiting, self._pause(text.pause_s)])
        yield AudioChunk(samples, self.sample_rate, start_s, text.start, text.end, timed, warnings)

    @torch.inference_mode()
    def _rows(
        self, utterances: list[Utterance], voice: Voice, options: Any, seed: int
    ) -> Iterable[tuple[np.ndarray, tuple[Word, ...]]]:
        tokens = [u.tokens for u in utterances]
        noise = Noise(seed, [u.index for u in utterances])
        (features,) = self.model.generate(tokens, voice, options, noise)
        lengths = features.lengths.tolist()
        samples = decode_windowed(self.vocoder, self._accepted(features), lengths).float().cpu()
        for row, utterance in enumerate(utterances):
            self._check(utterance, features, row)
            length = min(self.vocoder.n_samples(lengths[row]), samples.shape[1])
            yield samples[row, :length].numpy(), self._words(utterance, features, row, 0.0)

    def _accepted(self, features: Features) -> Tensor:
        return convert(features.values, features.spec, self.vocoder.accepts)

    def _check(self, utterance: Utterance, features: Features, row: int) -> None:
        frame_s = features.spec.hop_length / features.spec.sample_rate
        frames = int(features.lengths[row])
        check_duration(frames, len(utterance.tokens), frame_s, utterance.chunk.text)

    def _words(
        self, utterance: Utterance, features: Features, row: int, start_s: float
    ) -> tuple[Word, ...]:
        if features.durations is None:
            return ()
        frame_s = features.spec.hop_length / features.spec.sample_rate
        timed = words(utterance, features.durations[row].tolist(), frame_s)
        return _shifted(timed, start_s + self.vocoder.edge_frames * frame_s)

    def _pause(self, seconds: float) -> np.ndarray:
        return np.zeros(round(seconds * self.sample_rate), dtype=np.float32)

    def _collect(
        self,
        done: dict[tuple[int, int], tuple[Utterance, np.ndarray, tuple[Word, ...]]],
        number: int,
        seed: int,
    ) -> Speech:
        pieces: list[AudioChunk] = []
        start_s = 0.0
        index = 0
        while (number, index) in done:
            utterance, samples, timed = done[number, index]
            text = utterance.chunk
            guard = SampleGuard(text.text)
            samples = np.concatenate([guard.feed(samples), self._pause(text.pause_s)])
            warnings = utterance.warnings + guard.finish()
            shifted = _shifted(timed, start_s)
            pieces.append(
                AudioChunk(
                    samples, self.sample_rate, start_s, text.start, text.end, shifted, warnings
                )
            )
            start_s += len(samples) / self.sample_rate
            index += 1
        return self._join(pieces, seed)

    def _join(self, pieces: list[AudioChunk], seed: int) -> Speech:
        return Speech(
            np.concatenate([p.samples for p in pieces]),
            self.sample_rate,
            tuple(w for p in pieces for w in p.words),
            tuple(w for p in pieces for w in p.warnings),
            seed,
        )


def _shifted(timed: tuple[Word, ...], start_s: float) -> tuple[Word, ...]:
    return tuple(Word(w.text, w.start_s + start_s, w.end_s + start_s) for w in timed)
