"""Our side of benchmarks/xtts.py: one loaded model per precision, asked as the peer's worker is.

    python benchmarks/xtts_ours.py FOLDER PRECISION CODES THREADS

loads, speaks the sentence once, and prints the bytes that this process held at its fullest.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from torch import Tensor

import vivavoce
from benchmarks import xtts_peer
from benchmarks.xtts_checkpoint import SPEAKER, Sizes
from benchmarks.xtts_rows import Seen
from benchmarks.xtts_vocabulary import SENTENCE, SENTENCES
from vivavoce.models.base import Sentence
from vivavoce.models.xtts import voice as voices
from vivavoce.models.xtts.config import XttsOptions
from vivavoce.nn.gpt_decode import CodeSequence, GptDecoder
from vivavoce.nn.noise import Noise
from vivavoce.types import Audio
from vivavoce.vocoders.base import decode_windowed

LANGUAGE = "en"
Answer = dict[str, Any]
SUM_BYTES = 1 << 30
"""Far more than any cache holds."""


def memory_of(folder: Path, precision: str, codes: int, threads: int) -> int:
    """Bytes at its fullest of a fresh process that loads and speaks."""
    order = [sys.executable, __file__, str(folder), precision, str(codes), str(threads)]
    answer = subprocess.run(order, check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)["peak"]


def floor(sizes: Sizes) -> dict[str, float]:
    """Bytes of weights that a code reads, per precision, and the memory's speed in bytes a second.

    The speed is that of `torch.sum` over a tensor of 1 GiB with all threads, the best of nine: a
    plain read from end to end, nothing written. Keys and values are not counted (240 KiB a
    position in float32, so at 180 positions 3 % more).
    """
    values = torch.ones(SUM_BYTES // 4)
    seconds = []
    for _ in range(9):
        begin = time.perf_counter()
        values.sum()
        seconds.append(time.perf_counter() - begin)
    products = sizes.depth * 12 * sizes.width**2 + sizes.code_tokens * sizes.width
    sums = sizes.depth * 13 * sizes.width + sizes.code_tokens
    blocks = sizes.depth * 12 * sizes.width**2
    rest = 4 * (products - blocks + sums)  # the head, biases and norms stay in float32
    return {
        "bytes_per_s": SUM_BYTES / min(seconds),
        "float32": 4.0 * blocks + rest,
        "bfloat16": 2.0 * blocks + rest,
        "int8": 1.0 * blocks + rest,
    }


class Ours:
    """Our model in one precision, with the voice that the peer has too.

    The GPT's cache after a voice is kept between calls; unless a task says otherwise it is thrown
    away before, so that every call hears its voice again, as the peer does.
    """

    def __init__(self, folder: Path, precision: str) -> None:
        self.tts = vivavoce.load(folder, device="cpu", precision=precision)
        self.model = self.tts.model
        self.voice = self.model.voice(SPEAKER)
        self.states: Tensor | None = None

    def options(self, codes: int, sample: bool) -> dict[str, Any]:
        greedy = {} if sample else {"temperature": 0.0}
        return {"language": LANGUAGE, "max_codes": codes} | greedy

    def chosen(self, codes: int, sample: bool) -> XttsOptions:
        return XttsOptions(**(dict(self.tts.defaults) | self.options(codes, sample)))

    def start_sequence(
        self, decoding: GptDecoder, text: str, how: XttsOptions, row: int = 0
    ) -> CodeSequence:
        tokens = self.model.tokenise(text, self.voice, how)
        uniform = Noise(0, [row]).uniform(0, how.max_codes)
        (started,) = self.model.start_sequences(
            decoding, [(Sentence(tokens, self.voice, how), uniform)]
        )
        return started.sequence

    @torch.inference_mode()
    def decode(self, text: str, codes: int, sample: bool = False, known: bool = False) -> Answer:
        """Codes one by one; `first` is when the first was there. `known`: the voice was heard."""
        if not known:
            self.model.voice_caches.clear()
        how = self.chosen(codes, sample)
        begin = time.perf_counter()
        decoding = GptDecoder(self.model.gpt, 1)
        sequence = self.start_sequence(decoding, text, how)
        first = time.perf_counter()
        while decoding.sequences:
            decoding.step()
        end = time.perf_counter()
        self.states = sequence.latents()
        return {"seconds": end - begin, "first": first - begin, "codes": sequence.codes}

    @torch.inference_mode()
    def batch(self, texts: list[str], codes: int) -> Answer:
        """All texts in one decoding; `codes` holds one list for each."""
        self.model.voice_caches.clear()
        how = self.chosen(codes, False)
        begin = time.perf_counter()
        decoding = GptDecoder(self.model.gpt, len(texts))
        sequences = [
            self.start_sequence(decoding, text, how, row) for row, text in enumerate(texts)
        ]
        first = time.perf_counter()
        while decoding.sequences:
            decoding.step()
        end = time.perf_counter()
        found = [sequence.codes for sequence in sequences]
        del decoding  # weights are laid out for one row again by whoever comes next
        return {"seconds": end - begin, "first": first - begin, "codes": found}

    @torch.inference_mode()
    def vocode(self, file: Path | None, codes: int) -> Answer:
        """States, of the peer's last decoding or else of ours, to samples."""
        if file is not None:
            states = torch.from_numpy(np.load(file)).transpose(1, 2).contiguous()
        else:
            self.decode(SENTENCE, codes)
            assert self.states is not None
            states = self.states
        condition = self.voice.tensors["embedding"][None, :, None]
        begin = time.perf_counter()
        frames = self.model.stretch(1.0).frames(states)
        found = decode_windowed(self.tts.vocoder, frames, condition=condition)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "samples": found[0].numpy()}

    def speak(self, text: str, codes: int, sample: bool = True) -> Answer:
        self.model.voice_caches.clear()
        begin = time.perf_counter()
        found = self.tts.speak(text, SPEAKER, **self.options(codes, sample))
        return {"seconds": time.perf_counter() - begin, "samples": found.samples}

    def stream(self, text: str, codes: int, known: bool = False) -> Answer:
        """With the configuration's sampling; `first` is when there was something to hear."""
        if not known:
            self.model.voice_caches.clear()
        first, samples, begin = 0.0, 0, time.perf_counter()
        for chunk in self.tts.stream(text, SPEAKER, **self.options(codes, True)):
            samples += len(chunk.samples)
            if not first and samples:
                first = time.perf_counter() - begin
        return {"seconds": time.perf_counter() - begin, "first": first, "samples": samples}

    @torch.inference_mode()
    def condition(self, file: str) -> Answer:
        """A recording (npy, 22,050 Hz) as a voice: whole, then its two halves by themselves."""
        samples = np.load(file)
        begin = time.perf_counter()
        voice = self.model.make_voice(Audio(samples, voices.SAMPLE_RATE))
        whole = time.perf_counter()
        voices._latents(self.model, torch.from_numpy(samples))
        middle = time.perf_counter()
        voices._embedding(self.model, [torch.from_numpy(samples)])
        end = time.perf_counter()
        times = {"seconds": whole - begin, "latents": middle - whole, "embedding": end - middle}
        return times | {"voice": voice}

    @torch.inference_mode()
    def logits(self, text: str, codes: list[int]) -> Tensor:
        """Of each code `[K, V]` after those before it; without the two that are barred."""
        tokens = self.model.tokenise(text, self.voice, self.chosen(len(codes), False))
        latents, ids = self.voice.tensors["latents"][None], torch.tensor(tokens.ids)[None]
        states = self.model.gpt.teacher_forced(latents, ids, torch.tensor(codes)[None])[1]
        return self.model.gpt.code_head(states)[0, :-1, :-2]


