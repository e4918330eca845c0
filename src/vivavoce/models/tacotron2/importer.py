"""Coqui's Tacotron names and settings -> ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vivavoce.audio.coqui import Stats, features_from_coqui
from vivavoce.checkpoints.folding import fold_batch_norms, fuse_lstm_cells
from vivavoce.checkpoints.importer import Importer
from vivavoce.checkpoints.remap import count, renamed
from vivavoce.config import from_dict, to_dict
from vivavoce.models.tacotron2.config import AttentionConfig, StyleConfig, TacotronConfig
from vivavoce.text.coqui_model import text_table

_RENAMES = (
    (r"^embedding\.", "encoder.embedding."),
    (r"^speaker_embedding\.", "speakers."),
    (r"\.linear_layer\.", "."),
    (r"\.batch_normalization\.", ".norm."),
    (r"\.(convolution1d|conv1d)\.", "."),
    (r"\.bn\.", ".norm."),
    (r"^(encoder|gst_layer|capacitron_vae_layer)(.*)\.bns\.(\d+)\.", r"\1\2.convs.\3.norm."),
    (r"^encoder\.convolutions\.", "encoder.convs.convs."),
    (r"^postnet\.convolutions\.", "postnet.stack.convs."),
    (r"\.prenet\.linear_layers\.", ".prenet.layers."),
    (r"\.cbhg\.cbhg\.", ".cbhg."),
    (r"\.conv1d_banks\.", ".banks."),
    (r"\.conv1d_projections\.", ".project."),
    (r"\.pre_highway\.", ".widen."),
    (r"(\.highways\.\d+)\.H\.", r"\1.change."),
    (r"(\.highways\.\d+)\.T\.", r"\1.gate."),
    (r"^last_linear\.", "postnet.linear."),
    (r"\.inputs_layer\.", ".memory."),
    (r"\.query_layer\.", ".query."),
    (r"\.location_layer\.location_conv1d\.", ".location_conv."),
    (r"\.location_layer\.location_dense\.", ".location."),
    (r"\.attention\.ta\.", ".attention.agent."),
    (r"\.key_layer\.", ".key."),
    (r"\.static_filter_conv\.", ".static_conv."),
    (r"\.static_filter_layer\.", ".static."),
    (r"\.dynamic_filter_layer\.", ".dynamic."),
    (r"\.N_a\.0\.", ".hidden."),
    (r"\.N_a\.2\.", ".parameters_of."),
    (r"\.(linear_projection|proj_to_mel)\.", ".frames."),
    (r"\.stopnet\.(1|linear)\.", ".stop."),
    (r"\.project_to_decoder_in\.", ".inwards."),
    (r"\.decoder_rnns\.", ".recurrent."),
    (r"^(gst_layer|capacitron_vae_layer)\.encoder\.", "style."),
    (r"^gst_layer\.style_token_layer\.style_tokens$", "style.tokens"),
    (r"^gst_layer\.style_token_layer\.attention\.W_", "style."),
    (r"^capacitron_vae_layer\.post_encoder_mlp\.net\.0\.", "style.hidden."),
    (r"^capacitron_vae_layer\.post_encoder_mlp\.net\.2\.", "style.posterior."),
    (r"^capacitron_vae_layer\.text_summary_net\.lstm\.", "style.summary."),
    (r"^style\.recurrence\.", "style.recurrent."),
)
_TRAINING = ("coarse_decoder.", "decoder_backward.", "capacitron_vae_layer.beta")
"""Only training reads these: a second decoder with coarser steps, one backwards, a multiplier."""


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a Coqui Tacotron, of either generation."""
    known = set(names)
    outputs = {"decoder.linear_projection.linear_layer.weight", "decoder.proj_to_mel.weight"}
    return {"embedding.weight", "decoder.attention_rnn.weight_ih"} <= known and bool(
        outputs & known
    )


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with batch norms folded and gates fused; what only training needs is left out."""
    dropped = [name for name in tensors if name.startswith(_TRAINING)]
    ours = {renamed(k, _RENAMES): v for k, v in tensors.items() if not k.startswith(_TRAINING)}
    ours = fold_batch_norms(ours, lambda norm: 1e-3 if ".cbhg." in norm else 1e-5)
    if "decoder.decoder_rnn.weight_ih" in ours:
        ours = fuse_lstm_cells(ours, "decoder.attention_rnn", "decoder.decoder_rnn")
    return ours, dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables from a Coqui `config.json`; sizes are those of the tensors."""
    config = config_from_coqui(foreign, tensors)
    features = features_from_coqui(foreign.get("audio") or {}, stats)
    if config.generation == 1:
        features = replace(features, kind="linear", n_fft=2 * (config.n_linear - 1))
    return {
        "config": to_dict(config),
        "features": to_dict(features),
        "speakers": [str(row) for row in range(config.n_speakers)],
        "text": text_table(foreign),
    }


