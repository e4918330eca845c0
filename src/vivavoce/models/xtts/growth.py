"""A vocabulary of XTTS that grows for a new language, and the rows of weights that this needs."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tokenizers
import torch
from torch import Tensor

from vivavoce.config import from_dict
from vivavoce.errors import ConfigError
from vivavoce.models.xtts.merges import learned
from vivavoce.models.xtts.model import Xtts
from vivavoce.models.xtts.text import XttsTextConfig, spoken_form

NEW_PARTS = ("gpt.text_embedding.*", "gpt.text_head.*")
ROWS = ("gpt.text_embedding.weight", "gpt.text_head.weight", "gpt.text_head.bias")
WORD = re.compile(r"\w+|[^\w\s]+")
LANGUAGE = re.compile(r"\[[a-z]{2,3}(-[a-z]{2,4})?\]")
SPREAD = 0.1
"""Noise of a row that resembles nothing, in standard deviations of the rows there are."""


@dataclass(frozen=True, kw_only=True)
class XttsRecipeText:
    """A recipe's `text` table: `language` of rows that name none, and `new_tokens`, how many merges
    to learn when the vocabulary is extended; more say a text in fewer steps and need more data.
    """

    vocabulary: str = ""
    language: str = "en"
    new_tokens: int = 0


def text_of(tables: Mapping[str, Any]) -> tuple[XttsTextConfig, str]:
    """The vocabulary, and the language of rows that name none."""
    text = from_dict(XttsRecipeText, dict(tables.get("text", {})), "text")
    return XttsTextConfig(text.vocabulary), text.language


def vocabulary_of(model: Xtts) -> str:
    """The JSON text that the model's tokenizer was made from."""
    assert model.tokenizer is not None
    return model.tokenizer.vocabulary


def extended(tables: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """The tables with a vocabulary that holds `text.language` and the characters of the texts.

    What it holds already keeps its place; new tokens follow: the language, characters, merges.
    """
    text = from_dict(XttsRecipeText, dict(tables.get("text", {})), "text")
    if not text.vocabulary:
        raise ConfigError("There is no vocabulary to extend.", "Set start.model.")
    whole = json.loads(text.vocabulary)
    ids = _all_ids(whole)
    token = f"[{text.language}]"
    if token not in ids:
        if not LANGUAGE.fullmatch(token):
            raise ConfigError(
                f"text.language = '{text.language}' is not a language code.",
                "Write a code such as 'sv'.",
            )
        added = {"special": True, "single_word": False, "normalized": False}
        added |= {"lstrip": False, "rstrip": False}
        whole["added_tokens"] = [
            *(whole.get("added_tokens") or ()),
            {"id": _add(whole, token), "content": token, **added},
        ]
    words = Counter(word for one in texts for word in WORD.findall(spoken_form(one, text.language)))
    for character in sorted({c for word in words for c in word} - _all_ids(whole).keys()):
        _add(whole, character)
    _merge(whole, words, text.new_tokens)
    vocabulary = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    return {**tables, "text": {**tables.get("text", {}), "vocabulary": vocabulary}}


def grown(tensors: Mapping[str, Tensor], before: str, after: str) -> Mapping[str, Tensor]:
    """The weights with a row for each token that `after` has and `before` lacks.

    A merged token begins as the mean of its parts, an accented letter as its plain one, a language
    as the mean of the languages; anything else as the mean of all, with a little noise.
    """
    old, whole = _all_ids(json.loads(before)) if before else {}, json.loads(after)
    new = {token: n for token, n in _all_ids(whole).items() if token not in old}
    if not new or not old:
        return tensors
    parts = {"".join(pair): pair for pair in _pairs(whole)}
    likes = {token: _alike(token, parts, old) for token in new}
    generator = torch.Generator().manual_seed(0)
    found = dict(tensors)
    for name in ROWS:
        rows = tensors[name].float()
        out = torch.cat([rows, rows.new_zeros(max(new.values()) + 1 - len(rows), *rows.shape[1:])])
        noise = SPREAD * torch.randn(out.shape, generator=generator) * rows.std(0)
        known = dict(old)
        for token, n in sorted(new.items(), key=lambda item: item[1]):
            own = [out[known[one]] for one in likes[token] if one in known]
            out[n] = torch.stack(own).mean(0) if own else rows.mean(0) + noise[n]
            known[token] = n
        found[name] = out
    return found


def _alike(token: str, parts: Mapping[str, Sequence[str]], old: Mapping[str, int]) -> list[str]:
    if LANGUAGE.fullmatch(token):
        return [other for other in old if LANGUAGE.fullmatch(other)]
    if token in parts:
        return list(parts[token])
    plain = unicodedata.normalize("NFD", token)[0]
    return [plain] if plain in old else []


def _all_ids(whole: Mapping[str, Any]) -> dict[str, int]:
    ids = dict(whole["model"]["vocab"])
    return ids | {str(token["content"]): token["id"] for token in whole.get("added_tokens") or ()}


def _add(whole: dict[str, Any], token: str) -> int:
    number = max(_all_ids(whole).values()) + 1
    whole["model"]["vocab"][token] = number
    return number


def _pairs(whole: Mapping[str, Any]) -> list[Sequence[str]]:
    """Merges, which files have as one text or as two."""
    merges = whole["model"].get("merges") or ()
    return [m.split(" ") if isinstance(m, str) else m for m in merges]


def _merge(whole: dict[str, Any], words: Mapping[str, int], wanted: int) -> None:
    if wanted < 1:
        return
    bpe = tokenizers.Tokenizer.from_str(json.dumps(whole))
    split: Counter[tuple[str, ...]] = Counter()
    for word, count in words.items():
        split[tuple(bpe.encode(word).tokens)] += count
    known = _all_ids(whole)
    pairs = learned(split, wanted, known.keys())
    as_text = all(isinstance(m, str) for m in whole["model"].get("merges") or ("",))
    for pair in pairs:
        if "".join(pair) not in known:
            known["".join(pair)] = _add(whole, "".join(pair))
    written = [" ".join(pair) if as_text else list(pair) for pair in pairs]
    whole["model"]["merges"] = [*(whole["model"].get("merges") or ()), *written]
