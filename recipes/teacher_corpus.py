"""Make the corpus of the bundled voice again: a permissive teacher reads our own phonemes.

The teacher is hibari-tts (Apache-2.0), whose graph tells its durations and its pitch. It speaks
about fifty times faster than real time on one core. One line of OUT/manifest.jsonl per clip holds
what `vivavoce train` needs: audio, periodic (the part of the sound that its pulses made), text,
tokens, durations_s, pitch_hz.

    pip install hibari-tts onnx scipy
    python recipes/teacher_corpus.py sentences.txt OUT [--shard 0/2]

Sentences may come from any text, one a line; the bundled voice was trained on 11,542 of Standard
Ebooks (CC0) and 4,000 of `recipes/spoken_sentences.py`. A run that stops goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import random
import wave
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from hibari import Hibari, dsp

from vivavoce.errors import TextError
from vivavoce.text import arpabet
from vivavoce.text.normalise import normalise

RATE, UNIT_S = 24000, 0.025  # the teacher counts durations in units of 600 samples
DURATIONS = "/Round_output_0"
START_UNITS, END_UNITS = 4, 8  # of the silence before and behind, so much is kept
LONGEST_SYMBOLS = 400

_ARPABET = "AA AE AO AW AY B CH D DH EH EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W"
_ARPABET += " Y Z ZH"
_TEACHER = "ɑ æ ɔ W I b ʧ d ð ɛ A f ɡ h ɪ i ʤ k l m n ŋ O Y p ɹ s ʃ t θ ʊ u v w j z ʒ"
PHONES = dict(zip(_ARPABET.split(), _TEACHER.split(), strict=True))
REDUCED = {"AH": ("ə", "ʌ"), "ER": ("əɹ", "ɜɹ")}  # without and with stress
STRESS = {"0": "", "1": "ˈ", "2": "ˌ"}


@dataclass(frozen=True)
class Spoken:
    """A clip: samples `[S]`, those of the pulses, units of time per token, Hz at 80 a second."""

    samples: np.ndarray
    periodic: np.ndarray
    units: list[int]
    pitch: np.ndarray


def symbols(token: str) -> str:
    """One token of ours in the teacher's alphabet: none, one or several symbols."""
    phone, stress = (token[:-1], token[-1]) if token[-1].isdigit() else (token, "")
    if phone in REDUCED:
        return STRESS[stress] + REDUCED[phone][stress != "0"]
    if phone in PHONES:
        return STRESS.get(stress, "") + PHONES[phone]
    return {arpabet.START: "", arpabet.END: "", "-": " — "}.get(token, token)


def spelt(ids: tuple[int, ...]) -> list[str]:
    """What the teacher reads for each token; a mark inside a sentence takes a space with it."""
    found = [symbols(arpabet.SYMBOLS[i]) for i in ids]
    last = len(found) - 2
    return [s + " " if s in arpabet.MARKS and i < last else s for i, s in enumerate(found)]


class Teacher:
    """hibari with the durations of its symbols as one output more."""

    def __init__(self) -> None:
        self.tts = Hibari(threads=1)
        model = onnx.load(self.tts.model_path)
        self.outputs = [o.name for o in model.graph.output] + [DURATIONS]
        model.graph.output.append(onnx.ValueInfoProto(name=DURATIONS))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def reads(self, spelling: list[str]) -> bool:
        text = "".join(spelling)
        return len(text) <= LONGEST_SYMBOLS and all(c in self.tts.vocab for c in text)

    def speak(self, spelling: list[str], seed: int) -> Spoken:
        """Raises ValueError where durations and sound do not agree."""
        ids = [0, *(self.tts.vocab[c] for c in "".join(spelling)), 0]
        feeds = {"ids": np.array([ids]), "speed": np.ones(1, np.float32)}
        found = self.session.run(self.outputs, feeds)
        pitch = found[5][0]
        durations = found[6].reshape(-1).round().astype(int)
        level, angle, noise, free, phases, curve = (part[0] for part in found[:6])
        silent = np.full_like(noise, -np.inf)
        draws = np.random.default_rng(seed)
        samples = dsp.synth(level, angle, noise, free, phases, curve, draws)
        periodic = dsp.synth(level, angle, silent, silent, phases, curve, draws)
        if len(samples) != durations.sum() * round(UNIT_S * RATE):
            raise ValueError("durations and sound differ")
        counts = np.cumsum([1, *(len(s) for s in spelling)])
        units = [int(durations[a:b].sum()) for a, b in pairwise(counts)]
        spoken = Spoken(samples, periodic, units, pitch)
        return trimmed(spoken, int(durations[0]), int(durations[-1]))


def trimmed(spoken: Spoken, start: int, end: int) -> Spoken:
    """With `start` and `end` units of silence shortened, and given to the first and last token."""
    cut, cut_end = max(0, start - START_UNITS), max(0, end - END_UNITS)
    units = spoken.units
    units[0] += start - cut
    units[-1] += end - cut_end
    first, last = cut, cut + sum(units)
    step, values = round(UNIT_S * RATE), round(UNIT_S * 80)
    return Spoken(
        spoken.samples[first * step : last * step],
        spoken.periodic[first * step : last * step],
        units,
        spoken.pitch[first * values : last * values],
    )


def row(name: str, text: str, tokens: tuple[int, ...], spoken: Spoken) -> dict[str, Any]:
    return {
        "id": name,
        "audio": f"wavs/{name}.wav",
        "periodic": f"wavs/{name}.periodic.wav",
        "text": text,
        "tokens": list(tokens),
        "durations_s": [round(n * UNIT_S, 3) for n in spoken.units],
        "pitch_hz": [round(float(value), 4) for value in spoken.pitch],
    }


def write_wave(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as stream:
        stream.setparams((1, 2, RATE, 0, "NONE", ""))
        stream.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sentences", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shard", default="0/1", help="this part of so many, made side by side")
    options = parser.parse_args()
    shard, shards = map(int, options.shard.split("/"))
    lines = options.sentences.read_text(encoding="utf-8").splitlines()
    numbered = list(enumerate(lines))
    random.Random(5).shuffle(numbered)
    (options.out / "wavs").mkdir(parents=True, exist_ok=True)
    manifest = options.out / f"manifest.{shard}.jsonl"
    done = (
        {json.loads(r)["id"] for r in manifest.open(encoding="utf-8")} if manifest.exists() else ()
    )
    teacher, left_out = Teacher(), 0
    with manifest.open("a", encoding="utf-8") as stream:
        for number, text in numbered[shard::shards]:
            name = f"s{number:06d}"
            if name in done:
                continue
            try:
                tokens = arpabet.encode(normalise(text))
            except TextError:
                tokens = None
            if not tokens or tokens.unknown or not teacher.reads(spelt(tokens.ids)):
                left_out += 1
                continue
            spoken = teacher.speak(spelt(tokens.ids), number)
            write_wave(options.out / "wavs" / f"{name}.wav", spoken.samples)
            write_wave(options.out / "wavs" / f"{name}.periodic.wav", spoken.periodic)
            stream.write(json.dumps(row(name, text, tokens.ids, spoken), ensure_ascii=False) + "\n")
    print(f"{manifest}: {left_out} sentences were left out")


if __name__ == "__main__":
    main()
