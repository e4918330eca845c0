"""A family in one module: it has speakers, speaks languages, and only its weights make voices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tests.tiny import tiny_folders, tiny_model, tiny_vocoder
from vivavoce.errors import VoiceError
from vivavoce.models.glow.model import GlowTTS
from vivavoce.types import Audio, Features, Voice

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

SPEAKERS = ("Ana Señora", "Bob Ray")
LANGUAGES = ("en", "de")


@dataclass(frozen=True, kw_only=True)
class ToyOptions:
    speed: float = 1.0
    noise_scale: float = 0.0
    language: str = ""
    temperature: float = 0.5
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0


OPTIONS = ToyOptions


class Toy(GlowTTS):
    """Glow, which hears recordings as loudness. `asked` are the options it was last asked with."""

    family = "toy"
    options_type = ToyOptions  # type: ignore[assignment]
    traits = replace(GlowTTS.traits, clones=True)
    asked: ToyOptions | None = None

    def generate(self, sentences: Any, noise: Any, on_step: Any = None) -> Iterator[Features]:
        Toy.asked = sentences[0].options
        return super().generate(sentences, noise, on_step)

    def make_voice(
        self,
        audio: Audio | Sequence[Audio],
        transcript: str,
        name: str,
        language: str = "en",
        licence: str = "",
        transcriber: object = None,
    ) -> Voice:
        heard = [audio] if isinstance(audio, Audio) else list(audio)
        if any(one.duration_s < 0.5 for one in heard):
            raise VoiceError("A recording is too short.", "Give half a second.")
        assert self.speakers is not None
        assert not self.training
        loudness = float(np.mean([np.abs(one.samples).mean() for one in heard]))
        vector = self.speakers.weight[0].detach() * loudness
        tensors = {"speaker_embedding": vector, "heard": torch.tensor(len(heard))}
        return Voice(name, self.family, tensors, language, transcript, licence)

    @staticmethod
    def describe_voice(voice: Voice) -> dict[str, Any]:
        return {"recordings": int(voice.tensors["heard"])}


def toy_folder(folder: Path, speakers: Sequence[str] = SPEAKERS) -> Path:
    """Stored as `load` reads it, with its vocoder beside it, in the folder `toy`."""
    from vivavoce.checkpoints import store

    tiny, _ = tiny_folders(folder, len(speakers))
    manifest, tensors = store.load(tiny)
    own = {"family": "toy", "name": "toy", "speakers": list(speakers)}
    store.save(folder / "toy", manifest | own | {"languages": list(LANGUAGES)}, tensors)
    return folder / "toy"


def toy_tts(speakers: tuple[str, ...] = SPEAKERS) -> TTS:
    """A whole engine on the CPU."""
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS

    glow = tiny_model(len(speakers))
    model = Toy(glow.config, glow.spec, glow.text, speakers)
    model.load_state_dict(glow.state_dict())
    return TTS("toy", model.freeze(), tiny_vocoder(), select("cpu"), {})
