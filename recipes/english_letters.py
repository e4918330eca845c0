"""Train the English letter-to-sound model that `vivavoce.text.letters` runs. Torch, one CPU thread.

Reads a pronouncing dictionary in CMUdict's format (`word PH ON E1`) and, if given, a ranking of
words (one per line, the most frequent first); neither becomes part of the package. The network is
a stack of residual convolutions; every letter emits two slots and connectionist temporal
classification (Graves et al. 2006) finds the alignment. After every third layer the stack is told
what it would answer there, so that its slots agree with each other, and its answers there count
half of the loss (self-conditioning, Nozaki and Komatsu 2021). The weights are averaged over the
last steps. A random 2 % of the words is held out.

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
from torch.nn.functional import ctc_loss, gelu, pad
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from vivavoce.text import letters as reader

WIDTH, LAYERS, KERNEL, SLOTS = 224, 9, 5, 2
BATCH, RATE, WARMUP, BUCKET, DROPOUT, DECAY = 256, 2e-3, 500, 50, 0.15, 0.999
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
    """`[B, L]` letters (a = 1, 0 is padding) -> log-probabilities `[B, 2 L, symbols]` of all."""

    def __init__(self, symbols: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(27, WIDTH, padding_idx=0)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS + 1))
        self.convolutions = nn.ModuleList(nn.Linear(KERNEL * WIDTH, WIDTH) for _ in range(LAYERS))
        self.dropout = nn.Dropout1d(DROPOUT)
        self.output = nn.Linear(WIDTH, SLOTS * symbols)
        self.told = nn.Linear(SLOTS * symbols, WIDTH, bias=False)

    def dropped(self, update: Tensor) -> Tensor:
        """The same channels for all letters of a word."""
        return self.dropout(update.transpose(1, 2)).transpose(1, 2)

    def forward(self, letters: Tensor) -> list[Tensor]:
        mask = (letters > 0).unsqueeze(-1)
        hidden, answers = self.embedding(letters), []
        for i, convolution in enumerate(self.convolutions, 1):
            fresh = self.norms[i - 1](hidden) * mask
            fresh = fresh.bfloat16() if self.training else fresh
            padded = pad(fresh, (0, 0, KERNEL // 2, KERNEL // 2))
            length = letters.shape[1]
            windows = torch.cat([padded[:, k : k + length] for k in range(KERNEL)], -1)
            hidden = hidden + self.dropped(gelu(convolution(windows), approximate="tanh"))
            if i % reader.ANSWERS == 0:
                slots = self.output(self.norms[-1](hidden)).float().unflatten(-1, (SLOTS, -1))
                answers.append(slots.log_softmax(-1))
                if i < LAYERS:
                    hidden = hidden + self.told(answers[-1].exp().flatten(2))
        return [answer.flatten(1, 2) for answer in answers]


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
    vowels = reader.Vowels.of(symbols)
    pairs = zip(words, model(tensor_of(words))[-1].numpy(), strict=True)
    phones = [reader.decode(slots[: SLOTS * len(word)], vowels) for word, slots in pairs]
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
) -> Letters:
    """The average of the trained weights."""
    numbers = {symbol: i for i, symbol in enumerate(symbols)}
    optimiser = torch.optim.AdamW(model.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.01)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(DECAY))
    began, done = time.process_time(), 0.0
    for step, batch in enumerate(epochs(words, ranks)):
        done = (time.process_time() - began) / (60 * minutes)
        if done >= 1:
            break
        optimiser.param_groups[0]["lr"] = RATE * min(1, (step + 1) / WARMUP) * (1 - done)
        with torch.autocast("cpu", torch.bfloat16):
            answers = model(tensor_of(batch))
        targets = torch.tensor([numbers[phone] for word in batch for phone in known[word]])
        lengths = torch.tensor([[SLOTS * len(word), len(known[word])] for word in batch])
        weights = [0.5 / (len(answers) - 1)] * (len(answers) - 1) + [0.5]
        loss = torch.zeros(())
        for weight, answer in zip(weights, answers, strict=True):
            answer = answer.transpose(0, 1)
            loss = loss + weight * ctc_loss(answer, targets, *lengths.T, zero_infinity=True)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.update_parameters(model)
        if step % 1000 == 0:
            print(f"{done:.0%} step {step} loss {loss.item():.3f}", flush=True)
    return average.module


def export(model: Letters, symbols: list[str], path: Path) -> None:
    """float16; matrices as `[in, out]`, as the numpy side multiplies them."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        is_matrix = tensor.ndim == 2 and name != "embedding.weight"
        tensors[name] = (tensor.T if is_matrix else tensor).half().contiguous()
    save_file(tensors, path, metadata={"symbols": " ".join(symbols)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--ranking", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0, help="of processor time")
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
    model = train(Letters(len(symbols)), seen, known, ranks, symbols, options.minutes)
    export(model, symbols, options.output)
    print(f"{len(unseen)} unseen words: {score(model, unseen, known, symbols)}")
    if common := [word for word in unseen if ranks.get(word, 10**9) < 100000]:
        print(f"{len(common)} of them common: {score(model, common, known, symbols)}")


if __name__ == "__main__":
    main()
