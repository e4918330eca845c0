"""Glow-TTS (Kim et al. 2020) as Coqui trained it: text -> mel through an invertible flow."""
