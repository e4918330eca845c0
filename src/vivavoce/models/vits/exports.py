"""A VITS as other programs' files: Piper's `.onnx` and its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vivavoce.config import from_dict
from vivavoce.errors import UsageError
from vivavoce.files import write_bytes, write_text
from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.official_names import official
from vivavoce.models.vits.onnx_graph import Builder
from vivavoce.models.vits.speakers import as_tables
from vivavoce.models.vits.text import PiperText, TextConfig
from vivavoce.vocoders import inner as decoders

PRODUCER = "vivavoce"


def to_piper(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], file: Path) -> list[Path]:
    """The voice as `file` and `file.json`, which Piper's programs speak with; the files written.

    `manifest` and `tensors` are a stored model's. Raises UsageError for what Piper's format cannot
    say: languages, speakers from recordings, other text rules.
    """
    config = from_dict(VitsConfig, manifest["config"], "config")
    decoder = decoders.config_of(manifest["vocoder"]["config"], "vocoder.config")
    text = from_dict(TextConfig, manifest.get("text", {}), "text")
    if text.piper is None:
        raise UsageError(
            f"Piper's format cannot hold the text rules of '{manifest['name']}' ({text.kind}).",
            "Only voices that came from Piper, or were trained on its phonemes, can be exported.",
        )
    if config.n_languages or (config.speaker_width and not config.n_speakers):
        raise UsageError(
            f"'{manifest['name']}' has languages or speakers that Piper's format cannot hold.",
            "A voice of one language with its own speakers can be exported.",
        )
    graph = Builder(config, decoder, official(as_tables(config, tensors))).build()
    content = graph.model(str(manifest["name"]), PRODUCER)
    table = piper_json(manifest, config, text.language, text.piper)
    beside = file.with_name(f"{file.name}.json")
    write_bytes(file, content)
    write_text(beside, json.dumps(table, ensure_ascii=False, indent=2) + "\n")
    return [file, beside]


def piper_json(
    manifest: Mapping[str, Any], config: VitsConfig, language: str, text: PiperText
) -> dict[str, Any]:
    """The settings that Piper's programs look for beside the graph."""
    features, options = manifest["features"], manifest.get("options", {})
    inference: dict[str, Any] = {
        "noise_scale": options.get("noise_scale", 0.667),
        "length_scale": 1 / options.get("speed", 1.0),
        "noise_w": options.get("duration_noise", 0.8),
    }
    if text.silence:
        inference["phoneme_silence"] = dict(text.silence)
    names = list(manifest.get("speakers") or ()) if config.n_speakers else []
    return {
        "audio": {"sample_rate": features["sample_rate"], "quality": "medium"},
        "espeak": {"voice": language},
        "inference": inference,
        "phoneme_type": text.phoneme_type,
        "phoneme_map": {k: list(v) for k, v in text.replacements.items()},
        "phoneme_id_map": {k: list(v) for k, v in text.ids.items()},
        **({"vowel_clusters": list(text.clusters)} if text.clusters else {}),
        "num_symbols": config.n_tokens,
        "num_speakers": max(1, config.n_speakers),
        "speaker_id_map": {name: row for row, name in enumerate(names)},
        "hop_length": features["hop_length"],
        "language": {"code": language.replace("-", "_")},
        "piper_version": "1.0.0",
    }
