"""What a model says at a validation: given texts, in a voice of its own data."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from vivavoce import config
from vivavoce.audio import io
from vivavoce.errors import AudioError, ConfigError, TextError, VoiceError
from vivavoce.hub import build, library
from vivavoce.models.base import AcousticModel, sentences
from vivavoce.nn.noise import Noise
from vivavoce.nn.task import Task
from vivavoce.train.data import Example
from vivavoce.train.recipe import SpeakConfig
from vivavoce.types import Voice
from vivavoce.vocoders.base import Vocoder, decode_windowed

logger = logging.getLogger(__name__)


class SampleSpeaker:
    """A model in training and the vocoder that makes its features audible.

    Raises ConfigError for a task that exports no acoustic model or options that it does not have,
    UnknownModel for the vocoder, IncompatibleFeatures where it is for other features.
    """

    def __init__(self, wanted: SpeakConfig, task: Task, device: torch.device) -> None:
        if not isinstance(task.exported, AcousticModel):
            raise ConfigError("speak.texts needs a model that speaks.", "Remove [speak].")
        self.model: AcousticModel[Any] = task.exported
        self.wanted = wanted
        self.options = config.from_dict(
            self.model.options_type, dict(wanted.options), "speak.options"
        )
        self.vocoder = _vocoder(wanted.vocoder, device)
        self.model.spec.require(self.vocoder.accepts)

    def say(self, example: Example) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Each text's name, `speech.audio` `[S]` and `speech.image`.

        Where the example cannot be a voice, or a text cannot be said, a warning says why.
        """
        try:
            voice = self._voice(example)
        except (AudioError, VoiceError) as error:
            logger.warning(
                "speak.texts: no voice can be made from '%s': %s", example.id, error.message
            )
            return
        for number, text in enumerate(self.wanted.texts, 1):
            try:
                yield f"text-{number}", self._said(text, voice)
            except TextError as error:
                logger.warning("speak.texts: '%s' cannot be spoken: %s", text, error.message)

    def _voice(self, example: Example) -> Voice:
        if not self.model.traits.clones:
            return self.model.voice()
        language = getattr(getattr(self.model, "text", None), "language", "en")
        return self.model.make_voice(
            io.read(example.audio), example.text, example.id, str(language or "en")
        )

    def _said(self, text: str, voice: Voice) -> dict[str, Tensor]:
        tokens = self.model.tokenise(text, voice, self.options)
        parts = list(self.model.generate(sentences([tokens], voice, self.options), Noise(0)))
        values = torch.cat([part.values for part in parts], dim=2)
        samples = decode_windowed(self.vocoder, values, condition=parts[0].condition)
        return {"speech.audio": samples.flatten(), "speech.image": values[0]}


def _vocoder(name: str, device: torch.device) -> Vocoder:
    """A vocoder, or the one that a model brings along."""
    stored = library.open_model(name)
    own = stored if stored.manifest["kind"] == "vocoder" else build.split(stored)[1]
    if own is None:
        raise ConfigError(f"'{name}' has no vocoder.", "Set speak.vocoder.")
    return build.vocoder(own).to(device).freeze()
