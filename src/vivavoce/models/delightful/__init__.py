"""DelightfulTTS: conformers around predicted prosody, pitch, energy and durations."""
