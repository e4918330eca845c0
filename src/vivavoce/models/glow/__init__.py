"""Glow-TTS (Kim et al. 2020) as Coqui trained it: text -> mel through an invertible flow."""

from vivavoce.models.glow import convert, workloads
from vivavoce.models.glow.config import GlowConfig, GlowOptions
from vivavoce.models.glow.model import GlowTTS, build

__all__ = ["GlowConfig", "GlowOptions", "GlowTTS", "build", "convert", "workloads"]
