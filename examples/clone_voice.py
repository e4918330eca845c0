"""Speak in the voice of a recording. The speaker must have agreed to this.

python examples/clone_voice.py ref.wav "The words in it." "New words." out.wav --model f5-v1
"""

import argparse

import vivavoce


def main() -> None:
    parser = argparse.ArgumentParser(description="Speak in the voice of a recording.")
    parser.add_argument("recording", help="three to twelve seconds of one person")
    parser.add_argument("transcript", help="the words of the recording")
    parser.add_argument("text", help="the words to speak")
    parser.add_argument("output", help="audio file to write")
    parser.add_argument("--model", default="f5-v1", help="a model that clones")
    parser.add_argument("--keep", help="also save the voice as this .safetensors file")
    given = parser.parse_args()

    tts = vivavoce.load(given.model)
    voice = tts.voice(given.recording, given.transcript)
    if given.keep:
        vivavoce.save_voice(given.keep, voice)
    tts.speak(given.text, voice, seed=7).save(given.output)


if __name__ == "__main__":
    main()
