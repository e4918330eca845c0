"""EnCodec's decoder: codes of eight codebooks, 75 frames a second, to 24 kHz."""
