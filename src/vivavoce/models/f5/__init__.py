"""F5-TTS and E2-TTS: flow matching that fills in speech after a reference."""

from vivavoce.models.f5 import convert, workloads
from vivavoce.models.f5.model import build
from vivavoce.models.f5.voice import describe_voice, make_voice

__all__ = ["build", "convert", "describe_voice", "make_voice", "workloads"]
