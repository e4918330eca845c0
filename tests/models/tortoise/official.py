"""A toy of Tortoise's release: its files under their names, random numbers, and an end."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tests.models.xtts.vocabulary import vocabulary

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

MANIFEST = Path(__file__).parents[2] / "data" / "manifests" / "tortoise_v2.json"
CODES = 24
"""How many codes every text becomes, about a second of speech."""
SIZES = {1024: 64, 2048: 128, 3072: 192, 4096: 256, 6144: 384, 8194: 302, 8193: 301, 8192: 300}
"""Of the release, and of the toy; the ranking network's and the vocoder's are others."""
OTHERS = {
    "clvp2": {768: 64, 1536: 128, 3072: 256, 8192: 300},
    "vocoder": {32: 4, 24_576: 384, 256: 32},
}


def full() -> dict[str, dict[str, Tensor]]:
    """Every tensor of every file, on the meta device."""
    files = json.loads(MANIFEST.read_text())
    return {
        file: {name: torch.empty(shape, device="meta") for name, shape in keys.items()}
        for file, keys in files.items()
    }


def tiny() -> dict[str, dict[str, Tensor]]:
    """One layer of each kind, 64 wide; the stop code is the likeliest after some codes."""
    generator = torch.Generator().manual_seed(3)
    found: dict[str, dict[str, Tensor]] = {}
    for file, keys in full().items():
        kept = {name: t for name, t in keys.items() if _is_kept(file, name)}
        sizes = OTHERS.get(file, SIZES)
        found[file] = {
            name: _numbers(name, [sizes.get(n, n) for n in t.shape], generator)
            for name, t in kept.items()
        }
    state = found["autoregressive"]
    rows = 1 + max(json.loads(vocabulary())["model"]["vocab"].values())
    for name in ("text_embedding.weight", "text_head.weight"):
        state[name] = 0.1 * torch.randn(rows + 1, 64, generator=generator)
    state["text_head.bias"] = torch.zeros(rows + 1)
    found["clvp2"]["text_emb.weight"] = torch.randn(rows + 1, 64, generator=generator)
    end = torch.ones(64)
    end[::2] = -1.0
    state["mel_pos_embedding.emb.weight"][CODES:] += 10 * end
    state["mel_head.weight"][-1] = end
    state["mel_head.bias"][-1] = -20.0
    return found


def write(folder: Path) -> Path:
    """The release as a folder; its tokenizer too, which lies elsewhere."""
    (folder / ".models").mkdir(parents=True)
    (folder / "data").mkdir()
    for file, state in tiny().items():
        value = {"model_g": state, "epoch": 1} if file == "vocoder" else state
        torch.save(value, folder / ".models" / f"{file}.pth")
    torch.save({"unused": torch.zeros(1)}, folder / ".models" / "cvvp.pth")
    torch.save(torch.ones(80), folder / "data" / "mel_norms.pth")
    (folder / ".models" / "tokenizer.json").write_text(vocabulary(), encoding="utf-8")
    return folder


@cache
def tiny_tortoise() -> TTS:
    """A whole engine on the CPU."""
    from tempfile import TemporaryDirectory

    from vivavoce.speech.engine import TTS
    from vivavoce.speech.load import load

    with TemporaryDirectory() as folder:
        whole = load(write(Path(folder) / "tortoise"), device="cpu")
    defaults = {"candidates": 2, "steps": 2}
    return TTS("tortoise", whole.model, whole.vocoder, whole.selection, defaults)


def _is_kept(file: str, name: str) -> bool:
    """One layer of each kind."""
    numbers = [int(part) for part in name.split(".") if part.isdecimal()]
    if file == "autoregressive":
        return not name.startswith(("gpt.h", "conditioning_encoder.attn")) or numbers[0] == 0
    return file != "clvp2" or "layers" not in name or "attn_layers.rotary" in name or numbers[0] < 2


def _numbers(name: str, shape: list[int], generator: torch.Generator) -> Tensor:
    value = torch.randn(shape, generator=generator)
    near_one = len(shape) == 1 and name.endswith(("weight", ".g"))
    return 1 + 0.05 * value if near_one else 0.1 * value
