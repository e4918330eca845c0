"""Train the English letter-to-sound model that `vivavoce.text.letters` runs. Torch, one CPU thread.

Reads a pronouncing dictionary in CMUdict's format (`word PH ON E1`) and, if given, a ranking of
words (one per line, the most frequent first); neither becomes part of the package. The network is
a stack of residual convolutions; every letter emits two slots and connectionist temporal
classification (Graves et al. 2006) finds the alignment. A random 2 % of the words is held out.

    python recipes/english_letters.py cmudict.dict english_letters.safetensors --ranking words.txt
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import ctc_loss, gelu

from vivavoce.text import letters

WIDTH, LAYERS, KERNEL, SLOTS = 192, 6, 5, 2
BATCH, RATE, WARMUP, BUCKET = 128, 2e-3, 200, 50
Dictionary = dict[str, list[str]]


def read_dictionary(path: Path) -> Dictionary:
    """First pronunciations of the plain words that fit into two phones per letter."""
    found: Dictionary = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, *phones = line.split("#")[0].split() or [""]
        if re.fullmatch("[a-z]+", word) and 0 < len(phones) <= SLOTS * len(word):
            found.setdefault(word, phones)
    return found


class Letters(nn.Module):
    """`[B, L]` letters (a = 1, padding 0) -> `[B, 2 L, symbols]` log-probabilities."""

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(27, WIDTH, padding_idx=0)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS + 1))
        convolution = (nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2) for _ in range(LAYERS))
        self.convolutions = nn.ModuleList(convolution)
        self.dropout = nn.Dropout(0.05)
        self.output = nn.Linear(WIDTH, SLOTS * symbols)

    def forward(self, letters: Tensor) -> Tensor:
        mask = (letters > 0).unsqueeze(-1)
        hidden = self.embedding(letters)
        for norm, convolution in zip(self.norms, self.convolutions, strict=False):
            update = convolution((norm(hidden) * mask).transpose(1, 2)).transpose(1, 2)
            hidden = hidden + self.dropout(gelu(update, approximate="tanh"))
        slots = self.output(self.norms[-1](hidden))
        return slots.float().unflatten(-1, (SLOTS, -1)).flatten(1, 2).log_softmax(-1)


def tensor_of(words: list[str]) -> Tensor:
    letters = [torch.tensor([ord(letter) - 96 for letter in word]) for word in words]
    return nn.utils.rnn.pad_sequence(letters, batch_first=True)


def epochs(words: list[str], ranks: dict[str, int]) -> Iterator[list[str]]:
    """Batches of similar length without end: frequent words twice, unranked ones every other time.

    Without a ranking all words come once.
    """
    while True:
        copies = [2 if ranks.get(w, 10**9) < 20000 else 1 for w in words]
        if ranks:
            copies = [
                n if w in ranks else random.randint(0, 1)
                for n, w in zip(copies, words, strict=True)
            ]
        pool = [w for n, w in zip(copies, words, strict=True) for _ in range(n)]
        random.shuffle(pool)
        for start in range(0, len(pool), BATCH * BUCKET):
            bucket = sorted(pool[start : start + BATCH * BUCKET], key=len)
            batches = [bucket[i : i + BATCH] for i in range(0, len(bucket), BATCH)]
            yield from random.sample(batches, len(batches))


def decode(model: Letters, words: list[str], symbols: list[str]) -> list[list[str]]:
    """As `vivavoce.text.letters` does."""
    vowels = letters.Vowels.of(symbols)
    pairs = zip(words, model(tensor_of(words)).numpy(), strict=True)
    phones = [letters.decode(slots[: SLOTS * len(word)], vowels) for word, slots in pairs]
    return [[symbols[phone] for phone in word] for word in phones]


def distance(one: list[str], two: list[str]) -> int:
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        fresh = [i]
        for j, b in enumerate(two, 1):
            fresh.append(min(fresh[-1] + 1, row[j] + 1, row[j - 1] + (a != b)))
        row = fresh
    return row[-1]


@torch.no_grad()
def score(model: Letters, words: list[str], known: Dictionary, symbols: list[str]) -> str:
    """Phone error rate and share of whole words right, with stress and without."""
    model.eval()
    found = [
        p for i in range(0, len(words), 500) for p in decode(model, words[i : i + 500], symbols)
    ]
    model.train()
    report = []
    for name, strip in (("with stress", ""), ("without", "012")):
        pairs = [
            (
                [p.rstrip(strip) if strip else p for p in a],
                [p.rstrip(strip) if strip else p for p in known[w]],
            )
            for a, w in zip(found, words, strict=True)
        ]
        errors = sum(distance(a, b) for a, b in pairs) / sum(len(b) for _, b in pairs)
        right = sum(a == b for a, b in pairs) / len(pairs)
        report.append(f"{name}: phones wrong {errors:.2%}, words right {right:.2%}")
    return "; ".join(report)


def train(
    model: Letters,
    words: list[str],
    known: Dictionary,
    ranks: dict[str, int],
    symbols: list[str],
    minutes: float,
) -> None:
    numbers = {symbol: i for i, symbol in enumerate(symbols)}
    optimiser = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.01)
    began, done = time.monotonic(), 0.0
    for step, batch in enumerate(epochs(words, ranks)):
        done = (time.monotonic() - began) / (60 * minutes)
        if done >= 1:
            break
        optimiser.param_groups[0]["lr"] = RATE * min(1, (step + 1) / WARMUP) * (1 - done)
        with torch.autocast("cpu", torch.bfloat16):
            predicted = model(tensor_of(batch))
        targets = torch.tensor([numbers[phone] for word in batch for phone in known[word]])
        lengths = torch.tensor([[SLOTS * len(word), len(known[word])] for word in batch])
        loss = ctc_loss(predicted.transpose(0, 1), targets, *lengths.T, zero_infinity=True)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 1000 == 0:
            print(f"{done:.0%} step {step} loss {loss.item():.3f}", flush=True)


def export(model: Letters, symbols: list[str], path: Path) -> None:
    """float16; convolutions as `[kernel * in, out]` matrices, as the numpy side multiplies them."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        if tensor.ndim == 3:
            tensor = tensor.permute(2, 1, 0).flatten(0, 1)
        elif name == "output.weight":
            tensor = tensor.T
        tensors[name] = tensor.half().contiguous()
    save_file(tensors, path, metadata={"symbols": " ".join(symbols)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--ranking", type=Path)
    parser.add_argument("--minutes", type=float, default=15.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    random.seed(1)
    known = read_dictionary(options.dictionary)
    ranking = options.ranking.read_text(encoding="utf-8").split() if options.ranking else []
    ranks = {word: i for i, word in enumerate(ranking)}
    symbols = ["-", *sorted({phone for phones in known.values() for phone in phones})]
    words = sorted(known)
    random.Random(0).shuffle(words)
    unseen, seen = words[: len(words) // 50], words[len(words) // 50 :]
    model = Letters(len(symbols))
    train(model, seen, known, ranks, symbols, options.minutes)
    export(model, symbols, options.output)
    print(f"{len(unseen)} unseen words: {score(model, unseen, known, symbols)}")
    if common := [word for word in unseen if ranks.get(word, 10**9) < 100000]:
        print(f"{len(common)} of them common: {score(model, common, known, symbols)}")


if __name__ == "__main__":
    main()