def config_from_coqui(foreign: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> TacotronConfig:
    """The reduction factor is the checkpoint's own, else the configuration's."""

    def rows(name: str) -> int:
        return tensors[name].shape[0]

    second = "decoder.linear_projection.linear_layer.weight" in tensors
    sizes = _second(rows, tensors) if second else _first(rows, tensors)
    if int(foreign.get("memory_size") or 0) < 1:
        sizes["memory"] = 0
    frames = "linear_projection.linear_layer" if second else "proj_to_mel"
    r_init = rows(f"decoder.{frames}.bias") // sizes["n_mels"]
    saved = (foreign.get("found") or {}).get("checkpoint") or {}
    inner = saved.get("config")
    inner = inner if isinstance(inner, dict) else {}
    dropout = bool(foreign.get("prenet_dropout", True))
    table = sizes | {
        "n_tokens": rows("embedding.weight"),
        "width": tensors["embedding.weight"].shape[1],
        "r": next(
            (r for r in (saved.get("r"), inner.get("r"), foreign.get("r")) if r is not None), r_init
        ),
        "r_init": r_init,
        "prenet": [
            rows(f"decoder.prenet.linear_layers.{n}.linear_layer.weight")
            for n in range(count(tensors, "decoder.prenet.linear_layers."))
        ],
        "prenet_bias": any(".prenet" in k and k.endswith("running_mean") for k in tensors),
        "prenet_dropout": dropout,
        "dropout_at_inference": dropout and bool(foreign.get("prenet_dropout_at_inference")),
        "attention": to_dict(_attention(foreign, tensors, second)),
    }
    if "speaker_embedding.weight" in tensors:
        table["n_speakers"], table["speaker_width"] = tensors["speaker_embedding.weight"].shape
    elif foreign.get("use_d_vector_file") and foreign.get("d_vector_dim"):
        table["speaker_width"] = foreign["d_vector_dim"]
    style = _style(foreign, tensors)
    return from_dict(TacotronConfig, table | ({"style": to_dict(style)} if style else {}))


def _second(rows: Callable[[str], int], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    last = count(tensors, "postnet.convolutions.") - 1
    return {
        "n_mels": rows(f"postnet.convolutions.{last}.convolution1d.weight"),
        "query": tensors["decoder.attention_rnn.weight_hh"].shape[1],
        "hidden": tensors["decoder.decoder_rnn.weight_hh"].shape[1],
        "postnet": rows("postnet.convolutions.0.convolution1d.weight"),
    }


def _first(rows: Callable[[str], int], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    n_mels = rows("postnet.cbhg.conv1d_projections.1.conv1d.weight")
    fed_back = tensors["decoder.prenet.linear_layers.0.linear_layer.weight"].shape[1] // n_mels
    return {
        "generation": 1,
        "n_mels": n_mels,
        "query": tensors["decoder.attention_rnn.weight_hh"].shape[1],
        "hidden": rows("decoder.project_to_decoder_in.weight"),
        "prenet_bias": True,
        "encoder_prenet": [
            rows(f"encoder.prenet.linear_layers.{n}.linear_layer.weight") for n in range(2)
        ],
        "bank": count(tensors, "encoder.cbhg.cbhg.conv1d_banks."),
        "post_bank": count(tensors, "postnet.cbhg.conv1d_banks."),
        "post_width": rows("postnet.cbhg.highways.0.H.weight"),
        "memory": fed_back,
        "n_linear": rows("last_linear.weight"),
    }


def _attention(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], second: bool
) -> AttentionConfig:
    place = "decoder.attention."
    if place + "key_layer.weight" in tensors:
        return AttentionConfig("dynamic", tensors[place + "query_layer.weight"].shape[0])
    if place + "N_a.2.weight" in tensors:
        return AttentionConfig("graves", heads=tensors[place + "N_a.2.weight"].shape[0] // 3)
    conv = tensors.get(place + "location_layer.location_conv1d.weight")
    return from_dict(
        AttentionConfig,
        {
            "width": tensors[place + "query_layer.linear_layer.weight"].shape[0],
            "location": conv is not None,
            "norm": foreign.get("attention_norm", "sigmoid"),
            "forward_attention": bool(foreign.get("use_forward_attn")),
            "forward_mask": bool(foreign.get("forward_attn_mask")),
            "agent": place + "ta.weight" in tensors,
            "window": bool(foreign.get("attention_win" if second else "windowing")),
        }
        | ({} if conv is None else {"filters": conv.shape[0], "kernel": conv.shape[2]}),
    )


def _style(foreign: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> StyleConfig | None:
    tokens = tensors.get("gst_layer.style_token_layer.style_tokens")
    layer = "gst_layer." if tokens is not None else "capacitron_vae_layer."
    convs = layer + "encoder.convs."
    channels = tuple(tensors[f"{convs}{n}.weight"].shape[0] for n in range(count(tensors, convs)))
    if not channels:
        return None
    recurrent = tensors[layer + "encoder.recurrence.weight_hh_l0"].shape[1]
    if tokens is not None:
        width = tensors[layer + "style_token_layer.attention.W_query.weight"].shape[0]
        heads = width // tokens.shape[1]
        return StyleConfig("tokens", width, channels, recurrent, len(tokens), heads)
    width = tensors[layer + "post_encoder_mlp.net.0.weight"].shape[0]
    summary = tensors.get(layer + "text_summary_net.lstm.weight_hh_l0")
    wide = 0 if summary is None else summary.shape[1]
    return StyleConfig("capacitron", width, channels, recurrent, summary=wide)


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