def compare(seen: Seen, sides: Mapping[str, Ours], folder: Path) -> None:
    """Notes for the rows: how near the outputs are to the peer's, or to our own float32."""
    plain, last = sides["float32"], seen.last
    if "float32 greedy" in last:
        if "peer greedy" in last:
            same = _agree(last["float32 greedy"]["codes"], last["peer greedy"]["codes"])
            seen.notes["float32 greedy"] = f"{same} codes as the peer's"
        codes = last["float32 greedy"]["codes"]
        exact = plain.logits(SENTENCE, codes)
        for name, side in sides.items():
            if name != "float32" and f"{name} greedy" in last:
                near = side.logits(SENTENCE, codes)
                free = _same_start(last[f"{name} greedy"]["codes"], codes)
                seen.notes[name] = _nearness(near, exact) + f", alone the first {free} codes"
    if "float32 batch" in last:
        found = last["float32 batch"]["codes"]
        alone = [plain.decode(text, seen.codes)["codes"] for text in SENTENCES[:3]]
        same = sum(
            x == y for a, b in zip(found, alone, strict=False) for x, y in zip(a, b, strict=True)
        )
        seen.notes["batch"] = f"{same}/{3 * seen.codes} codes of three as alone"
    _compare_sound(seen, folder)


def _compare_sound(seen: Seen, folder: Path) -> None:
    last = seen.last
    for task in ("vocoder", "speak greedy"):
        theirs = last.get(f"peer {task}")
        if theirs:
            ours = last[f"float32 {task}"]["samples"]
            seen.notes[f"float32 {task}"] = _error(ours, np.load(folder / theirs["file"]))
    for seconds in (6, 30):
        task = f"condition {seconds} s"
        if f"peer {task}" in last:
            voice = last[f"float32 {task}"]["voice"].tensors
            for part in ("latents", "embedding"):
                theirs = np.load(folder / last[f"peer {task}"][part + "_file"])
                seen.notes[f"{part} {seconds}"] = _error(voice[part].numpy(), theirs)


def _agree(ours: list[int], theirs: list[int]) -> str:
    same = sum(a == b for a, b in zip(ours, theirs, strict=False))
    return f"{same}/{max(len(ours), len(theirs))}"


def _same_start(ours: list[int], theirs: list[int]) -> int:
    pairs = enumerate(zip(ours, theirs, strict=True))
    return next((n for n, (a, b) in pairs if a != b), len(ours))


def _nearness(near: Tensor, exact: Tensor) -> str:
    """Errors beside how far the logits spread, and how often the same code is the likeliest."""
    error, spread = near - exact, float(exact.std())
    same = float((near.argmax(-1) == exact.argmax(-1)).float().mean())
    rms = float(error.square().mean().sqrt())
    return (
        f"logits' error {rms / spread:.4f} of their deviation, largest "
        f"{float(error.abs().max()) / spread:.3f}; likeliest code the same {same:.1%}"
    )


def _error(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Behind an utterance we have its pause; that must be zero."""
    behind = ours[len(theirs) :] if ours.ndim == 1 else ours[:0]
    ours = ours[: len(theirs)]
    if ours.shape != theirs.shape or behind.any():
        return f"shapes differ: {ours.shape}, {theirs.shape}"
    return f"largest difference {np.abs(ours - theirs).max():.1e}"


def main() -> None:
    folder, precision, codes, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    tts = vivavoce.load(folder, device="cpu", precision=precision)
    tts.speak(SENTENCE, SPEAKER, language=LANGUAGE, max_codes=int(codes))
    print(json.dumps({"peak": xtts_peer.peak()}))


if __name__ == "__main__":
    main()
