"""HiFi-GAN (Kong 2020): features or latents -> waveform through transposed convolutions."""
