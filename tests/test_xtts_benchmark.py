"""The benchmark of XTTS, as far as it needs neither the peer nor a model: files and rows."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import xtts_checkpoint, xtts_rows, xtts_vocabulary
from benchmarks.xtts_rows import Row, Seen

SMALL = replace(xtts_checkpoint.TOY, width=32, depth=1, heads=1, channels=32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return xtts_checkpoint.write(tmp_path_factory.mktemp("xtts"), SMALL)


def test_the_names_and_numbers_of_the_published_checkpoint() -> None:
    entries = [
        entry
        for part in (
            xtts_checkpoint._gpt,
            xtts_checkpoint._vocoder,
            xtts_checkpoint._speaker_encoder,
        )
        for entry in part(xtts_checkpoint.FULL)
    ]
    count = sum(int(np.prod(shape)) for _, shape, _ in entries)
    gpt = [entry for entry in entries if entry[0].startswith("gpt.")]
    assert sum(int(np.prod(shape)) for _, shape, _ in gpt) == 441_018_563  # published
    assert len({name for name, _, _ in entries}) == len(entries)
    assert 466e6 < count < 467e6


def test_a_checkpoint_that_never_stops(folder: Path) -> None:
    found = torch.load(folder / "model.pth", weights_only=True)
    model, config = found["model"], found["config"]
    assert config == json.loads((folder / "config.json").read_text(encoding="utf-8"))
    stop = config["model_args"]["gpt_stop_audio_token"]
    assert model["gpt.mel_head.bias"][stop] == xtts_checkpoint.NEVER
    assert model["gpt.mel_head.weight"].shape == (SMALL.code_tokens, SMALL.width)
    assert all(tensor.isfinite().all() for tensor in model.values())
    g = "hifigan_decoder.waveform_decoder.ups.0.parametrizations.weight.original0"
    assert model[g].shape == (32, 1, 1)
    speakers = torch.load(folder / "speakers_xtts.pth", weights_only=True)
    latents, embedding = speakers[xtts_checkpoint.SPEAKER].values()  # in this order
    assert latents.shape == (1, 32, SMALL.width)
    assert embedding.norm().item() == pytest.approx(1.0)


def test_the_same_again_is_not_written_again(folder: Path) -> None:
    before = (folder / "model.pth").stat().st_mtime_ns
    xtts_checkpoint.write(folder, SMALL)
    assert (folder / "model.pth").stat().st_mtime_ns == before


def test_the_vocabulary_has_the_published_places() -> None:
    table = xtts_vocabulary.vocabulary(6681)["model"]["vocab"]
    assert sorted(table.values()) == list(range(6681))
    published = {"[STOP]": 0, "[UNK]": 1, "[SPACE]": 2, "[START]": 261}
    assert published.items() <= table.items()
    assert all(f"[{language}]" in table for language in xtts_vocabulary.LANGUAGES)


def test_the_sentence_has_90_tokens() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = json.dumps(xtts_vocabulary.vocabulary(6681))
    text = "[en]" + xtts_vocabulary.SENTENCE.lower().replace(" ", "[SPACE]")
    found = tokenizers.Tokenizer.from_str(vocabulary).encode(text)
    assert len(found.ids) == 90
    assert 1 not in found.ids


def test_merging_takes_the_most_frequent_pair_first() -> None:
    words = [list("aba"), list("abb"), list("cb")]
    assert xtts_vocabulary._merges(words, 2) == [("a", "b"), ("ab", "a")]


def seen() -> Seen:
    found = Seen(codes=120)
    for seconds in (5.0, 6.0, 40.0):
        found.add("float32 greedy", {"seconds": seconds, "first": 0.5, "codes": [1]})
    found.add("peer greedy", {"seconds": 15.0, "generate": 13.5, "second_pass": 1.5})
    found.add("int8 greedy", {"seconds": 3.0, "first": 0.4})
    found.add("float32 stream", {"seconds": 7.0, "first": 1.4})
    found.add("peer stream", {"seconds": 20.0, "first": 3.5})
    found.floor = {"bytes_per_s": 30e9, "float32": 1.5e9}
    found.memory = {"float32": 2_700_000_000, "weights": 1_800_000_000}
    return found


def test_rows_are_medians_against_what_was_asked() -> None:
    rows = {row["name"]: row for row in xtts_rows.table(seen())}
    greedy = rows["decode, float32, greedy"]
    assert greedy["ours"] == 20.0
    assert greedy["ratio"] == pytest.approx(2.5)
    assert greedy["reached"] is True
    assert rows["decode, int8, greedy"]["reached"] is False
    assert rows["first audio, float32"]["reached"] is False
    assert rows["whole stream, float32"]["reached"] is None  # nothing was asked
    beside = rows["a code after the first, float32, above its floor"]
    assert beside["peer"] == pytest.approx(50.0)
    assert beside["ours"] == pytest.approx(1e3 * 5.5 / 119)
    assert rows["peak memory, float32"]["reached"] is True  # the limit is of ours, not the ratio
    assert "decode, float32, sampled" not in rows


def test_a_limit_without_a_peer_is_neither_reached_nor_missed() -> None:
    assert Row("decode", "x", "s", 1.0, None, "<= 0.35").reached is None
    assert Row("memory", "x", "GB", 1.3, None, "<= 1.2", limit_of_ours=True).reached is False


def test_rows_are_shown_one_per_line() -> None:
    rows = xtts_rows.table(seen())
    lines = xtts_rows.shown(rows).splitlines()
    assert len(lines) == len(rows) + 1
    assert "reached" in lines[1]
    assert "codes/s" in lines[1]


def test_our_side_reads_that_checkpoint_and_decodes_all_codes(folder: Path) -> None:
    from benchmarks.xtts_ours import Ours

    ours = Ours(folder, "float32")
    alone = ours.decode(xtts_vocabulary.SENTENCE, 5)
    together = ours.batch(list(xtts_vocabulary.SENTENCES[:2]), 5)
    assert len(alone["codes"]) == 5
    assert together["codes"][0] == alone["codes"]
    assert 0 < alone["first"] <= alone["seconds"]
    assert ours.logits(xtts_vocabulary.SENTENCE, alone["codes"]).shape == (5, 1024)


def test_the_floor_counts_what_a_code_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import xtts_ours

    monkeypatch.setattr(xtts_ours, "SUM_BYTES", 1 << 12)
    found = xtts_ours.floor(xtts_checkpoint.FULL)
    assert found["float32"] == pytest.approx(1.516e9, rel=1e-3)
    assert found["int8"] < found["bfloat16"] / 1.9
