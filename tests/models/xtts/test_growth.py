"""A new language: tokens at the end, rows that begin near related ones, the rest untouched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.models.xtts.corpus import recipe_tables, write_recipe
from tests.models.xtts.vocabulary import vocabulary
from vivavoce.checkpoints import store
from vivavoce.cli import main
from vivavoce.errors import ConfigError
from vivavoce.hub import library
from vivavoce.hub.lora import Adapter
from vivavoce.models.xtts import growth
from vivavoce.models.xtts.merges import learned
from vivavoce.models.xtts.text import Tokenizer, XttsTextConfig

TEXTS = ("ʻōlelo ola, ʻōlelo hou.", "ola ka ʻōlelo.", "hou ka ola")


def tables(language: str, new_tokens: int = 0) -> dict[str, dict[str, object]]:
    text = {"vocabulary": vocabulary(), "language": language, "new_tokens": new_tokens}
    return {"text": text, "model": {}}


def ids(text: str) -> dict[str, int]:
    whole = json.loads(text)
    added = {token["content"]: token["id"] for token in whole["added_tokens"]}
    return whole["model"]["vocab"] | added


def test_a_language_and_its_characters_are_added_at_the_end() -> None:
    before = vocabulary()
    after = growth.extended(tables("haw"), TEXTS)["text"]["vocabulary"]
    old, new = ids(before), ids(after)
    assert all(new[token] == n for token, n in old.items())
    added = [t for t, n in sorted(new.items(), key=lambda item: item[1]) if t not in old]
    assert added == ["[haw]", "ō", "ʻ"]
    tokenizer = Tokenizer(XttsTextConfig(after))
    assert "haw" in tokenizer.languages
    assert tokenizer.encode(TEXTS[0], "haw").unknown == ()
    english = Tokenizer(XttsTextConfig(before)).encode("the quick brown fox.", "en").ids
    assert tokenizer.encode("the quick brown fox.", "en").ids == english


def test_merges_make_texts_of_the_language_shorter() -> None:
    plain = growth.extended(tables("haw"), TEXTS)["text"]["vocabulary"]
    merged = growth.extended(tables("haw", new_tokens=6), TEXTS)["text"]["vocabulary"]
    lengths = [Tokenizer(XttsTextConfig(v)).length(TEXTS[0], "haw") for v in (plain, merged)]
    assert lengths[1] < lengths[0]
    assert len(ids(merged)) == len(ids(plain)) + 6
    again = growth.extended(tables("haw", new_tokens=6), TEXTS)["text"]["vocabulary"]
    assert again == merged


def test_merges_are_the_most_frequent_pairs() -> None:
    words = {("a", "b", "c"): 3, ("a", "b"): 2, ("c", "d"): 4, ("x", "y"): 1}
    assert learned(words, 9, frozenset()) == [("a", "b"), ("c", "d"), ("ab", "c")]
    assert learned(words, 1, frozenset({"ab"})) == [("a", "b"), ("c", "d")]


def test_a_new_row_begins_where_its_relatives_are() -> None:
    before = vocabulary()
    after = growth.extended(tables("haw", new_tokens=3), TEXTS)["text"]["vocabulary"]
    old, new = ids(before), ids(after)
    rows = torch.randn(len(old), 4)
    weights = {name: rows if name.endswith("weight") else rows[:, 0] for name in growth.ROWS}
    grown = growth.grown(weights, before, after)
    table = grown["gpt.text_embedding.weight"]
    assert torch.equal(table[: len(rows)], rows)
    assert torch.equal(table[new["ō"]], rows[old["o"]])
    languages = [n for token, n in old.items() if token.startswith("[") and token[1:3].islower()]
    assert torch.allclose(table[new["[haw]"]], rows[languages].mean(0))
    first = json.loads(after)["model"]["merges"][len(json.loads(before)["model"]["merges"])]
    parts = first.split(" ") if isinstance(first, str) else first
    expected = torch.stack([table[new[part]] for part in parts]).mean(0)
    assert torch.allclose(table[new["".join(parts)]], expected)
    assert growth.grown(weights, before, before) is weights


def test_a_name_that_is_no_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="'Hawaiian' is not a language code"):
        growth.extended(tables("Hawaiian"), TEXTS)


def test_adapters_and_new_rows_are_trained_and_the_model_speaks(tmp_path: Path) -> None:
    """A new language by LoRA, from the command line."""
    wanted = recipe_tables(tmp_path, language="haw", new_tokens=2)
    wanted["start"] |= {"train": "lora", "vocabulary": "extend", "adapter": {"rank": 2}}
    wanted["optim"]["steps"] = 2
    wanted["loss"]["voice"] = [str(tmp_path / "data" / "wavs" / "clip5.wav")]
    assert main(["train", str(write_recipe(tmp_path, wanted)), "--device", "cpu"]) == 0
    manifest, after = store.load(tmp_path / "run" / "export")
    _, before = store.load(tmp_path / "base")
    assert "haw" in manifest["languages"]
    moved = {n for n, t in before.items() if not torch.equal(after[n][: len(t)], t)}
    layers = {"qkv", "out", "up", "down"}
    kept_apart = {*growth.ROWS, "speaker_latents", "speaker_embeddings"}
    assert {n for n in moved if n not in kept_apart} == {
        n for n in before if n.startswith("gpt.blocks.") and n.split(".")[3] in layers
        and n.endswith("weight")
    }  # fmt: skip
    speak = ["speak", "the cat", "-m", str(tmp_path / "run"), "-o", str(tmp_path / "haw.wav")]
    assert main([*speak, "--language", "haw", "--device", "cpu"]) == 0


def test_an_adapter_file_merged_is_the_adapter_kept(tmp_path: Path) -> None:
    wanted = recipe_tables(tmp_path)
    wanted["start"] |= {"train": "lora", "adapter": {"rank": 2}}
    wanted["optim"]["steps"] = 2
    assert main(["train", str(write_recipe(tmp_path, wanted)), "--device", "cpu"]) == 0
    run, file = tmp_path / "run", tmp_path / "adapter" / "me.safetensors"
    file.parent.mkdir()
    assert main(["models", "export", str(run), "-o", str(file), "--as", "lora"]) == 0
    merged = library.open_model(str(tmp_path / "base"), adapters=[Adapter(str(file))]).tensors
    _, kept = store.load(run / "export")
    assert merged.keys() == kept.keys()
    for name, tensor in kept.items():
        assert torch.allclose(merged[name], tensor, atol=1e-5), name
    _, before = store.load(tmp_path / "base")
    assert sum(not torch.equal(before[n], kept[n]) for n in kept) == 2 * 4  # blocks, layers
