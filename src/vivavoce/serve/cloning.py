"""Making a voice of a recording, with a consent that is spoken by the same person."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vivavoce.errors import VoiceError
from vivavoce.serve.errors import invalid
from vivavoce.serve.recordings import read_recording
from vivavoce.serve.service import Service
from vivavoce.serve.shelf import Consent, Made, Shelf, digest
from vivavoce.serve.table import ModelRow, VoiceRow

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS
    from vivavoce.types import Audio, Voice

EMBEDDING = "embedding"
"""The tensor in which voices of models with a speaker encoder hold who speaks."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a client gives to make a voice."""

    name: str
    sample: bytes
    consent: Consent
    transcript: str
    language: str
    licence: str
    model: ModelRow


async def make_voice(wish: Wish, service: Service, shelf: Shelf) -> VoiceRow:
    """The new voice, in the tables and on the shelf. Raises ApiError 400."""
    audio = await asyncio.to_thread(read_recording, wish.sample, "audio_sample")
    recording = await asyncio.to_thread(shelf.recording_of, wish.consent)
    agreed = await asyncio.to_thread(read_recording, recording, "consent")
    voice_id = "voice_" + secrets.token_hex(12)
    lane = service.engine.lanes[wish.model.name]

    def make() -> None:
        from vivavoce.hub import voice_file

        tts = lane.load()
        voice = _voice(tts, audio, wish)
        least = service.config.consent_similarity
        if least and EMBEDDING in voice.tensors:
            _require_same(voice, lambda: _voice(tts, agreed, wish), least)
        voice_file.save(shelf.file_of(voice_id), voice)

    await asyncio.wrap_future(service.engine.call(make))
    made = Made(
        id=voice_id,
        name=wish.name,
        model=wish.model.name,
        family=wish.model.family,
        language=wish.language,
        licence=wish.licence,
        created_at=int(time.time()),
        consent=wish.consent.id,
        sample_sha256=digest(wish.sample),
        consent_sha256=wish.consent.sha256,
    )
    shelf.add_voice(made)
    row = shelf.row(made, wish.model.name)
    service.table.add(row)
    return row


def _voice(tts: TTS, audio: Audio, wish: Wish) -> Voice:
    try:
        return tts.voice(
            audio,
            wish.transcript,
            name=wish.name,
            language=wish.language.partition("-")[0].lower() or "en",
            licence=wish.licence,
        )
    except VoiceError as error:
        if wish.transcript:
            raise invalid("bad_audio", str(error), "audio_sample") from error
        message = "This model needs the words said in the recording: 'transcript'."
        raise invalid("missing_required_parameter", message, "transcript") from error


def _require_same(voice: Voice, other: Callable[[], Voice], least: float) -> None:
    """Raises ApiError when consent and sample do not sound like one person."""
    import torch

    vectors = [v.tensors[EMBEDDING].float().flatten() for v in (voice, other())]
    alike = float(torch.nn.functional.cosine_similarity(vectors[0], vectors[1], dim=0))
    if alike < least:
        message = "The consent and the sample do not sound like the same person."
        raise invalid("consent_voice_mismatch", message, "consent")
