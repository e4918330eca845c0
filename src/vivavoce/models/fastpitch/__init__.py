"""FastPitch, FastSpeech, FastSpeech 2, SpeedySpeech and AlignTTS: one model in several sizes."""
