"""Names of EnCodec's 24 kHz checkpoints, Meta's and Hugging Face's -> ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from vivavoce.audio.specs import ENCODEC_24K
from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import count, fold_weight_norm, renamed
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.vocoders.encodec.config import EncodecConfig

BOOKS = 8
"""Of the checkpoint's 32: those that Bark speaks with."""

# Meta's names as Hugging Face has them.
_META = (
    (r"^decoder\.model\.", "decoder.layers."),
    (r"\.conv(tr)?\.conv(tr)?\.", ".conv."),
    (r"^quantizer\.vq\.layers\.(\d+)\._codebook\.", r"quantizer.layers.\1.codebook."),
)
_PARTS = (("1.conv", "narrow"), ("3.conv", "wide"))
_BOOK = re.compile(r"quantizer\.layers\.(\d+)\.codebook\.embed")
_DROPPED = re.compile(r"encoder\..+|quantizer\..+")  # the books are taken before
_LAYER = re.compile(r"decoder\.layers\.(\d+)\.(.+)")


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are an EnCodec with an LSTM."""
    ours = {renamed(name, _META) for name in names}
    return {"quantizer.layers.0.codebook.embed", "decoder.layers.1.lstm.weight_ih_l0"} <= ours


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The decoder and the first eight codebooks under our names, weight norm folded.

    And the foreign names left out: the encoder, the other codebooks, what counts their use.
    """
    books: dict[int, Tensor] = {}
    kept: dict[str, Tensor] = {}
    dropped: list[str] = []
    for key, tensor in tensors.items():
        name = renamed(key, _META)
        book = _BOOK.fullmatch(name)
        if book and int(book[1]) < BOOKS:
            books[int(book[1])] = tensor
        elif _DROPPED.fullmatch(name):
            dropped.append(key)
        else:
            kept[name] = tensor
    stages = (count(kept, "decoder.layers.") - 4) // 3
    ours = {_name(key, stages): t for key, t in fold_weight_norm(kept).items()}
    if books:
        ours["codebooks"] = torch.stack([books[number] for number in sorted(books)])
    return ours, dropped


def _name(key: str, stages: int) -> str:
    """Layer 0 is the first, 1 the LSTM; every third is a stage's upsampling, the next its block."""
    if not (match := _LAYER.fullmatch(key)):
        return key
    number, rest = int(match[1]), match[2].replace("shortcut.conv.", "shortcut.")
    stage, part = divmod(number - 3, 3)
    if number < 2:
        return rest if number else rest.replace("conv.", "first.")
    if stage == stages:
        return rest.replace("conv.", "last.")
    if not part:
        return f"stages.{stage}.{rest.replace('conv.', 'upsample.')}"
    return f"stages.{stage}.{renamed(rest, ((rf'^block.{a}', b) for a, b in _PARTS))}"


def config_of(tensors: Mapping[str, Tensor]) -> EncodecConfig:
    """The sizes, from tensors under the foreign names. Raises BadCheckpoint."""
    ours, _ = adapt(tensors)
    try:
        books, codes, hidden = ours["codebooks"].shape
        ups = [ours[f"stages.{n}.upsample.weight"] for n in range(count(ours, "stages."))]
        width, rates = ours["last.weight"].shape[1], tuple(up.shape[2] // 2 for up in ups)
    except (KeyError, ValueError) as error:
        raise BadCheckpoint(f"A part of EnCodec is missing: {error}.") from error
    layers = sum(name.startswith("lstm.weight_ih_l") for name in ours)
    return EncodecConfig(books, codes, hidden, width, rates, layers)


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables; the configuration of Hugging Face says nothing that is not there."""
    return {"config": to_dict(config_of(tensors)), "features": to_dict(ENCODEC_24K)}


IMPORTER = Importer(
    recognises=recognises,
    adapt=adapt,
    tables=tables,
    config_needed=False,
    config_from_tensors=config_of,
)
