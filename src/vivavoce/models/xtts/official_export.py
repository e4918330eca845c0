"""An XTTS as the files of a Coqui release: `model.pth`, `config.json`, `vocab.json`, speakers.

The reverse of importer.py. Pure but for `to_official`, which writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vivavoce import files
from vivavoce.audio import tables
from vivavoce.audio.specs import SPEAKER_16K
from vivavoce.checkpoints.remap import renamed_once, under, unfold_weight_norm
from vivavoce.config import from_dict
from vivavoce.errors import UsageError
from vivavoce.models.xtts.config import XttsConfig
from vivavoce.models.xtts.settings import OFFICIAL_VOCODER

SPEAKER = "hifigan_decoder.speaker_encoder."
SPEAKERS_FILE = "speakers_xtts.pth"
_RENAMES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^gpt\.code_embedding\.", "gpt.mel_embedding."),
        (r"^gpt\.code_positions\.", "gpt.mel_pos_embedding.emb."),
        (r"^gpt\.text_positions\.", "gpt.text_pos_embedding.emb."),
        (r"^gpt\.code_head\.", "gpt.mel_head."),
        (r"^gpt\.norm\.", "gpt.gpt.ln_f."),
        (r"^gpt\.blocks\.(\d+)\.norm([12])\.", r"gpt.gpt.h.\1.ln_\2."),
        (r"^gpt\.blocks\.(\d+)\.qkv\.", r"gpt.gpt.h.\1.attn.c_attn."),
        (r"^gpt\.blocks\.(\d+)\.out\.", r"gpt.gpt.h.\1.attn.c_proj."),
        (r"^gpt\.blocks\.(\d+)\.up\.", r"gpt.gpt.h.\1.mlp.c_fc."),
        (r"^gpt\.blocks\.(\d+)\.down\.", r"gpt.gpt.h.\1.mlp.c_proj."),
        (r"^conditioning\.encoder\.", "gpt.conditioning_encoder."),
        (r"^conditioning\.perceiver\.", "gpt.conditioning_perceiver."),
        (r"^speaker_encoder\.", SPEAKER),
    )
)
_TRANSPOSED = re.compile(r"gpt\.gpt\.h\.\d+\.(attn|mlp)\.c_(attn|fc|proj)\.weight")
_BLOCK = re.compile(r"^stages\.(\d+)\.blocks\.(\d+)\.(dilated|plain)\.(\d+)\.(.+)$")
_STAGE = re.compile(r"^stages\.(\d+)\.(upsample|condition)\.(.+)$")
_ENDS = {"first.": "conv_pre.", "last.": "conv_post.", "condition.": "cond_layer."}
_ARGUMENTS = {
    "depth": "gpt_layers",
    "width": "gpt_n_model_channels",
    "heads": "gpt_n_heads",
    "text_tokens": "gpt_number_text_tokens",
    "code_tokens": "gpt_num_audio_tokens",
    "max_text": "gpt_max_text_tokens",
    "max_codes": "gpt_max_audio_tokens",
    "max_prompt": "gpt_max_prompt_tokens",
    "start_text": "gpt_start_text_token",
    "stop_text": "gpt_stop_text_token",
    "start_code": "gpt_start_audio_token",
    "stop_code": "gpt_stop_audio_token",
    "perceiver": "gpt_use_perceiver_resampler",
    "input_rate": "input_sample_rate",
    "code_samples": "gpt_code_stride_len",
}


def to_official(
    manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], folder: Path
) -> list[Path]:
    """A folder that Coqui's `Xtts.load_checkpoint` reads; the files written.

    Raises UsageError for a model without a perceiver (v1.1) or its vocoder, and OutputError.
    """
    config = from_dict(XttsConfig, dict(manifest["config"]), "config")
    if not config.perceiver or not any(name.startswith("vocoder.") for name in tensors):
        raise UsageError(f"'{manifest['name']}' is not a complete XTTS v2.", "--as xtts needs one.")
    with files.atomic_path(folder) as fresh:
        fresh.mkdir()
        torch.save({"model": official(tensors)}, fresh / "model.pth")
        torch.save(speakers(manifest, tensors), fresh / SPEAKERS_FILE)
        vocabulary = str(manifest["text"]["vocabulary"])
        (fresh / "vocab.json").write_text(vocabulary, encoding="utf-8")
        settings = json.dumps(settings_of(manifest, config), ensure_ascii=False, indent=2)
        (fresh / "config.json").write_text(settings + "\n", encoding="utf-8")
    return sorted(folder.iterdir())


def official_name(name: str) -> str:
    """Of a tensor that is not the vocoder's."""
    return renamed_once(name, _RENAMES)


