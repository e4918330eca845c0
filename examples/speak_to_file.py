"""Speak a text with the bundled voice and write it to a file.

python examples/speak_to_file.py "Good evening. It is half past seven." hello.wav
"""

import sys

import vivavoce


def main(text: str = "Good evening. It is half past seven.", path: str = "hello.wav") -> None:
    tts = vivavoce.load()
    speech = tts.speak(text, seed=7)
    speech.save(path)
    print(f"{path}: {speech.duration_s:.2f} s at {speech.sample_rate} Hz, seed {speech.seed}")
    for warning in speech.warnings:
        print(f"warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
