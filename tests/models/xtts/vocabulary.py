"""A small vocabulary in the official format, from sentences of our own; the official one is 6681
tokens that we may not ship."""

from __future__ import annotations

import json
from functools import cache

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from vivavoce.text.multilingual import LANGUAGES

SENTENCES = (
    "the quick brown fox jumps over the lazy dog, and then it rests.",
    "portez ce vieux whisky au juge blond qui fume; ça va être élégant, où ça?",
    "zwölf boxkämpfer jagen viktor quer über den großen sylter deich!",
    "el pingüino señaló mañana y después comió ñoquis.",
    "zażółć gęślą jaźń. příliš žluťoučký kůň úpěl ďábelské ódy.",
    "pijamalı hasta yağız şoföre çabucak güvendi. árvíztűrő tükörfúrógép.",
    "съешь же ещё этих мягких французских булок, да выпей чаю.",
    "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का अंत हो गया।",
    "wait: why (and how) 'so' - either/or; a+b=c * [x] {y} ~ _ ^ | < > \\ ` &",
    "ni3hao3 shi4jie4 annyeonghaseyo konnichiwa sekai one two three 0123456789",
)
START_ID = 261


@cache
def vocabulary(languages: tuple[str, ...] = LANGUAGES) -> str:
    """The text of a vocab.json: [STOP] 0, [UNK] 1, [SPACE] 2, [START] 261, languages added last."""
    bpe = Tokenizer(models.BPE(unk_token="[UNK]"))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    specials = ["[STOP]", "[UNK]", "[SPACE]"]
    bpe.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=400, special_tokens=specials, show_progress=False)
    )
    saved = json.loads(bpe.to_str())
    known = saved["model"]["vocab"]
    ids = {token: i + (i >= START_ID) for token, i in known.items()} | {"[START]": START_ID}
    for language in languages:
        ids[f"[{language}]"] = len(ids)
    saved["model"]["vocab"] = ids
    added = [*specials, "[START]", *(f"[{language}]" for language in languages)]
    saved["added_tokens"] = [
        {"id": ids[token], "content": token, "single_word": False, "lstrip": False,
         "rstrip": False, "normalized": False, "special": True}
        for token in added
    ]  # fmt: skip
    return json.dumps(saved, ensure_ascii=False)
