"""VITS (Kim et al. 2021): text -> latents, which a HiFi-GAN stored beside them makes speech of."""