def official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every tensor of a release's `model.pth`, tables that it makes itself included."""
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.startswith(("vocoder.", "speaker_latents", "speaker_embeddings")):
            continue
        theirs = official_name(name)
        turned = tensor.t() if _TRANSPOSED.fullmatch(theirs) else tensor
        found[theirs] = turned.contiguous()
        if theirs.endswith(".running_mean"):  # which only counts batches
            counter = theirs.removesuffix("running_mean") + "num_batches_tracked"
            found[counter] = torch.tensor(0)
    spec = SPEAKER_16K
    window = tables.window(spec.window, spec.win_length, spec.win_length)
    found[f"{SPEAKER}torch_spec.0.filter"] = torch.tensor([[[-spec.preemphasis, 1.0]]])
    found[f"{SPEAKER}torch_spec.1.spectrogram.window"] = _float(window)
    found[f"{SPEAKER}torch_spec.1.mel_scale.fb"] = _float(tables.mel_filters(spec)).t().contiguous()
    return found | _vocoder(under(tensors, "vocoder."))


def _vocoder(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Blocks numbered through, and the weight norm of all between the first and the last layer."""
    blocks = {match[2] for name in tensors if (match := _BLOCK.match(name))}
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if match := _BLOCK.match(name):
            number = int(match[1]) * len(blocks) + int(match[2])
            kind = {"dilated": "convs1", "plain": "convs2"}[match[3]]
            theirs, normed = f"resblocks.{number}.{kind}.{match[4]}.{match[5]}", True
        elif match := _STAGE.match(name):
            kind = {"upsample": "ups", "condition": "conds"}[match[2]]
            theirs, normed = f"{kind}.{match[1]}.{match[3]}", kind == "ups"
        else:
            end = next(end for end in _ENDS if name.startswith(end))
            theirs, normed = _ENDS[end] + name.removeprefix(end), False
        if normed and theirs.endswith(".weight"):
            place = theirs.removesuffix("weight")
            found |= {place + end: part for end, part in unfold_weight_norm(tensor).items()}
        else:
            found[theirs] = tensor.contiguous()
    return {OFFICIAL_VOCODER + name: tensor for name, tensor in found.items()}


def speakers(
    manifest: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> dict[str, dict[str, Tensor]]:
    """Name -> `gpt_cond_latent` `[1, N, W]` and `speaker_embedding` `[1, D, 1]`."""
    names = tuple(manifest.get("speakers", ()))
    rows = zip(names, tensors["speaker_latents"], tensors["speaker_embeddings"], strict=True)
    return {
        name: {
            "gpt_cond_latent": latents[None].clone(),
            "speaker_embedding": embedding[None, :, None].clone(),
        }
        for name, latents, embedding in rows
    }


def settings_of(manifest: Mapping[str, Any], config: XttsConfig) -> dict[str, Any]:
    """What `config.json` says."""
    features = manifest["features"]
    arguments = {theirs: getattr(config, ours) for ours, theirs in _ARGUMENTS.items()}
    arguments |= {
        "output_sample_rate": features["sample_rate"],
        "output_hop_length": features["hop_length"],
        "decoder_input_dim": config.width,
        "d_vector_dim": config.speaker.width,
        "cond_d_vector_in_each_upsampling_layer": True,
        "num_chars": 255,
    }
    return {
        "model": "xtts",
        "model_args": arguments,
        "languages": list(manifest.get("languages", ())),
        "audio": {
            "sample_rate": config.input_rate,
            "output_sample_rate": features["sample_rate"],
        },
        **dict(manifest.get("options", {})),
        "gpt_cond_len": config.condition_s,
        "gpt_cond_chunk_len": config.condition_chunk_s,
        "max_ref_len": config.reference_s,
        "sound_norm_refs": config.normalise_references,
    }


def _float(table: Any) -> Tensor:
    return torch.tensor(table, dtype=torch.float32)
