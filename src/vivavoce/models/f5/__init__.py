"""F5-TTS and E2-TTS: flow matching that fills in speech after a reference."""
