"""BigVGAN (Lee 2023): features -> waveform through convolutions and periodic activations."""
