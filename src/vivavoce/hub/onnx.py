"""A model and its vocoder as one ONNX file: ids and noise in, samples out.

The file is run before it gets its name: onnxruntime must give the samples that we give.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vivavoce.audio.features import convert
from vivavoce.checkpoints.onnx_layers import GraphFeatures, GraphSamples, LayerGraph, NoiseInput
from vivavoce.checkpoints.onnx_write import FLOAT, GraphWriter
from vivavoce.config import from_dict
from vivavoce.errors import MissingExtra, OutputError, VivavoceError
from vivavoce.files import write_bytes
from vivavoce.hub import build
from vivavoce.hub.pair import open_pair
from vivavoce.hub.read import Stored
from vivavoce.models import MODELS
from vivavoce.models.base import AcousticModel, sentences
from vivavoce.nn.noise import Noise
from vivavoce.options import Options
from vivavoce.types import Features, Tokens
from vivavoce.vocoders import VOCODERS
from vivavoce.vocoders.base import Vocoder, decode_windowed

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PRODUCER = "vivavoce"
LARGEST_ERROR = 1e-4
"""Of the peak: what the file's features and samples may differ from ours."""
CHECKED = (
    "Hello there.",
    "The kettle had just begun to sing when somebody knocked at the garden door.",
    "The kettle had just begun to sing when somebody knocked at the garden door, twice, and then "
    "went away again without a word; and the night was as quiet as before.",
)
CHECKED_TOKENS = (12, 45, 150)
"""Ids by chance, where a model does not read English."""
SEED = 0
NOISE_FRAMES = 4096


@dataclass(frozen=True)
class OnnxVoice:
    """A model and a vocoder, ready to be written as a graph and to be compared with it."""

    own: Stored
    its: Stored
    model: AcousticModel[Any]
    vocoder: Vocoder

    @staticmethod
    def open(name: str) -> OnnxVoice:
        """Raises UnknownModel, BadCheckpoint."""
        own, its = open_pair(name)
        model, vocoder = build.acoustic(own).freeze(), build.vocoder(its).freeze()
        model.spec.require(vocoder.accepts, ignore=("normalisation",))
        return OnnxVoice(own, its, model, vocoder)

    @property
    def family(self) -> Any:
        """The module `onnx` of the model's family. Raises UsageError where it has none."""
        return MODELS.graph(self.own.manifest["family"])

    @property
    def decoder(self) -> Any:
        """The module `onnx` of the vocoder's family. Raises UsageError where it has none."""
        return VOCODERS.graph(self.its.manifest["family"])

    def add_to(self, g: GraphWriter) -> tuple[GraphFeatures, GraphSamples]:
        """All nodes up to the output `samples` `[1, S]`. Raises UsageError for other families."""
        found: GraphFeatures = self.family.graph(g, self.model)
        have, want = self.model.spec.normalisation, self.vocoder.accepts.normalisation
        values = LayerGraph(g, {}).rescaled(found.values, have, want)
        found = replace(found, values=values)
        ended = self.decoder.graph(g, self.vocoder, found.values, found.condition)
        g.op("Identity", ended.samples, out="samples")
        g.output("samples", FLOAT, (1, "samples"))
        return found, ended

    def metadata(self, found: GraphFeatures) -> dict[str, str]:
        """What a program needs to know besides the inputs' names."""
        own, spec = self.own.manifest, self.model.spec
        options = self.options()
        weights = [m.get("weights", {}).get("sha256", "") for m in (own, self.its.manifest)]
        table = {
            "producer": f"{PRODUCER} {version(PRODUCER)}",
            "name": own["name"],
            "vocoder": self.its.manifest["name"],
            "licence": own.get("licence", ""),
            "vocoder_licence": self.its.manifest.get("licence", ""),
            "languages": list(own.get("languages", ())),
            "speakers": list(self.model.speaker_names),
            "sample_rate": spec.sample_rate,
            "hop_length": spec.hop_length,
            "symbols": list(self.family.symbols(self.model)),
            "controls": self.family.controls(options),
            "noise_inputs": {n.name: {"channels": n.channels, "per": n.per} for n in found.noises},
            "weights_sha256": weights,
        }
        return {k: v if isinstance(v, str) else json.dumps(v) for k, v in table.items()}

    def options(self) -> Options:
        """The model's options by default."""
        return from_dict(self.model.options_type, dict(self.own.manifest.get("options", {})))

    @torch.inference_mode()
    def features(self, ids: Sequence[int], options: Options, seed: int = SEED) -> Features:
        """What the model makes of ids, as the vocoder means it."""
        tokens, voice = Tokens(tuple(ids), (0,) * len(ids)), self.model.voice()
        parts = list(self.model.generate(sentences([tokens], voice, options), Noise(seed)))
        values = torch.cat([part.values for part in parts], dim=-1)
        return replace(parts[0], values=convert(values, self.model.spec, self.vocoder.accepts))

    def feeds(
        self, noises: Sequence[NoiseInput], ids: Sequence[int], options: Options, seed: int = SEED
    ) -> dict[str, np.ndarray]:
        """The graph's inputs for the same: the noise is what the engine draws."""
        noise = Noise(seed)
        fed: dict[str, np.ndarray] = {"ids": np.array([ids], np.int64)}
        if len(self.model.speaker_names) > 1:
            fed["sid"] = np.array([getattr(self.model, "default_speaker", 0)], np.int64)
        for name, value in self.family.controls(options).items():
            fed[name] = np.array([value], np.float32)
        for one in noises:
            count = len(ids) if one.per == "tokens" else NOISE_FRAMES
            fed[one.name] = noise.normal([count], one.channels).numpy()
        return fed


