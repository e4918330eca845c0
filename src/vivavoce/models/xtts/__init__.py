"""XTTS: a GPT that says codes of speech in the voice of a recording, in 17 languages."""
