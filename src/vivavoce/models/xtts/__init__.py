"""XTTS: a GPT that says codes of speech in the voice of a recording, in 17 languages."""

from vivavoce.models.xtts import convert, workloads
from vivavoce.models.xtts.model import build
from vivavoce.models.xtts.voice import describe_voice

__all__ = ["build", "convert", "describe_voice", "voices_need_weights", "workloads"]

voices_need_weights = True
