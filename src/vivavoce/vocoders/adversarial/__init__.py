"""One adversarial training for every vocoder; a family adds its generator and its defaults."""
