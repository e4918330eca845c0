"""Vocos (Siuzdak 2023): features -> waveform through one inverse Fourier transform."""
