"""Coqui's GlowTTS names -> ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.audio.coqui import Stats, features_from_coqui
from vivavoce.checkpoints.glow_names import decoder_name, flat_vector
from vivavoce.checkpoints.importer import Importer
from vivavoce.checkpoints.relative_names import RELATIVE_RENAMES
from vivavoce.checkpoints.remap import fold_weight_norm, renamed, require_count
from vivavoce.config import from_dict, to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models.glow.config import GlowConfig, GlowOptions

# Foreign pattern -> ours, once the weight norm is folded.
_RENAMES = (
    (r"^encoder\.emb\.", "encoder.embedding."),
    (r"^encoder\.prenet\.conv_layers\.", "encoder.prenet.convs."),
    (r"^encoder\.prenet\.norm_layers\.", "encoder.prenet.norms."),
    (r"^encoder\.prenet\.proj\.", "encoder.prenet.projection."),
    (r"^encoder\.encoder\.", "encoder."),
    *RELATIVE_RENAMES,
    (r"^encoder\.proj_m\.", "encoder.mean."),
    (r"^encoder\.proj_s\.", "encoder.log_scale."),
    (r"^encoder\.duration_predictor\.proj\.", "encoder.durations.projection."),
    (r"^encoder\.duration_predictor\.", "encoder.durations."),
    (r"^emb_g\.", "speakers."),
)
_DECODER = "decoder."


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a Coqui GlowTTS."""
    return {"encoder.emb.weight", "decoder.flows.0.logs"} <= set(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names and shapes with weight norm folded, and the foreign keys left out: none so far."""
    ours: dict[str, Tensor] = {}
    for key, tensor in fold_weight_norm(tensors).items():
        name = _rename(key)
        ours[name] = _reshape(name, tensor)
    return ours, []


def _rename(key: str) -> str:
    if key.startswith(_DECODER):
        return _DECODER + decoder_name(key.removeprefix(_DECODER))
    return renamed(key, _RENAMES).replace(".gamma", ".weight").replace(".beta", ".bias")


def _reshape(name: str, tensor: Tensor) -> Tensor:
    """Coqui keeps per-channel vectors as `[1, C, 1]`, relative embeddings as `[1, 2w+1, D]`."""
    if ".norm" in name:
        return tensor.flatten()
    if name.startswith(_DECODER):
        return flat_vector(name, tensor)
    return tensor.squeeze(0) if ".relative_" in name else tensor


_ENCODER_KEYS = {
    "kernel_size": "encoder_kernel",
    "num_layers": "encoder_layers",
    "num_heads": "encoder_heads",
    "hidden_channels_ffn": "encoder_ffn",
    "rel_attn_window_size": "relative_window",
}
_KEYS = {
    "hidden_channels_enc": "encoder_width",
    "hidden_channels_dec": "decoder_width",
    "hidden_channels_dp": "duration_width",
    "num_flow_blocks_dec": "n_flows",
    "kernel_size_dec": "flow_kernel",
    "num_block_layers": "flow_layers",
    "dilation_rate": "dilation_rate",
    "num_squeeze": "n_squeeze",
    "mean_only": "mean_only",
    "use_encoder_prenet": "prenet",
    "sigmoid_scale": "sigmoid_scale",
    "out_channels": "n_mels",
}


_TEXT_KEYS = (
    *("model", "model_args", "characters", "text_cleaner", "use_phonemes", "phoneme_language"),
    *("add_blank", "enable_eos_bos_chars"),
)


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables from a Coqui `config.json`; `stats` as in `features_from_coqui`.

    Raises BadCheckpoint for what is not implemented.
    """
    speed = 1 / float(foreign.get("length_scale") or 1.0)
    noise = float(foreign.get("inference_noise_scale") or 0.0)
    options = from_dict(GlowOptions, {"speed": speed, "noise_scale": noise})
    text = {k: foreign[k] for k in _TEXT_KEYS if foreign.get(k) is not None}
    for key in ("model_args", "characters"):
        if not isinstance(text.get(key, {}), dict):
            raise BadCheckpoint(f"The configuration's '{key}' is not a table.")
    config = config_from_coqui(foreign, tensors)
    layers, flows = "encoder.encoder.attn_layers.", "decoder.flows."
    require_count(tensors, layers, config.encoder_layers, "encoder_params.num_layers")
    require_count(tensors, flows, 3 * config.n_flows, "three times num_flow_blocks_dec")
    return {
        "config": to_dict(config),
        "speakers": [str(row) for row in range(config.n_speakers)],
        "features": to_dict(features_from_coqui(foreign.get("audio") or {}, stats)),
        "text": {"kind": "coqui", "coqui": _without_none(text)},
        "options": to_dict(options),
    }


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no word for nothing."""
    return {
        k: _without_none(v) if isinstance(v, Mapping) else v
        for k, v in table.items()
        if v is not None
    }


def config_from_coqui(foreign: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> GlowConfig:
    """The architecture from a Coqui `config.json` table; sizes the file leaves open from tensors.

    Raises BadCheckpoint for an encoder type that is not implemented.
    """
    kind = foreign.get("encoder_type", "rel_pos_transformer")
    if kind != "rel_pos_transformer":
        raise BadCheckpoint(
            f"This GlowTTS has a '{kind}' text encoder; only 'rel_pos_transformer' is implemented.",
            "Newer checkpoints of the same voice usually have it.",
        )
    table = {ours: foreign[theirs] for theirs, ours in _KEYS.items() if theirs in foreign}
    encoder = foreign.get("encoder_params") or {}
    table |= {ours: encoder[k] for k, ours in _ENCODER_KEYS.items() if encoder.get(k) is not None}
    table["n_tokens"] = tensors["encoder.emb.weight"].shape[0]
    if "emb_g.weight" in tensors:
        table["n_speakers"], table["speaker_width"] = tensors["emb_g.weight"].shape
    elif foreign.get("use_d_vector_file") and foreign.get("d_vector_dim"):
        table["speaker_width"] = foreign["d_vector_dim"]
    return from_dict(GlowConfig, table)


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
