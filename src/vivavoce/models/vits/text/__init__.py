"""Text to symbols, by the rules of whoever trained the voice."""

from vivavoce.models.vits.text.config import PiperText, TextConfig
from vivavoce.models.vits.text.rules import TextRules

__all__ = ["PiperText", "TextConfig", "TextRules"]
