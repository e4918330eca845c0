"""A Piper voice, symbols to samples, beside onnxruntime with the same file.

    python -m benchmarks.vits VOICE.onnx [--seconds 7] [--threads 2] [--repeats 15] [--json]
    python -m benchmarks.vits VOICE --utterances 1000

Both run in this process, in turns, without noise. The first audio of ours is what a stream's first
piece takes; onnxruntime has none before all of it is there. With `--utterances` an imported voice
speaks as many different texts of 2 to 40 words, every second one as a stream, and the memory that
the process holds is printed.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from statistics import median

import numpy as np
import torch

import vivavoce
from vivavoce.hub import build, library, paths
from vivavoce.models.base import Sentence
from vivavoce.models.vits.config import VitsOptions
from vivavoce.nn.noise import Noise
from vivavoce.runtime.memory import memory
from vivavoce.types import Tokens
from vivavoce.vocoders.base import decode_windowed, stream_windows

PAUSE_S = 0.02
SENTENCE = "ðə kwˈɪk bɹˈaʊn fˈɑːks dʒˈʌmps ˌoʊvɚ ðə lˈeɪzi dˈɑːɡ, "
QUIET = VitsOptions(noise_scale=0.0, duration_noise=0.0)


def ours(file: Path) -> tuple[Callable[[list[int]], np.ndarray], Callable[[list[int]], np.ndarray]]:
    """All samples, and the first of a stream."""
    acoustic, decoder = build.split(library.open_model(str(file)))
    assert decoder is not None
    model = build.acoustic(acoustic).freeze()
    vocoder = build.vocoder(decoder).freeze(paths.folder())

    def parts(ids: list[int]) -> Iterator[torch.Tensor]:
        tokens = Tokens(tuple(ids), (0,) * len(ids))
        sentence = Sentence(tokens, model.voice(), QUIET)
        return (part.values for part in model.generate([sentence], Noise(0)))

    @torch.inference_mode()
    def whole(ids: list[int]) -> np.ndarray:
        return decode_windowed(vocoder, torch.cat(list(parts(ids)), 2))[0].numpy()

    @torch.inference_mode()
    def first(ids: list[int]) -> np.ndarray:
        return next(stream_windows(vocoder, parts(ids), eager=True))[0].numpy()

    return whole, first


def theirs(file: Path, threads: int) -> Callable[[list[int]], np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(ids: list[int]) -> np.ndarray:
        feeds = {
            "input": np.array([ids]),
            "input_lengths": np.array([len(ids)]),
            "scales": np.array([0.0, 1.0, 0.0], np.float32),
        }
        return session.run(None, feeds)[0].ravel()

    return run


def symbols(file: Path, run: Callable[[list[int]], np.ndarray], seconds: float) -> list[int]:
    """As much of a sentence, again and again, as lasts about `seconds`."""
    table = json.loads(file.with_name(f"{file.name}.json").read_text(encoding="utf-8"))
    ids, rate = table["phoneme_id_map"], table["audio"]["sample_rate"]
    pad = ids["_"][0]
    found = [*ids["^"], pad]
    for phoneme in cycle(SENTENCE):
        found += [*ids[phoneme], pad] if phoneme in ids else []
        if phoneme == " " and len(run([*found, *ids["$"]])) >= seconds * rate:
            return [*found, *ids["$"]]
    return found


def utterances(voice: str, count: int) -> None:
    lines = Path(__file__).with_name("voice_sentences.csv").read_text(encoding="utf-8").splitlines()
    words = [word for line in lines for word in line.split("|")[1].split()]
    rng, tts, seconds = random.Random(1), vivavoce.load(voice, device="cpu"), 0.0
    for number in range(1, count + 1):
        text = " ".join(rng.choices(words, k=rng.choice((2, 3, 5, 8, 12, 20, 40))))
        speak = tts.stream if number % 2 else lambda *a, **k: [tts.speak(*a, **k)]
        pieces = list(speak(text, seed=number, on_problem="warn"))
        seconds += sum(len(piece.samples) for piece in pieces) / tts.sample_rate
        if number % 100 == 0:
            used = (memory().used or 0) / 2**20
            print(f"{number} utterances, {seconds:.0f} s of speech: {used:.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voice", type=Path, help="a file; with --utterances a name")
    parser.add_argument("--seconds", type=float, default=7.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--utterances", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.utterances:
        utterances(str(asked.voice), asked.utterances)
        return
    whole, first = ours(asked.voice)
    sides = {"ours": whole, "first": first, "onnxruntime": theirs(asked.voice, asked.threads)}
    ids = symbols(asked.voice, sides["onnxruntime"], asked.seconds)
    difference = float(np.abs(sides["ours"](ids) - sides["onnxruntime"](ids)).max())
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(asked.repeats):
        for name, run in sides.items():
            time.sleep(PAUSE_S)  # the other side's threads must have gone to sleep
            begin = time.perf_counter()
            run(ids)
            times[name].append(time.perf_counter() - begin)
    found = {name: median(taken) for name, taken in times.items()}
    result = {
        "symbols": len(ids),
        "seconds": {name: round(taken, 4) for name, taken in found.items()},
        "ratio": round(found["ours"] / found["onnxruntime"], 3),
        "first_ratio": round(found["first"] / found["onnxruntime"], 3),
        "difference": difference,
    }
    if asked.json:
        print(json.dumps(result))
        return
    print(f"{len(ids)} symbols, {asked.threads} threads, largest difference {difference:.1e}")
    for name, taken in found.items():
        print(f"  {name:<12} {taken:.3f} s  ({taken / found['onnxruntime']:.2f})")


if __name__ == "__main__":
    main()
