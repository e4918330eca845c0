"""Speak with sherpa-onnx, which runs on phones and small boards too.

vivavoce models export kathleen --as sherpa --words book.txt -o kathleen-sherpa
python examples/speak_with_sherpa.py kathleen-sherpa "Good evening." hello.wav
"""

import sys
import wave
from pathlib import Path

import numpy as np
import sherpa_onnx


def main(folder: str, text: str, path: str) -> None:
    files = {kind: str(Path(folder, name)) for kind, name in (
        ("model", "model.onnx"), ("lexicon", "lexicon.txt"), ("tokens", "tokens.txt")
    )}  # fmt: skip
    vits = sherpa_onnx.OfflineTtsVitsModelConfig(**files, noise_scale=0.2)
    model = sherpa_onnx.OfflineTtsModelConfig(vits=vits, num_threads=1)
    how = sherpa_onnx.GenerationConfig()
    how.silence_scale = 1.0  # by default it shortens pauses to a fifth
    config = sherpa_onnx.OfflineTtsConfig(model, max_num_sentences=8)  # parts between marks
    speech = sherpa_onnx.OfflineTts(config).generate(text, how)
    samples = np.clip(speech.samples, -1, 1)
    with wave.open(path, "wb") as out:
        out.setparams((1, 2, speech.sample_rate, 0, "NONE", ""))
        out.writeframes((samples * 32767).astype("<i2").tobytes())
    print(f"{path}: {len(samples) / speech.sample_rate:.2f} s")


if __name__ == "__main__":
    main(*sys.argv[1:4])
