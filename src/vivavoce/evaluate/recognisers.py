"""Who says what was heard. Weights are a folder on this machine: nothing is fetched."""

from __future__ import annotations

import csv
import hashlib
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vivavoce.audio.resample import resample
from vivavoce.errors import MissingExtra, UsageError
from vivavoce.types import Audio

RATE = 16_000


class Recogniser(Protocol):
    """`facts` name it: program, version, weights, settings."""

    facts: dict[str, str]

    def __call__(self, audio: Audio, name: str, language: str) -> str:
        """The words of the audio; `name` is the id of its sentence."""
        ...


def find(asked: str, protocol: str) -> Recogniser:
    """`whisper:FOLDER` (faster-whisper), `transformers:FOLDER` (Whisper of Hugging Face),
    `paraformer:FOLDER` (FunASR) or `transcripts:FILE`. Raises UsageError, MissingExtra.
    """
    kind, mark, place = asked.partition(":")
    if not mark or kind not in KINDS:
        raise UsageError(
            f"Unknown recogniser '{asked}'.",
            f"Give {', '.join(f'{k}:PATH' for k in KINDS)}; PATH must be a local file or folder.",
        )
    if not Path(place).exists():
        raise UsageError(f"There is no {place}.", "Download it; see docs/evaluation.md.")
    return KINDS[kind](Path(place), protocol)


class FasterWhisper:
    """Whisper through CTranslate2, beam 5. As published for F5, windows are carried over."""

    def __init__(self, folder: Path, protocol: str) -> None:
        whisper = _require("faster_whisper", "vivavoce[asr]")
        self._carry = protocol == "f5-tts"
        self._model = whisper.WhisperModel(
            str(folder), device="cpu", compute_type="int8", local_files_only=True
        )
        self.facts = {
            "recogniser": f"faster-whisper {metadata.version('faster-whisper')}",
            "weights": f"{folder.name} {digest(folder / 'model.bin')[:16]}",
            "settings": f"int8, beam 5, windows carried over: {self._carry}",
        }

    def __call__(self, audio: Audio, name: str, language: str) -> str:
        segments, _ = self._model.transcribe(
            at_16k(audio),
            language=language,
            beam_size=5,
            condition_on_previous_text=self._carry,
        )
        return " ".join(segment.text.strip() for segment in segments)


class TransformersWhisper:
    """Whisper as seed-tts-eval uses it: greedy, the language forced, the first 30 s."""

    def __init__(self, folder: Path, protocol: str) -> None:
        library = _require("transformers", "transformers")
        self._torch = import_module("torch")
        self._processor = library.WhisperProcessor.from_pretrained(folder, local_files_only=True)
        self._model = library.WhisperForConditionalGeneration.from_pretrained(
            folder, local_files_only=True
        ).eval()
        self.facts = {
            "recogniser": f"transformers {metadata.version('transformers')}",
            "weights": folder.name,
            "settings": "greedy, language forced, first 30 s, FFT resampling",
        }

    def __call__(self, audio: Audio, name: str, language: str) -> str:
        samples = fft_resampled(audio, RATE)
        features = self._processor(samples, sampling_rate=RATE, return_tensors="pt").input_features
        with self._torch.inference_mode():
            ids = self._model.generate(features, language=language, task="transcribe")
        return self._processor.batch_decode(ids, skip_special_tokens=True)[0]


class Paraformer:
    """The Chinese recogniser of both protocols; what it hears is put into simplified characters."""

    def __init__(self, folder: Path, protocol: str) -> None:
        library = _require("funasr", "funasr")
        self._simple = _require("zhconv", "zhconv").convert
        self._model = library.AutoModel(model=str(folder), disable_update=True)
        self.facts = {
            "recogniser": f"funasr {metadata.version('funasr')}",
            "weights": folder.name,
            "settings": f"zhconv {metadata.version('zhconv')} to zh-cn",
        }

    def __call__(self, audio: Audio, name: str, language: str) -> str:
        found = self._model.generate(input=at_16k(audio), batch_size_s=300, disable_pbar=True)
        return self._simple(found[0]["text"], "zh-cn")


class Transcripts:
    """What another program has heard: a file of `id<TAB>words` lines."""

    def __init__(self, path: Path, protocol: str) -> None:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
        self._words = {row[0]: row[1] if len(row) > 1 else "" for row in rows if row}
        self.facts = {"recogniser": "transcripts", "weights": f"{path.name} {digest(path)[:16]}"}

    def __call__(self, audio: Audio, name: str, language: str) -> str:
        if name not in self._words:
            raise UsageError(f"There is no transcript of '{name}'.", "Give one for every id.")
        return self._words[name]


KINDS: dict[str, Any] = {
    "whisper": FasterWhisper,
    "transformers": TransformersWhisper,
    "paraformer": Paraformer,
    "transcripts": Transcripts,
}


def at_16k(audio: Audio) -> np.ndarray:
    """`[S]` float32 at 16 kHz."""
    if audio.sample_rate == RATE:
        return np.asarray(audio.samples, np.float32)
    return resample(np.asarray(audio.samples, np.float32), audio.sample_rate, RATE)


def fft_resampled(audio: Audio, rate: int) -> np.ndarray:
    """By cutting or filling up the spectrum of the whole, as `scipy.signal.resample` does."""
    count = int(len(audio.samples) * rate / audio.sample_rate)
    if audio.sample_rate == rate or not count:
        return np.asarray(audio.samples, np.float32)
    spectrum = np.fft.rfft(np.asarray(audio.samples, np.float64))
    kept = np.zeros(count // 2 + 1, np.complex128)
    least = min(count, len(audio.samples))
    half = least // 2 + 1
    kept[:half] = spectrum[:half]
    if least % 2 == 0 and count != len(audio.samples):
        # the highest frequency that both have stands for itself and its mirror image
        kept[least // 2] *= 2.0 if count < len(audio.samples) else 0.5
    scale = count / len(audio.samples)
    return (np.fft.irfft(kept, count) * scale).astype(np.float32)


def digest(path: Path) -> str:
    """The SHA-256 of a file; empty where there is none."""
    if not path.is_file():
        return ""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _require(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"This recogniser needs {module}.", f"Install it: pip install '{package}'."
        ) from error
