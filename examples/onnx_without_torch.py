"""Speak with an exported voice: onnxruntime and numpy, no torch.

vivavoce models export kathleen --as onnx -o voice.onnx
python examples/onnx_without_torch.py voice.onnx "Good evening." hello.wav
"""

import json
import sys
import wave

import numpy as np
import onnxruntime

from vivavoce.text import arpabet
from vivavoce.text.normalise import normalise


def main(file: str, text: str, path: str, seed: int = 7) -> None:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    if tuple(json.loads(told["symbols"])) != arpabet.SYMBOLS:
        sys.exit(f"{file} does not speak these phonemes")
    ids = arpabet.encode(normalise(text, "en")).ids
    inputs = {"ids": np.array([ids])}
    for name, value in json.loads(told["controls"]).items():
        inputs[name] = np.array([value], np.float32)
    draw = np.random.default_rng(seed)
    for name, noise in json.loads(told["noise_inputs"]).items():
        count = len(ids) if noise["per"] == "tokens" else 60 * len(ids)  # too many do no harm
        inputs[name] = draw.standard_normal((1, noise["channels"], count), np.float32)
    (samples,) = session.run(["samples"], inputs)
    with wave.open(path, "wb") as out:
        out.setparams((1, 2, json.loads(told["sample_rate"]), 0, "NONE", ""))
        out.writeframes((samples[0].clip(-1, 1) * 32767).astype("<i2").tobytes())
    print(f"{path}: {len(samples[0]) / out.getframerate():.2f} s, torch: {'torch' in sys.modules}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
