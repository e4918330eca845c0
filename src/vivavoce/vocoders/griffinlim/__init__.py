"""Griffin-Lim: samples whose spectrum has given magnitudes, without any weights."""
