"""MelGAN: the first, the fullband and the multi-band generator."""
