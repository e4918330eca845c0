"""A VITS as a Hugging Face `VitsModel` folder.

Their convolutions in the flow and the posterior are weight-normed (`weight_g`, `weight_v`), those
of the decoder plain; both spellings are read by every release of their library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from vivavoce.checkpoints import safetensors_file
from vivavoce.checkpoints.remap import renamed
from vivavoce.config import from_dict
from vivavoce.errors import OutputError, UsageError
from vivavoce.files import write_text
from vivavoce.models.vits.config import VitsConfig
from vivavoce.models.vits.official_names import official
from vivavoce.models.vits.speakers import as_tables
from vivavoce.models.vits.text import TextConfig
from vivavoce.vocoders import inner as decoders
from vivavoce.vocoders.inner import DecoderConfig

_FLOWS = r"(?:post_)?flows\.\d+"
_HF = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^enc_p\.emb\.", "text_encoder.embed_tokens."),
        (r"^enc_p\.proj\.", "text_encoder.project."),
        (
            r"^enc_p\.encoder\.attn_layers\.(\d+)\.conv_([qkv])\.",
            r"text_encoder.encoder.layers.\1.attention.\2_proj.",
        ),
        (
            r"^enc_p\.encoder\.attn_layers\.(\d+)\.conv_o\.",
            r"text_encoder.encoder.layers.\1.attention.out_proj.",
        ),
        (
            r"^enc_p\.encoder\.attn_layers\.(\d+)\.",
            r"text_encoder.encoder.layers.\1.attention.",
        ),
        (r"^enc_p\.encoder\.norm_layers_1\.(\d+)\.", r"text_encoder.encoder.layers.\1.layer_norm."),
        (
            r"^enc_p\.encoder\.norm_layers_2\.(\d+)\.",
            r"text_encoder.encoder.layers.\1.final_layer_norm.",
        ),
        (r"^enc_p\.encoder\.ffn_layers\.(\d+)\.", r"text_encoder.encoder.layers.\1.feed_forward."),
        (r"^enc_q\.proj\.", "posterior_encoder.conv_proj."),
        (r"^enc_q\.", "posterior_encoder."),
        (r"^(flow\.flows\.\d+)\.post\.", r"\1.conv_post."),
        (r"^(posterior_encoder|flow\.flows\.\d+)\.pre\.", r"\1.conv_pre."),
        (r"^(posterior_encoder|flow\.flows\.\d+)\.enc\.", r"\1.wavenet."),
        (r"^dec\.ups\.", "decoder.upsampler."),
        (r"^dec\.", "decoder."),
        (r"^emb_g\.", "embed_speaker."),
        (rf"^dp\.({_FLOWS})\.m$", r"duration_predictor.\1.translate"),
        (rf"^dp\.({_FLOWS})\.logs$", r"duration_predictor.\1.log_scale"),
        (rf"^dp\.({_FLOWS})\.pre\.", r"duration_predictor.\1.conv_pre."),
        (rf"^dp\.({_FLOWS})\.proj\.", r"duration_predictor.\1.conv_proj."),
        (rf"^dp\.({_FLOWS})\.convs\.", r"duration_predictor.\1.conv_dds."),
        (r"^dp\.post_pre\.", "duration_predictor.post_conv_pre."),
        (r"^dp\.post_proj\.", "duration_predictor.post_conv_proj."),
        (r"^dp\.post_convs\.", "duration_predictor.post_conv_dds."),
        (r"\.convs_sep\.", ".convs_dilated."),
        (r"\.convs_1x1\.", ".convs_pointwise."),
        (r"\.gamma$", ".weight"),
        (r"\.beta$", ".bias"),
    )
)
# What a stochastic predictor calls differently from a deterministic one.
_STOCHASTIC = (
    ("dp.pre.", "duration_predictor.conv_pre."),
    ("dp.proj.", "duration_predictor.conv_proj."),
    ("dp.convs.", "duration_predictor.conv_dds."),
)
_NORMED = re.compile(r".+\.wavenet\.(in_layers|res_skip_layers)\.\d+\.weight|.+cond_layer\.weight")


def to_hugging_face(
    manifest: Mapping[str, Any], tensors: Mapping[str, Tensor], folder: Path
) -> list[Path]:
    """The model as `model.safetensors`, `config.json`, `vocab.json` and `tokenizer_config.json`.

    Raises UsageError for what a `VitsModel` cannot be: residual blocks of type 2 (Piper's low and
    medium voices), languages, speakers from recordings, other text rules.
    """
    config = from_dict(VitsConfig, manifest["config"], "config")
    decoder = decoders.config_of(manifest["vocoder"]["config"], "vocoder.config")
    text = from_dict(TextConfig, manifest.get("text", {}), "text")
    if problem := _problem(config, decoder, text):
        raise UsageError(
            f"'{manifest['name']}' cannot be exported as a VitsModel: {problem}.",
            "Export it with --as piper.",
        )
    named = hf_names(official(as_tables(config, tensors)), config.stochastic_durations)
    options = manifest.get("options", {})
    files: dict[str, Any] = {
        "config.json": _config(config, decoder, manifest["features"]["sample_rate"], options),
        "vocab.json": {symbol: row for row, symbol in enumerate(text.symbols)},
        "tokenizer_config.json": {
            "tokenizer_class": "VitsTokenizer",
            "language": text.language,
            "add_blank": text.add_blank,
            "is_uroman": text.romanise,
            "normalize": True,
            "phonemize": text.kind == "original",
            "pad_token": text.symbols[0],
            "unk_token": "<unk>",
        },
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"Cannot write {folder}: {error.strerror}.", "Check the path.") from error
    weights = folder / "model.safetensors"
    safetensors_file.save(weights, named)
    for name, table in files.items():
        write_text(folder / name, json.dumps(table, ensure_ascii=False, indent=2) + "\n")
    return [weights, *(folder / name for name in files)]


def _problem(config: VitsConfig, decoder: DecoderConfig, text: TextConfig) -> str:
    if decoder.block != 1:
        return "its decoder has residual blocks of type 2"
    if config.n_languages or (config.speaker_width and not config.n_speakers):
        return "it has languages or speakers from recordings"
    if text.kind not in ("mms", "original"):
        return f"its text rules are of the kind '{text.kind}'"
    return ""


def hf_names(theirs: Mapping[str, Tensor], stochastic: bool) -> dict[str, Tensor]:
    """The publication's tensors under Hugging Face's names and shapes."""
    found: dict[str, Tensor] = {}
    for key, tensor in theirs.items():
        name = _name(key, stochastic)
        tensor = tensor.detach().cpu()
        if re.search(r"\.attention\.\w+_proj\.weight$", name):
            tensor = tensor.squeeze(2)
        if _NORMED.fullmatch(name):
            root = name.removesuffix("weight")
            found[f"{root}weight_g"] = tensor.flatten(1).norm(dim=1).view(-1, 1, 1)
            found[f"{root}weight_v"] = tensor
        else:
            found[name] = tensor
    return found


def _name(key: str, stochastic: bool) -> str:
    key = re.sub(r"^flow\.flows\.(\d+)\.", lambda m: f"flow.flows.{int(m[1]) // 2}.", key)
    key = re.sub(
        r"^dp\.((?:post_)?flows)\.([1-9]\d*)\.",
        lambda m: f"dp.{m[1]}.{(int(m[2]) + 1) // 2}.",
        key,
    )
    for prefix, replacement in _STOCHASTIC if stochastic else ():
        if key.startswith(prefix):
            key = replacement + key.removeprefix(prefix)
    return re.sub(r"^dp\.", "duration_predictor.", renamed(key, _HF))


def _config(
    config: VitsConfig, decoder: DecoderConfig, sample_rate: int, options: Mapping[str, Any]
) -> dict[str, Any]:
    c, d = config, decoder
    return {
        "architectures": ["VitsModel"],
        "model_type": "vits",
        "vocab_size": c.n_tokens,
        "hidden_size": c.text_width,
        "num_hidden_layers": c.text_layers,
        "num_attention_heads": c.text_heads,
        "window_size": c.relative_window,
        "ffn_dim": c.text_ffn,
        "ffn_kernel_size": c.text_kernel,
        "flow_size": c.latent_width,
        "spectrogram_bins": c.n_bins,
        "use_stochastic_duration_prediction": c.stochastic_durations,
        "num_speakers": max(1, c.n_speakers),
        "speaker_embedding_size": c.speaker_width,
        "upsample_initial_channel": d.width,
        "upsample_rates": list(d.rates),
        "upsample_kernel_sizes": list(d.kernels),
        "resblock_kernel_sizes": list(d.block_kernels),
        "resblock_dilation_sizes": [list(row) for row in d.block_dilations],
        "depth_separable_num_layers": c.duration_layers,
        "duration_predictor_flow_bins": c.duration_bins,
        "duration_predictor_kernel_size": c.duration_kernel,
        "duration_predictor_num_flows": c.duration_flows,
        "duration_predictor_filter_channels": c.duration_width,
        "prior_encoder_num_flows": c.n_couplings,
        "prior_encoder_num_wavenet_layers": c.flow_layers,
        "posterior_encoder_num_wavenet_layers": c.posterior_layers,
        "wavenet_kernel_size": c.flow_kernel,
        "wavenet_dilation_rate": c.flow_dilation,
        "speaking_rate": options.get("speed", 1.0),
        "noise_scale": options.get("noise_scale", 0.667),
        "noise_scale_duration": options.get("duration_noise", 0.8),
        "sampling_rate": sample_rate,
    }
