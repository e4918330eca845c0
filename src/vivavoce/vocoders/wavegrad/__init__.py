"""WaveGrad: noise refined to speech in many steps."""
