"""A VITS as Coqui's program keeps it: a `.pth` and its `config.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vivavoce.checkpoints.remap import unfold_weight_norm
from vivavoce.config import from_dict
from vivavoce.errors import UsageError
from vivavoce.files import atomic_path, write_text
from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.names import ENCODER
from vivavoce.models.vits.official_names import official
from vivavoce.models.vits.sizes import COQUI_EPS
from vivavoce.models.vits.text import TextConfig
from vivavoce.vocoders import inner as decoders
from vivavoce.vocoders.inner import DecoderConfig

CHARACTERS = "TTS.tts.models.vits.VitsCharacters"
SPEAKERS, SPEAKER_IDS, LANGUAGES = "speakers.json", "speaker_ids.json", "language_ids.json"
_PARTS = (
    ("enc_p.", "text_encoder."),
    ("enc_q.", "posterior_encoder."),
    ("dec.cond.", "waveform_decoder.cond_layer."),
    ("dec.", "waveform_decoder."),
    ("dp.", "duration_predictor."),
)
_AFFINE = re.compile(r"^(duration_predictor\.(?:post_)?flows\.0\.)(m|logs)$")
_NORMED = re.compile(
    r".+\.enc\.(in_layers|res_skip_layers)\.\d+\.weight|.+\.enc\.cond_layer\.weight"
    r"|waveform_decoder\.(ups\.\d+|resblocks\.\d+\.convs[12]?\.\d+)\.weight"
)
# What Coqui's program has fixed, whatever its configuration says.
_FIXED: dict[str, float] = {"relative_window": 4, "n_couplings": 4}
_STOCHASTIC: dict[str, float] = {
    "duration_width": 192,
    "duration_kernel": 3,
    "duration_layers": 3,
    "duration_flows": 4,
    "duration_bins": 10,
}
_DETERMINISTIC: dict[str, float] = {
    "duration_width": 256,
    "duration_kernel": 3,
    "duration_eps": COQUI_EPS,
}


def to_coqui(manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], file: Path) -> list[Path]:
    """The model as `file` and, beside it, the files that Coqui's program takes it with.

    These are `config.json`, `language_ids.json`, and `speaker_ids.json` or `speakers.json`. A
    stored speaker encoder becomes `model_se.pth`. Raises UsageError for what Coqui's VITS cannot
    be: other sizes than it has fixed, a model without the parts of training, other text rules.
    """
    config = from_dict(VitsConfig, manifest["config"], "config")
    decoder = decoders.config_of(manifest["vocoder"]["config"], "vocoder.config")
    text = from_dict(TextConfig, manifest.get("text", {}), "text")
    if problem := _problem(config, decoder, text):
        raise UsageError(
            f"'{manifest['name']}' cannot be exported as a Coqui model: {problem}.",
            "Models that came from Coqui's program, or were trained from one, can be exported.",
        )
    own = {k: t for k, t in tensors.items() if not k.startswith(ENCODER)}
    if config.unit_speakers:
        own.pop("speakers.weight", None)
    named = coqui_names(official(own), config.stochastic_durations)
    written = [_saved(file, {"model": named})]
    for name, table in _tables(manifest, config, decoder, text, tensors).items():
        write_text(file.with_name(name), json.dumps(table, ensure_ascii=False, indent=2) + "\n")
        written.append(file.with_name(name))
    encoder = {k.removeprefix(ENCODER): t for k, t in tensors.items() if k.startswith(ENCODER)}
    if encoder:
        written.append(_saved(file.with_name("model_se.pth"), {"model": encoder}))
    return written


def coqui_names(theirs: Mapping[str, Tensor], stochastic: bool) -> dict[str, Tensor]:
    """The publication's tensors under Coqui's names and shapes."""
    found: dict[str, Tensor] = {}
    for key, tensor in theirs.items():
        name = _name(key)
        tensor = tensor.detach().cpu().contiguous()
        if not stochastic and re.fullmatch(r"duration_predictor\.norm_[12]\.(gamma|beta)", name):
            tensor = tensor.view(1, -1, 1)
        if _NORMED.fullmatch(name):
            magnitude, direction = unfold_weight_norm(tensor).values()
            root = name.removesuffix("weight")
            found |= {f"{root}weight_g": magnitude, f"{root}weight_v": direction}
        else:
            found[name] = tensor
    return found


def _name(key: str) -> str:
    key = re.sub(r"^flow\.flows\.(\d+)\.", lambda m: f"flow.flows.{int(m[1]) // 2}.", key)
    key = re.sub(
        r"^dp\.((?:post_)?flows)\.([1-9]\d*)\.",
        lambda m: f"dp.{m[1]}.{(int(m[2]) + 1) // 2}.",
        key,
    )
    for prefix, replacement in _PARTS:
        if key.startswith(prefix):
            key = replacement + key.removeprefix(prefix)
            break
    return _AFFINE.sub(
        lambda m: m[1] + ("translation" if m[2] == "m" else "log_scale"),
        key,
    )


def _problem(config: VitsConfig, decoder: DecoderConfig, text: TextConfig) -> str:
    if text.coqui is None:
        return f"its text rules are of the kind '{text.kind}'"
    if not config.posterior:
        return "it has no posterior encoder"
    if config.speaker_lstm:
        return "the settings of its recurrent speaker encoder cannot be written"
    if config.stochastic_durations and not config.variational_durations:
        return "its durations lack what only training needs"
    fixed = _FIXED | (_STOCHASTIC if config.stochastic_durations else _DETERMINISTIC)
    for name, value in fixed.items():
        if (found := getattr(config, name)) != value:
            return f"{name} is {found:g}, Coqui's program has {value:g}"
    layers, wanted = {len(row) for row in decoder.block_dilations}, 3 if decoder.block == 1 else 2
    if layers != {wanted}:
        return f"its decoder's blocks have {sorted(layers)} layers, Coqui's program has {wanted}"
    widths = {config.text_width, config.latent_width, config.flow_width, config.posterior_width}
    if len(widths) > 1:
        return f"text, latents, flow and posterior are not of one width but {sorted(widths)}"
    return ""


def _tables(
    manifest: Mapping[str, Any],
    config: VitsConfig,
    decoder: DecoderConfig,
    text: TextConfig,
    tensors: Mapping[str, Tensor],
) -> dict[str, dict[str, Any]]:
    """The JSON files by name."""
    coqui = dict(text.coqui or {})
    arguments = dict(coqui.pop("model_args", {})) | _arguments(manifest, config, decoder)
    characters = dict(coqui.get("characters") or {})
    if "." not in str(characters.get("characters_class", ".")):  # a configuration without a block
        coqui["characters"] = characters | {"characters_class": CHARACTERS}
    features = manifest["features"]
    audio = {
        "sample_rate": features["sample_rate"],
        "hop_length": features["hop_length"],
        "win_length": 2 * (config.n_bins - 1),
        "fft_size": 2 * (config.n_bins - 1),
        "num_mels": 80,
        "mel_fmin": 0,
        "mel_fmax": None,
    }
    found: dict[str, dict[str, Any]] = {
        "config.json": {**coqui, "model": "vits", "model_args": arguments, "audio": audio}
    }
    if config.n_languages:
        languages = manifest.get("languages", ())
        found[LANGUAGES] = {name: row for row, name in enumerate(languages)}
    names = list(manifest.get("speakers") or range(config.n_speakers))
    if config.n_speakers and config.unit_speakers:
        rows = tensors["speakers.weight"].float().cpu().tolist()
        found[SPEAKERS] = {
            str(name): {"name": str(name), "embedding": row}
            for name, row in zip(names, rows, strict=True)
        }
    elif config.n_speakers:
        found[SPEAKER_IDS] = {str(name): row for row, name in enumerate(names)}
    return found


def _arguments(
    manifest: Mapping[str, Any], config: VitsConfig, decoder: DecoderConfig
) -> dict[str, Any]:
    """`model_args`: what Coqui's `VitsArgs` are called."""
    c, d, options = config, decoder, manifest.get("options", {})
    vectors = bool(c.speaker_width) and c.unit_speakers
    return {
        "num_chars": c.n_tokens,
        "out_channels": c.n_bins,
        "hidden_channels": c.text_width,
        "hidden_channels_ffn_text_encoder": c.text_ffn,
        "num_heads_text_encoder": c.text_heads,
        "num_layers_text_encoder": c.text_layers,
        "kernel_size_text_encoder": c.text_kernel,
        "kernel_size_posterior_encoder": c.posterior_kernel,
        "num_layers_posterior_encoder": c.posterior_layers,
        "kernel_size_flow": c.flow_kernel,
        "num_layers_flow": c.flow_layers,
        "dilation_rate_posterior_encoder": c.posterior_dilation,
        "dilation_rate_flow": c.flow_dilation,
        "resblock_type_decoder": str(d.block),
        "resblock_kernel_sizes_decoder": list(d.block_kernels),
        "resblock_dilation_sizes_decoder": [list(row) for row in d.block_dilations],
        "upsample_rates_decoder": list(d.rates),
        "upsample_initial_channel_decoder": d.width,
        "upsample_kernel_sizes_decoder": list(d.kernels),
        "use_sdp": c.stochastic_durations,
        "init_discriminator": False,
        "inference_noise_scale": options.get("noise_scale", 0.667),
        "inference_noise_scale_dp": options.get("duration_noise", 0.8),
        "length_scale": 1 / options.get("speed", 1.0),
        "num_speakers": c.n_speakers,
        "use_speaker_embedding": bool(c.n_speakers) and not vectors,
        "speaker_embedding_channels": c.speaker_width or 256,
        "use_d_vector_file": vectors,
        "d_vector_dim": c.speaker_width if vectors else 0,
        "d_vector_file": [SPEAKERS] if vectors and c.n_speakers else None,
        "speakers_file": SPEAKER_IDS if c.n_speakers and not vectors else None,
        "condition_dp_on_speaker": c.speaker_durations,
        "use_language_embedding": bool(c.n_languages),
        "num_languages": c.n_languages,
        "embedded_language_dim": c.language_width or 4,
        "language_ids_file": LANGUAGES if c.n_languages else None,
    }


def _saved(file: Path, content: dict[str, dict[str, Tensor]]) -> Path:
    with atomic_path(file) as fresh:
        torch.save(content, fresh)
    return file
