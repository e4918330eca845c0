"""A session: texts in different voices, with their own seed and speed, side by side in one model.

python examples/several_voices.py MODEL VOICE "Text." [VOICE "Text." ...]
"""

import sys

import numpy as np

import vivavoce
from vivavoce.speech.join import joined
from vivavoce.types import Audio


def main(model: str, *turns: str) -> None:
    tts = vivavoce.load(model)
    session = tts.session(rows=4)  # up to four utterances share a step of the model
    speaking = []  # for every turn a list of its utterances, each a list of pieces
    pieces = {}
    for number, (voice, text) in enumerate(zip(turns[::2], turns[1::2], strict=True)):
        request = tts.request(voice, seed=number, speed=1.1)
        utterances = list(tts.plan(text, request))
        speaking.append([[] for _ in utterances])
        for utterance, spoken in zip(utterances, speaking[-1], strict=True):
            pieces[session.add(utterance, request)] = spoken

    while not session.idle:
        for handle, result in session.step():
            if isinstance(result, vivavoce.VivavoceError):
                raise result
            pieces[handle].append(result)

    for number, turn in enumerate(speaking, 1):
        chunks = joined((piece for spoken in turn for piece in spoken), blend=False)
        samples = np.concatenate([chunk.samples for chunk in chunks])
        vivavoce.write_audio(f"turn-{number}.wav", Audio(samples, tts.sample_rate))


if __name__ == "__main__":
    main(*sys.argv[1:])
