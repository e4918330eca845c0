"""Speak a text, and write its subtitles: every word has its time.

python examples/subtitles.py "It was cold. He went home." talk.flac talk.srt
"""

import sys
from pathlib import Path

import vivavoce
from vivavoce.speech.subtitles import subtitles


def main(text: str, audio: str, captions: str) -> None:
    speech = vivavoce.load().speak(text)
    speech.save(audio)
    kind = Path(captions).suffix.removeprefix(".")  # srt, vtt or json
    Path(captions).write_text(subtitles(speech.words, kind), encoding="utf-8")
    for word in speech.words:
        print(f"{word.start_s:6.2f} {word.end_s:6.2f}  {word.text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
