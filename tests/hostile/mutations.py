"""Honest files with seeded damage: flipped, cut, doubled and moved bytes, absurd numbers."""

from __future__ import annotations

import io
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.hostile.case import HostileFile

# Folder, file, loader.
SEEDS = (
    ("glow", "model_file.pth", "weights"),
    ("glow", "scale_stats.npy", "statistics"),
    ("glow", "config.json", "foreign"),
    ("glow", "speaker_ids.json", "foreign"),
    ("f5", "model.safetensors", "weights"),
    ("f5", "vocab.txt", "foreign"),
    ("xtts", "config.json", "foreign"),
    ("xtts", "vocab.json", "foreign"),
    ("xtts", "speakers_xtts.pth", "foreign"),
    ("vocos", "config.yaml", "foreign"),
    ("vocos", "pytorch_model.bin", "weights"),
    ("stored", "tiny/model.toml", "model"),
    ("stored", "tiny/model.safetensors", "model"),
    ("voice", "voice.safetensors", "voice"),
    ("state", "step-00000005/state.json", "state"),
    ("state", "step-00000005/tensors.safetensors", "state"),
    ("recipe", "recipe.toml", "recipe"),
    ("legacy", "old.pth", "weights"),
    ("legacy", "new.pth", "weights"),
    ("legacy", "speakers.pth", "scattered"),
)
NUMBERS = (b"-1", b"0", b"1e308", b"9" * 30, b"10000000", b"null", b'"x"', b"[]", b"{}", b"true")


def cases(count: int, seed: int, honest: Path) -> Iterator[HostileFile]:
    """`count` mutations of every file in turn; the same for the same seed."""
    chance = random.Random(seed)
    contents = {seed: (honest / seed[0] / seed[1]).read_bytes() for seed in SEEDS}
    for n in range(count):
        folder, name, loader = SEEDS[n % len(SEEDS)]
        content = contents[folder, name, loader]
        inner = content.startswith(b"PK") and chance.random() < 0.7
        mutated = _inside(content, chance) if inner else _mutate(content, chance)
        base = "" if loader in ("weights", "statistics", "voice", "recipe", "scattered") else folder
        yield HostileFile(
            f"mutation {n}: {folder}/{name}", name, mutated, loader, "either", {}, base
        )


def _inside(content: bytes, chance: random.Random) -> bytes:
    """A zip whose checksums are right and whose pickle is not."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(stream, "w") as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename.endswith("data.pkl"):
                data = _mutate(data, chance)
            target.writestr(info.filename, data)
    return stream.getvalue()


def _mutate(content: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        content = chance.choice(KINDS)(content, chance)
    return content


def _span(content: bytes, chance: random.Random, longest: int = 64) -> tuple[int, int]:
    # Headers decide more than numbers do: half of the damage is in the first kilobytes.
    end = len(content) if chance.random() < 0.5 else min(len(content), 3000)
    begin = chance.randrange(end + 1)
    return begin, min(len(content), begin + chance.randrange(1, longest))


def _flip(content: bytes, chance: random.Random) -> bytes:
    begin, end = _span(content, chance, 4)
    noise = bytes(byte ^ 1 << chance.randrange(8) for byte in content[begin:end])
    return content[:begin] + noise + content[end:]


def _replace(content: bytes, chance: random.Random) -> bytes:
    begin, end = _span(content, chance, 16)
    fill = chance.choice((b"\0", b"\xff", b"\x80", b"[", b'"', b"\n", b"."))
    return content[:begin] + fill * (end - begin) + content[end:]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: _span(content, chance)[0]]


def _delete(content: bytes, chance: random.Random) -> bytes:
    begin, end = _span(content, chance)
    return content[:begin] + content[end:]


def _double(content: bytes, chance: random.Random) -> bytes:
    begin, end = _span(content, chance)
    return content[:end] + content[begin:end] * chance.choice((1, 2, 200)) + content[end:]


def _move(content: bytes, chance: random.Random) -> bytes:
    begin, end = _span(content, chance)
    place = _span(content, chance)[0]
    return content[:place] + content[begin:end] + content[place:]


def _insert(content: bytes, chance: random.Random) -> bytes:
    begin = _span(content, chance)[0]
    return content[:begin] + chance.randbytes(chance.choice((1, 4, 30))) + content[begin:]


def _number(content: bytes, chance: random.Random) -> bytes:
    """Another value where a number stands in a text."""
    found = list(re.finditer(rb"(?<=[ :,\[=])-?\d[\d.e+-]*", content[:100_000]))
    if not found:
        return _flip(content, chance)
    which = chance.choice(found)
    return content[: which.start()] + chance.choice(NUMBERS) + content[which.end() :]


def _word(content: bytes, chance: random.Random) -> bytes:
    """Something else where a word stands in a text."""
    found = list(re.finditer(rb'"[^"\n]{0,40}"', content[:100_000]))
    if not found:
        return _replace(content, chance)
    which = chance.choice(found)
    return content[: which.start()] + chance.choice(NUMBERS) + content[which.end() :]


KINDS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    *(_flip, _flip, _replace, _cut, _delete, _double, _move, _insert),
    *(_number, _number, _word),
)
