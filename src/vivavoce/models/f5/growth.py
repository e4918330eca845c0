"""New rows for the text embedding, when a vocabulary grows."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from vivavoce.errors import ConfigError

EMBEDDING = "backbone.text.embedding.weight"
NOISE = 0.1
"""Standard deviation of a row that nothing is known of, as a part of the table's own."""


def grown(
    tensors: Mapping[str, Tensor], old: Sequence[str], new: Sequence[str]
) -> dict[str, Tensor]:
    """The tensors with a row for every token that `new` has behind those of `old`.

    A letter with an accent, or in the other case, begins as the letter that it is made of; what is
    related to no token as the mean of all rows and a little noise. The first row, the filler,
    stays. Raises ConfigError where `new` does not begin with `old`.
    """
    own = dict(tensors)
    if list(new[: len(old)]) != list(old):
        raise ConfigError(
            "text.vocabulary does not begin with the vocabulary of start.model.",
            "Leave text.vocabulary out, and set start.vocabulary = 'extend' for new characters.",
        )
    if len(new) == len(old):
        return own
    table = tensors[EMBEDDING].float()
    places = {token: i + 1 for i, token in enumerate(old)}
    generator = torch.Generator().manual_seed(0)
    rows = [_row(table, places, token, generator) for token in new[len(old) :]]
    own[EMBEDDING] = torch.cat([table, torch.stack(rows)])
    return own


def _row(
    table: Tensor, places: Mapping[str, int], token: str, generator: torch.Generator
) -> Tensor:
    found = [places[one] for one in _related(token) if one in places]
    if found:
        return table[found].mean(0)
    known = table[1:]
    noise = torch.randn(table.shape[1], generator=generator)
    return known.mean(0) + NOISE * known.std() * noise


def _related(token: str) -> tuple[str, ...]:
    """What a token is made of: its letters without marks, else itself in the other case."""
    letters = unicodedata.normalize("NFKD", token)
    bare = "".join(c for c in letters if not unicodedata.combining(c))
    made_of = tuple(dict.fromkeys(bare)) if bare != token else ()
    return made_of or (token.lower(), token.upper())
