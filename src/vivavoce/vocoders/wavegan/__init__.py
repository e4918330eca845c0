"""Parallel WaveGAN: noise through a gated network that the mel conditions."""
