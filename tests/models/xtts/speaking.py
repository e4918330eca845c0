"""A toy checkpoint in the official layout that can be spoken with: 17 languages, and an end."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tests.models.xtts import official
from tests.models.xtts.official import Official
from tests.models.xtts.vocabulary import vocabulary
from vivavoce.text.multilingual import LANGUAGES

if TYPE_CHECKING:
    from vivavoce.speech.engine import TTS

CODES = 24
"""How many codes every text becomes, about a second of speech."""


def write_speaking(folder: Path, n_codes: int = CODES) -> Path:
    """The files of a release. The stop code is the likeliest from a position on, never before."""
    text = vocabulary()
    ids = json.loads(text)["model"]["vocab"]
    sizes = replace(official.TINY, tokens=1 + max(ids.values()), max_text=402, max_codes=605)
    official.write_official(folder, sizes)
    torch.save({"model": _with_an_end(sizes, n_codes)}, folder / "model.pth")
    (folder / "vocab.json").write_text(text, encoding="utf-8")
    settings = official.config(sizes) | {"languages": list(LANGUAGES)}
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


@cache
def tiny_xtts() -> TTS:
    """A whole engine on the CPU."""
    from tempfile import TemporaryDirectory

    from vivavoce.speech.load import load

    with TemporaryDirectory() as folder:
        return load(write_speaking(Path(folder) / "XTTS-v2"), device="cpu")


def _with_an_end(sizes: Official, n_codes: int) -> dict[str, torch.Tensor]:
    state = official.tensors(sizes)
    end = torch.ones(sizes.width)
    end[::2] = -1.0
    stop = sizes.codes - 1
    state["gpt.mel_pos_embedding.emb.weight"][n_codes:] += 10 * end
    state["gpt.mel_head.weight"][stop] = end
    state["gpt.mel_head.bias"][stop] = -20.0
    last = state["hifigan_decoder.waveform_decoder.conv_post.weight"]
    last -= last.mean(-1, keepdim=True)  # no constant offset
    return state
