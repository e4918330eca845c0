"""Hostile configurations, vocabularies, manifests, recipes, and safetensors headers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.checkpoints.test_safetensors_file import MALFORMED
from tests.checkpoints.test_text_file import HOSTILE
from tests.hostile.case import HostileFile, Outcome
from tests.hostile.honest import manifest
from tests.hub.test_import import CONFIG
from tests.models.xtts.official import config as xtts_config
from tests.models.xtts.official import vocabulary as xtts_vocabulary


def cases() -> Iterator[HostileFile]:
    yield from _syntax()
    yield from _glow()
    yield from _xtts()
    yield from _others()
    yield from _manifests()
    for kind, content in MALFORMED.items():
        yield HostileFile(f"safetensors: {kind}", "x.safetensors", content, "weights")
        yield HostileFile(f"voice: {kind}", "x.safetensors", content, "voice")
        yield HostileFile(f"voice as speakers: {kind}", "x.safetensors", content, "scattered")


def _syntax() -> Iterator[HostileFile]:
    for name, text in HOSTILE.items():
        content = text if isinstance(text, bytes) else text.encode()
        suffix = name.rpartition(".")[2]
        yield HostileFile(f"table: {name}", f"x.{suffix}", content, "table")
        if suffix in ("json", "toml"):
            yield HostileFile(f"config: {name}", f"x.{suffix}", content, "config")
        if suffix == "json":
            yield HostileFile(f"glow: {name}", "config.json", content, "foreign", base="glow")
        if suffix == "yaml":
            yield HostileFile(f"vocos: {name}", "config.yaml", content, "foreign", base="vocos")
        if suffix == "toml":
            yield HostileFile(f"stored: {name}", "tiny/model.toml", content, "model", base="stored")
            yield HostileFile(f"recipe: {name}", "recipe.toml", content, "recipe")


# For every setting: what a configuration may say instead, and nothing may believe.
GLOW: dict[str, Any] = {
    "ten million flows": {"num_flow_blocks_dec": 10_000_000},
    "ten million layers": {"encoder_params": {**CONFIG["encoder_params"], "num_layers": 10**7}},
    "ten million block layers": {"num_block_layers": 10**7},
    "huge widths": {"hidden_channels_enc": 2**62},
    "huge kernels": {"kernel_size_dec": 2**40 + 1},
    "no heads": {"encoder_params": {**CONFIG["encoder_params"], "num_heads": 0}},
    "negative layers": {"num_flow_blocks_dec": -1},
    "layers that are text": {"num_flow_blocks_dec": "2"},
    "encoder that is a list": {"encoder_params": [1]},
    "audio that is a list": {"audio": [1]},
    "audio that is text": {"audio": "x"},
    "a rate that is a list": {"audio": {"sample_rate": [1]}},
    "a rate of zero": {"audio": {"sample_rate": 0}},
    "a huge rate": {"audio": {"sample_rate": 2**40}},
    "a huge transform": {"audio": {"fft_size": 2**40}},
    "a hop of zero": {"audio": {"hop_length": 0}},
    "a window that is text": {"audio": {"win_length": "1024"}},
    "many mels": {"audio": {"num_mels": 2**30}},
    "decibels that are text": {"audio": {"min_level_db": "low"}},
    "speakers that are a number": {"speakers_file": 5},
    "speakers that are a list": {"speakers_file": ["a"]},
    "arguments that are a list": {"model_args": [1]},
    "characters that are a number": {"characters": 5},
    "characters that are a list": {"characters": ["a"]},
    "a scale of nothing": {"length_scale": -1e-320},
    "a scale that is text": {"length_scale": "x"},
    "noise that is a list": {"inference_noise_scale": [1]},
    "an encoder that is unknown": {"encoder_type": ["x"]},
    "statistics that are a number": {"audio": {"stats_path": 5}},
    "statistics that are a table": {"audio": {"stats_path": {"a": 1}}},
}


def _glow() -> Iterator[HostileFile]:
    for kind, change in GLOW.items():
        content = json.dumps(CONFIG | change).encode()
        yield HostileFile(f"glow: {kind}", "config.json", content, "foreign", base="glow")
    for kind, change in {
        "a surrogate": {"phoneme_language": "\ud800"},
        "a large number": {"seq_len": 10**30},
    }.items():
        content = json.dumps(CONFIG | change).encode()
        yield HostileFile(f"glow: {kind}", "config.json", content, "foreign", base="glow")
    tables: dict[str, tuple[Any, Outcome]] = {
        "rows that are text": ({"a": "x"}, "loads"),
        "a list": ([1], "refused"),
        "a number": (5, "refused"),
        "huge rows": ({"a": 10**30}, "refused"),
        "escapes in names": ({"\x1b[2J": 0, "b": 1}, "loads"),
    }
    for kind, (table, expected) in tables.items():
        content = json.dumps(table).encode()
        yield HostileFile(
            f"glow speakers: {kind}", "speaker_ids.json", content, "foreign", expected, base="glow"
        )


def _xtts() -> Iterator[HostileFile]:
    honest = xtts_config()
    arguments = honest["model_args"]
    changes: dict[str, Any] = {
        "arguments that are a list": {"model_args": [1]},
        "languages that are a number": {"languages": 5},
        "ten million layers": {"model_args": arguments | {"gpt_layers": 10**7}},
        "no heads": {"model_args": arguments | {"gpt_n_heads": 0}},
        "a temperature that is text": {"temperature": "warm"},
        "a temperature without end": {"temperature": float("inf")},
        "seconds without end": {"gpt_cond_len": float("nan")},
        "a huge rate": {"model_args": arguments | {"output_sample_rate": 2**50}},
        "a token beyond the vocabulary": {
            "model_args": arguments | {"gpt_start_text_token": 10**9}
        },
    }
    for kind, change in changes.items():
        content = json.dumps(honest | change).encode()
        yield HostileFile(f"xtts: {kind}", "config.json", content, "foreign", base="xtts")
    whole = xtts_vocabulary()
    odd = {
        "a list": [1],
        "no model": {},
        "a model that is a list": {"model": []},
        "tokens that are a list": {"model": {"vocab": [1]}},
        "numbers that are text": {"model": {"vocab": {"a": "1"}}},
        "huge numbers": whole | {"model": {**whole["model"], "vocab": {"a": 10**12}}},
        "negative numbers": whole | {"model": {**whole["model"], "vocab": {"a": -1}}},
        "added tokens that are numbers": whole | {"added_tokens": [1]},
        "merges that are numbers": whole | {"model": {**whole["model"], "merges": [1]}},
        "merges of unknown tokens": whole | {"model": {**whole["model"], "merges": ["§ ß"]}},
        "an unknown kind": whole | {"model": {**whole["model"], "type": "Laughs"}},
        "a surrogate": whole | {"note": "\ud800"},
    }
    texts = {kind: json.dumps(value).encode() for kind, value in odd.items()}
    texts |= {"deep": b"[" * 9000, "nothing": b"", "not UTF-8": b'{"a": "\xff"}'}
    for kind, content in texts.items():
        yield HostileFile(f"xtts vocabulary: {kind}", "vocab.json", content, "foreign", base="xtts")


def _others() -> Iterator[HostileFile]:
    vocabularies: dict[str, bytes] = {
        "nothing": b"",
        "spaces": b" \n \n",
        "not UTF-8": b" \na\n\xff\n",
        "UTF-16": " \na\nb\n".encode("utf-16"),
        "too many tokens": b" \n" + b"a\n" * 100_000,
        "one long line": b" " + b"a" * 1_000_000,
    }
    for kind, content in vocabularies.items():
        yield HostileFile(f"vocabulary: {kind}", "vocab.txt", content, "foreign", base="f5")
    parts = "feature_extractor: {}\nbackbone: {}\nhead: {}\n"
    mel = "{sample_rate: 24000, n_fft: 1024, hop_length: 256, n_mels: 100}"
    for kind, text in {
        "parts that are numbers": parts.format(1, 2, 3),
        "no widths": parts.format(mel, "{}", "{}"),
        "ten million layers": parts.format(
            mel, "{dim: 32, intermediate_dim: 48, num_layers: 10000000}", "{}"
        ),
        "widths that are text": parts.format(
            mel, "{dim: x, intermediate_dim: 48, num_layers: 2}", "{}"
        ),
        "a huge transform": parts.format(
            "{sample_rate: 24000, n_fft: 1099511627776, hop_length: 256, n_mels: 100}",
            "{dim: 32, intermediate_dim: 48, num_layers: 2}",
            "{padding: center}",
        ),
    }.items():
        yield HostileFile(f"vocos: {kind}", "config.yaml", text.encode(), "foreign", base="vocos")


def _manifests() -> Iterator[HostileFile]:
    features = {"kind": "mel", "sample_rate": 24000}
    changes: dict[str, dict[str, Any]] = {
        "an unknown kind": {"kind": "soup"},
        "a kind that is a list": {"kind": ["acoustic"]},
        "an unknown family": {"family": "soup"},
        "a family that is a path": {"family": "../../etc"},
        "a name that is a number": {"name": 5},
        "another format": {"format": 99},
        "a format that is a list": {"format": [1]},
        "no configuration": {"config": {}},
        "an unknown setting": {"config": {"n_tokens": 3, "laughs": 1}},
        "ten million layers": {"config": {"n_tokens": 3, "encoder_layers": 10_000_000}},
        "ten million flows": {"config": {"n_tokens": 3, "n_flows": 10_000_000}},
        "huge widths": {"config": {"n_tokens": 3, "encoder_width": 2**62}},
        "no heads": {"config": {"n_tokens": 3, "encoder_heads": 0}},
        "a huge transform": {"features": features | {"n_fft": 2**40}},
        "a hop of zero": {"features": features | {"hop_length": 0}},
        "many mels": {"features": features | {"n_mels": 2**40}},
        "features that are a number": {"features": {}, "config": {"n_tokens": "3"}},
        "a text that is unknown": {"text": {"kind": "soup", "x": 1}},
        "weights that are an address": {"weights": {"source": "http://127.0.0.1:9/x.pth"}},
        "weights that are a strange address": {"weights": {"source": "gopher://x/y"}},
        "weights that are a number": {"weights": {"source": 5}},
        "a vocoder that is a table": {"vocoder": {"family": "soup"}},
    }
    for kind, change in changes.items():
        content = manifest(**change)
        yield HostileFile(f"manifest: {kind}", "tiny/model.toml", content, "model", base="stored")
    for kind, content in {
        "a web page": b"<html>",
        "nothing": b"",
        "not UTF-8": b"a = '\xff'",
    }.items():
        yield HostileFile(f"manifest: {kind}", "tiny/model.toml", content, "model", base="stored")
        yield HostileFile(f"recipe: {kind}", "recipe.toml", content, "recipe")
        yield HostileFile(f"cache: {kind}", "cache.json", content, "cache", "loads")
