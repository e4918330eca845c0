"""Parallel acoustic models in the manner of FastPitch: durations and pitch, then the mel."""
