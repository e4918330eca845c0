"""Bark: text to semantic tokens to coarse and fine codes of EnCodec, by three transformers."""
