"""A small whole engine of every family, and a voice for it: what the contract tests run on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from tests.models.bark.toy import tiny_bark, tiny_history
from tests.models.tortoise.official import tiny_tortoise
from tests.models.vits.toy import toy as vits_parts
from tests.models.xtts.speaking import tiny_xtts
from tests.tiny import tiny_f5, tiny_tts, tiny_voice

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.types import Voice


def tiny_vits() -> TTS:
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS

    model, vocoder = vits_parts()
    return TTS("vits", model, vocoder.freeze(), select("cpu"), {})


def tiny_forward() -> TTS:
    from tests.tiny import tiny_vocoder
    from vivavoce.models.forward.workloads import TOY, random_model
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS

    return TTS("forward", random_model(TOY, "cpu").freeze(), tiny_vocoder(), select("cpu"), {})


def tiny_fastpitch() -> TTS:
    """Two speakers, about five frames a token."""
    from dataclasses import replace

    from tests.tiny import tiny_vocoder
    from vivavoce.audio.specs import VOCOS_24K
    from vivavoce.models.fastpitch.workloads import TOY, random_model
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS

    config = replace(TOY, n_mels=VOCOS_24K.n_mels, n_speakers=2)
    model = random_model(config, "cpu", VOCOS_24K)
    return TTS("fastpitch", model, tiny_vocoder(), select("cpu"), {})


def tiny_tacotron2() -> TTS:
    """It reads a token a step and stops behind the last."""
    from dataclasses import replace

    from tests.tiny import tiny_vocoder
    from vivavoce.audio.specs import VOCOS_24K
    from vivavoce.models.tacotron2.workloads import DYNAMIC, TOY, random_model
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS

    config = replace(TOY, n_mels=VOCOS_24K.n_mels, attention=DYNAMIC)
    model = random_model(config, "cpu", VOCOS_24K)
    return TTS("tacotron2", model, tiny_vocoder(), select("cpu"), {})


def tiny_overflow() -> TTS:
    from dataclasses import replace

    from tests.tiny import tiny_vocoder
    from vivavoce.audio.specs import VOCOS_24K
    from vivavoce.models.overflow.workloads import TOY, random_model
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS

    model = random_model(replace(TOY, n_mels=VOCOS_24K.n_mels), "cpu", VOCOS_24K)
    return TTS("overflow", model, tiny_vocoder(), select("cpu"), {"temperature": 0.3})


def tiny_delightful() -> TTS:
    """Two speakers, about five frames a token."""
    from dataclasses import replace

    from tests.tiny import tiny_vocoder
    from vivavoce.audio.specs import VOCOS_24K
    from vivavoce.models.delightful.workloads import TOY, random_model
    from vivavoce.runtime import select
    from vivavoce.speech.engine import TTS

    config = replace(TOY, n_mels=VOCOS_24K.n_mels, n_speakers=2, speaker_width=8)
    model = random_model(config, "cpu", VOCOS_24K)
    return TTS("delightful", model, tiny_vocoder(), select("cpu"), {})


ENGINES: dict[str, Callable[[], TTS]] = {
    "bark": tiny_bark,
    "delightful": tiny_delightful,
    "f5": tiny_f5,
    "fastpitch": tiny_fastpitch,
    "forward": tiny_forward,
    "glow": tiny_tts,
    "overflow": tiny_overflow,
    "tacotron2": tiny_tacotron2,
    "tortoise": tiny_tortoise,
    "vits": tiny_vits,
    "xtts": tiny_xtts,
}


@cache
def engine(family: str) -> TTS:
    return ENGINES[family]()


def voice_for(family: str, number: int = 0) -> str | Voice | None:
    """Two different voices where the family has or makes several."""
    if family == "bark":
        return tiny_history(number)
    if family == "f5":
        return tiny_voice(f"voice {number}", seed=number)
    voices = engine(family).voices
    return voices[number % len(voices)] if voices else None
