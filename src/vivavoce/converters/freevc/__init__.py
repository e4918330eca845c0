"""FreeVC: words by WavLM, a voice by an utterance of it."""
