"""Pulses and noise through a learned filter: a source-filter vocoder on Vocos' backbone."""
