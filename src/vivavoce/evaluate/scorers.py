"""Numbers for the sound itself: speaker similarity and estimated opinions. Weights come from paths
or installed packages, never from the network.
"""

from __future__ import annotations

from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vivavoce.errors import MissingExtra, UsageError
from vivavoce.evaluate.recognisers import RATE, at_16k, digest
from vivavoce.types import Audio

DNSMOS_S = 9.01
_DNSMOS = ("sig", "bak", "ovrl")
# P.835 as Microsoft calibrates it (DNS-Challenge, dnsmos_local.py)
_SIG = (-0.08397278, 1.22083953, 0.0052439)
_BAK = (-0.13166888, 1.60915514, -0.39604546)
_OVRL = (-0.06766283, 1.11546468, 0.04602535)


class Scorer(Protocol):
    """`facts` say which program and weights."""

    facts: dict[str, str]

    def score(self, audio: Audio, prompt: Audio | None) -> dict[str, float]:
        """Of one audio; `prompt` is the recording of the speaker where there is one."""
        ...


class Dnsmos:
    """DNSMOS P.835 (Reddy et al. 2022): speech, background and overall quality, 1 to 5."""

    def __init__(self, path: Path) -> None:
        self._session = _onnx(path)
        self._input = self._session.get_inputs()[0].name
        self.facts = {"dnsmos": f"{path.name} {digest(path)[:16]}"}

    def score(self, audio: Audio, prompt: Audio | None) -> dict[str, float]:
        """The mean over windows of 9.01 s, a second apart; what is shorter is repeated."""
        samples, window = at_16k(audio), int(DNSMOS_S * RATE)
        if not len(samples):
            return dict.fromkeys(_DNSMOS, 1.0)
        samples = np.tile(samples, -(-window // len(samples))) if len(samples) < window else samples
        starts = range(0, len(samples) - window + 1, RATE)
        rows = [
            self._session.run(None, {self._input: samples[None, s : s + window]})[0][0]
            for s in starts
        ]
        raw = np.asarray(rows, np.float64)
        curves = (_SIG, _BAK, _OVRL)
        means = [float(np.mean(np.polyval(c, raw[:, n]))) for n, c in enumerate(curves)]
        return dict(zip(_DNSMOS, means, strict=True))


class Utmos:
    """UTMOS (Saeki et al. 2022) as an ONNX file: one waveform at 16 kHz in, one value out."""

    def __init__(self, path: Path) -> None:
        self._session = _onnx(path)
        self._input = self._session.get_inputs()[0].name
        self.facts = {"utmos": f"{path.name} {digest(path)[:16]}"}

    def score(self, audio: Audio, prompt: Audio | None) -> dict[str, float]:
        found = self._session.run(None, {self._input: at_16k(audio)[None]})[0]
        return {"utmos": float(np.mean(found))}


class DistillMos:
    """DistillMOS (Stahl and Gamper 2025), from its package, which holds the weights."""

    def __init__(self) -> None:
        library = _package("distillmos", "distillmos")
        self._torch = import_module("torch")
        self._model = library.ConvTransformerSQAModel().eval()
        self.facts = {"distillmos": f"distillmos {metadata.version('distillmos')}"}

    def score(self, audio: Audio, prompt: Audio | None) -> dict[str, float]:
        with self._torch.inference_mode():
            found = self._model(self._torch.from_numpy(at_16k(audio))[None])
        return {"distillmos": float(found)}


class Similarity:
    """The cosine of two speaker embeddings: of the audio and of its prompt."""

    def __init__(self, encoder: str) -> None:
        kind, _, place = encoder.partition(":")
        if kind == "resemblyzer":
            library = _package("resemblyzer", "Resemblyzer")
            own = library.VoiceEncoder("cpu", verbose=False)
            version = metadata.version("Resemblyzer")
            self.facts = {"sim": f"GE2E of resemblyzer {version}; not that of papers"}
            self._embed = lambda s: own.embed_utterance(library.preprocess_wav(s, source_sr=RATE))
        elif kind == "coqui" and place:
            from vivavoce.models import speaker

            network = speaker.load(Path(place))
            self.facts = {"sim": f"{Path(place).name} {digest(Path(place))[:16]}"}
            self._embed = lambda s: speaker.embedding(network, Audio(s, RATE)).numpy()
        elif kind == "onnx" and place:
            session = _onnx(Path(place))
            name = session.get_inputs()[0].name
            self.facts = {"sim": f"{Path(place).name} {digest(Path(place))[:16]}"}
            self._embed = lambda s: session.run(None, {name: s[None]})[0].reshape(-1)
        else:
            raise UsageError(
                f"Unknown speaker encoder '{encoder}'.",
                "Give resemblyzer, onnx:FILE or coqui:FILE.",
            )

    def score(self, audio: Audio, prompt: Audio | None) -> dict[str, float]:
        if prompt is None:
            return {}
        one, other = (np.asarray(self._embed(at_16k(a)), np.float64) for a in (audio, prompt))
        return {"sim": float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))}


def _onnx(path: Path) -> Any:
    try:
        runtime = import_module("onnxruntime")
    except ImportError as error:
        raise MissingExtra(
            "This scorer needs onnxruntime.", "Install it: pip install 'vivavoce[eval]'."
        ) from error
    if not path.is_file():
        raise UsageError(f"There is no {path}.", "Download it; see docs/evaluation.md.")
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _package(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"This scorer needs {package}.", f"Install it: pip install {package}."
        ) from error