def to_onnx(name: str, file: Path) -> list[Path]:
    """The model called `name` as one file, checked; the files written.

    Raises UnknownModel, UsageError for a family that has no graph, MissingExtra without
    onnxruntime, OutputError where the file does not speak as we do.
    """
    voice, g = OnnxVoice.open(name), GraphWriter()
    found, _ = voice.add_to(g)
    content = g.model(str(voice.own.manifest["name"]), PRODUCER, voice.metadata(found))
    checked_session(voice)
    write_bytes(file, content)
    return [file]


def checked_session(voice: OnnxVoice) -> InferenceSession:
    """The voice's graph, which gave our features and samples at three lengths.

    It has its features as outputs too. Raises OutputError where it did not, MissingExtra.
    """
    g = GraphWriter()
    found, ended = voice.add_to(g)
    observed = observed_session(g, found, ended)
    for ids in checked_ids(voice):
        require_equal(voice, observed, found, ended, ids)
    return observed


def observed_session(g: GraphWriter, found: GraphFeatures, ended: GraphSamples) -> InferenceSession:
    """A voice's graph that gives its features too, and what the vocoder prepared of them."""
    for value in filter(None, (found.values, ended.prepared)):
        g.output(value, FLOAT, (1, "channels", "frames"))
    return run_session(g.model("observed", PRODUCER))


def checked_ids(voice: OnnxVoice) -> list[tuple[int, ...]]:
    """Three lengths of what the model may be asked to speak."""
    try:
        voices = voice.model.voice(), voice.options()
        return [voice.model.tokenise(text, *voices).ids for text in CHECKED]
    except VivavoceError:
        count = max(2, len(voice.family.symbols(voice.model)))
        draws = [np.random.default_rng(length) for length in CHECKED_TOKENS]
        lengths = zip(draws, CHECKED_TOKENS, strict=True)
        return [tuple(draw.integers(0, count, length).tolist()) for draw, length in lengths]


def require_equal(
    voice: OnnxVoice,
    observed: InferenceSession,
    found: GraphFeatures,
    ended: GraphSamples,
    ids: Sequence[int],
) -> float:
    """The largest difference of the graph from the engine, relative to the peak.

    Raises OutputError where it is more than `LARGEST_ERROR`.
    """
    options = voice.options()
    fed = known_inputs(observed, voice.feeds(found.noises, ids, options))
    samples, values, *prepared = ran(observed, fed)
    ours = voice.features(ids, options)
    errors = [difference(values, ours.values.numpy())]
    if prepared:
        source, away = torch.from_numpy(prepared[0]), [0.0]
        given = torch.from_numpy(values)
        expected, away[0] = voice.decoder.same_source(voice.vocoder, given, source)
        errors += away
    else:
        with torch.inference_mode():
            expected = decode_windowed(voice.vocoder, ours.values, condition=ours.condition)
    errors.append(difference(samples, expected.numpy()))
    if max(errors) > LARGEST_ERROR:
        raise OutputError(
            f"The ONNX graph of '{voice.own.manifest['name']}' differs from the model by "
            f"{max(errors):.1g} of the peak; nothing was written.",
            "Report this with the versions of onnxruntime and torch (`vivavoce doctor`).",
        )
    return max(errors)


def ran(session: InferenceSession, fed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What a graph gives, its outputs in order."""
    return [np.asarray(one) for one in session.run(None, dict(fed))]


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest, relative to the peak of what was expected; infinite for another length."""
    if found.shape != expected.shape:
        return math.inf
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def known_inputs(session: InferenceSession, fed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of some inputs those that the graph has."""
    names = {one.name for one in session.get_inputs()}
    return {name: value for name, value in fed.items() if name in names}


def run_session(content: bytes) -> InferenceSession:
    """The file's content, loaded on the CPU. Raises MissingExtra."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtra(
            "Export to ONNX runs the file before it is written, with onnxruntime.",
            "Run: pip install 'vivavoce[onnx]'",
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
