"""Letter-to-sound model for English words: inference in numpy, one word at a time.

Reads lower-case a to z only; `recipes/english_letters.py` trains the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

ANSWERS = 3  # after so many layers each the stack is told its answer so far

Matrix = NDArray[np.float32]
Symbols = NDArray[np.intp]


@dataclass(frozen=True)
class Vowels:
    """The symbols of vowels with the main stress, and those of vowels without it."""

    stressed: Symbols
    other: Symbols

    @staticmethod
    def of(symbols: Sequence[str]) -> Vowels:
        ends = np.array([symbol[-1] for symbol in symbols])
        return Vowels(np.flatnonzero(ends == "1"), np.flatnonzero((ends == "0") | (ends == "2")))


@dataclass(frozen=True)
class _Layer:
    """A residual convolution; `kernel` is `[width * D, D]`."""

    scale: Matrix
    shift: Matrix
    kernel: Matrix
    bias: Matrix


@dataclass(frozen=True)
class _Model:
    embedding: Matrix
    layers: tuple[_Layer, ...]
    scale: Matrix
    shift: Matrix
    output: Matrix
    bias: Matrix
    told: Matrix  # `[2 * symbols, D]`
    symbols: tuple[str, ...]
    vowels: Vowels


@lru_cache(maxsize=4096)  # a word and its possessive have one stem
def pronounce(word: str) -> tuple[str, ...]:
    """ARPAbet phones with stress for a word of the letters a to z; at least one.

    Every letter emits two slots; the best symbol of each is taken, repetitions are merged and
    blanks removed (greedy decoding of connectionist temporal classification, Graves et al. 2006).
    One vowel has the main stress.
    """
    model = _model()
    hidden = model.embedding[[ord(letter) - 96 for letter in word]]
    for i, layer in enumerate(model.layers):
        if i and i % ANSWERS == 0:
            answer = np.exp(_slots(hidden, model))
            share = answer / answer.sum(1, keepdims=True)
            hidden = hidden + share.reshape(len(word), -1) @ model.told
        around = _windows(_normalise(hidden, layer.scale, layer.shift), layer)
        hidden = hidden + _gelu(around @ layer.kernel + layer.bias)
    slots = _slots(hidden, model)
    if not slots.argmax(1).any():
        slots[:, 0] = -np.inf
        return (model.symbols[int(slots.max(0).argmax())],)
    return tuple(model.symbols[symbol] for symbol in decode(slots, model.vowels))


def _slots(hidden: Matrix, model: _Model) -> Matrix:
    """`[L, D]` -> logits `[2 L, symbols]`, zero at the largest of each slot."""
    slots = _normalise(hidden, model.scale, model.shift) @ model.output + model.bias
    slots = slots.reshape(-1, len(model.symbols))
    return slots - slots.max(1, keepdims=True)


def decode(slots: Matrix, vowels: Vowels) -> Symbols:
    """The phones of slots `[T, symbols]`.

    Slot by slot alone two vowels may take the main stress, or none: the one for which that gains
    most, or costs least, has it.
    """
    best = slots.argmax(1)
    fresh = np.flatnonzero((best != 0) & (best != np.append(0, best[:-1])))
    phones = best[fresh]
    is_vowel = np.isin(phones, np.append(vowels.stressed, vowels.other))
    if is_vowel.any():
        stressed, other = slots[fresh][:, vowels.stressed], slots[fresh][:, vowels.other]
        gain = np.where(is_vowel, stressed.max(1) - other.max(1), -np.inf)
        phones = np.where(is_vowel, vowels.other[other.argmax(1)], phones)
        place = gain.argmax()
        phones[place] = vowels.stressed[stressed[place].argmax()]
    return phones


def _windows(hidden: Matrix, layer: _Layer) -> Matrix:
    """`[L, D]` -> `[L, width * D]`: each position beside its neighbours, zeros past the ends."""
    width = len(layer.kernel) // hidden.shape[1]
    padded = np.pad(hidden, ((width // 2, width // 2), (0, 0)))
    return np.hstack([padded[i : i + len(hidden)] for i in range(width)])


def _normalise(hidden: Matrix, scale: Matrix, shift: Matrix) -> Matrix:
    centred = hidden - hidden.mean(1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5) * scale + shift


def _gelu(x: Matrix) -> Matrix:
    return 0.5 * x * (1 + np.tanh(np.float32(0.7978845608) * (x + 0.044715 * x * x * x)))


@lru_cache(maxsize=1)
def _model() -> _Model:
    file = resources.files("vivavoce.text") / "data" / "english_letters.safetensors"
    with resources.as_file(file) as path, safe_open(path, framework="numpy") as weights:
        symbols = tuple(weights.metadata()["symbols"].split())
        names = weights.keys()
        tensor = {name: weights.get_tensor(name).astype(np.float32) for name in names}
    count = sum(name.startswith("convolutions") for name in tensor) // 2
    layers = tuple(
        _Layer(
            tensor[f"norms.{i}.weight"],
            tensor[f"norms.{i}.bias"],
            tensor[f"convolutions.{i}.weight"],
            tensor[f"convolutions.{i}.bias"],
        )
        for i in range(count)
    )
    return _Model(
        embedding=tensor["embedding.weight"],
        layers=layers,
        scale=tensor[f"norms.{count}.weight"],
        shift=tensor[f"norms.{count}.bias"],
        output=tensor["output.weight"],
        bias=tensor["output.bias"],
        told=tensor["told.weight"],
        symbols=symbols,
        vowels=Vowels.of(symbols),
    )
