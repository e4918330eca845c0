"""Who speaks in a recording: what families that clone with a speaker encoder share.

Windows and means are those of Coqui's inference. Shapes: S samples, D the vector.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vivavoce.audio.coqui import speaker_features
from vivavoce.audio.features import extract
from vivavoce.audio.resample import resample
from vivavoce.audio.specs import SPEAKER_16K
from vivavoce.checkpoints.read import read
from vivavoce.checkpoints.remap import strict_load, without_numbers
from vivavoce.checkpoints.speaker_names import is_lstm, speaker_tensors
from vivavoce.checkpoints.text_file import read_table
from vivavoce.errors import BadCheckpoint
from vivavoce.nn.speaker import SpeakerNetwork
from vivavoce.nn.speaker_config import LstmSpeakerConfig, SpeakerConfig
from vivavoce.nn.speaker_lstm import LstmSpeakerNetwork
from vivavoce.types import Audio, FeatureSpec

SpeakerSizes = SpeakerConfig | LstmSpeakerConfig
SpeakerListener = SpeakerNetwork | LstmSpeakerNetwork

WINDOW_FRAMES = 250
"""Frames that are heard at once: 2.5 s."""

WINDOWS = 10
"""Of each recording, at equal distances from its start to its end."""


def network(config: SpeakerSizes) -> SpeakerListener:
    """With random weights. Raises ConfigError unless a ResNet has four stages."""
    lstm = isinstance(config, LstmSpeakerConfig)
    return LstmSpeakerNetwork(config) if lstm else SpeakerNetwork(config)


def sizes(tensors: dict[str, Tensor], settings: dict[str, object] | None) -> SpeakerSizes:
    """By the tensors, and for a recurrent encoder its `config_se.json`. Raises BadCheckpoint."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    try:
        if not is_lstm(tensors):
            return SpeakerConfig.of(shapes)
        if settings is None:
            raise BadCheckpoint(
                "A recurrent speaker encoder needs its settings.",
                "Put its config_se.json beside it.",
            )
        return LstmSpeakerConfig.of(shapes, *speaker_features(settings))
    except KeyError as error:
        raise BadCheckpoint(
            f"The speaker encoder is not complete: '{error.args[0]}' is missing.",
            "Use the model_se.pth that belongs to this checkpoint.",
        ) from error


def load(file: Path) -> SpeakerListener:
    """A speaker encoder of Coqui's with its `config_se.json` beside it. Raises BadCheckpoint."""
    tensors = speaker_tensors(read(file, ("model",)).tensors)
    if not tensors:
        raise BadCheckpoint(
            f"{file} is not a supported speaker encoder.", "Use Coqui's model_se.pth."
        )
    beside = file.with_name("config_se.json")
    config = sizes(tensors, read_table(beside) if beside.is_file() else None)
    with without_numbers(len(tensors)):
        made = network(config)
    strict_load(made, tensors)
    return made.eval().requires_grad_(False)


@torch.no_grad()
def embedding(encoder: SpeakerListener, audio: Audio) -> Tensor:
    """`[D]` float32 on the CPU: the mean of the windows' unit vectors."""
    spec, windowed = _hearing(encoder)
    samples = resample(np.asarray(audio.samples, np.float32), audio.sample_rate, spec.sample_rate)
    rows = windows(samples, WINDOW_FRAMES * spec.hop_length) if windowed else samples[None]
    mel = extract(torch.from_numpy(rows), spec)
    like = next(encoder.parameters())
    return F.normalize(encoder.describe(mel.to(like)), dim=1).float().cpu().mean(0)


def windows(samples: np.ndarray, window: int) -> np.ndarray:
    """`[S]` as `[N, window]`; a recording that is no longer than a window is the only one."""
    if len(samples) <= window:
        return samples[None]
    starts = np.linspace(0, len(samples) - window, WINDOWS).astype(int)
    return np.stack([samples[start : start + window] for start in starts])


def _hearing(encoder: SpeakerListener) -> tuple[FeatureSpec, bool]:
    if isinstance(encoder, LstmSpeakerNetwork):
        return encoder.config.features, encoder.config.windowed
    return SPEAKER_16K, True
