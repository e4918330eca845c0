"""F5-TTS and E2 checkpoints: their names, sizes and settings -> ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vivavoce.audio.specs import BIGVGAN_24K, VOCOS_24K
from vivavoce.checkpoints.companions import Companion
from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import count, renamed, strip
from vivavoce.config import from_dict, to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models.f5.config import F5Config
from vivavoce.models.f5.variant import decide, last_parts, settings_of
from vivavoce.text.vocabulary import read_vocabulary
from vivavoce.types import FeatureSpec

# What belongs to a checkpoint, by its name among the settings. No configuration file is needed.
COMPANIONS = {
    "vocabulary": Companion("vocab*.txt", otherwise="hf://SWivid/F5-TTS/F5TTS_v1_Base/vocab.txt")
}

# By the vocoder that reads it, whose first word is the training code's name for the features.
_FRONT_ENDS = {"vocos-mel-24khz": VOCOS_24K, "bigvgan-v2-24khz-100band-256x": BIGVGAN_24K}
_PREFIXES = ("ema_model.", "_orig_mod.", "module.", "transformer.")
# Counters of the trainer, and tables that we make ourselves.
_DROPPED = re.compile(
    r"(initted|step|update|mel_spec\..*|rotary_embed\.inv_freq|text_embed\.freqs_cis)"
)
_RENAMES = (
    (r"^time_embed\.time_mlp\.0\.", "time.expand."),
    (r"^time_embed\.time_mlp\.2\.", "time.contract."),
    (r"^text_embed\.text_embed\.", "text.embedding."),
    (r"^text_embed\.text_blocks\.(\d+)\.dwconv\.", r"text.blocks.\1.depthwise."),
    (r"^text_embed\.text_blocks\.(\d+)\.pwconv1\.", r"text.blocks.\1.expand."),
    (r"^text_embed\.text_blocks\.(\d+)\.pwconv2\.", r"text.blocks.\1.contract."),
    (r"^text_embed\.text_blocks\.(\d+)\.grn\.", r"text.blocks.\1.response."),
    (r"^text_embed\.text_blocks\.(\d+)\.norm\.", r"text.blocks.\1.norm."),
    (r"^input_embed\.proj\.", "input.projection."),
    (r"^input_embed\.conv_pos_embed\.conv1d\.0\.", "input.position.0."),
    (r"^input_embed\.conv_pos_embed\.conv1d\.2\.", "input.position.1."),
    (r"^transformer_blocks\.(\d+)\.attn_norm\.linear\.", r"blocks.\1.modulation."),
    (r"^transformer_blocks\.(\d+)\.attn\.", r"blocks.\1.attention."),
    (r"^transformer_blocks\.(\d+)\.ff\.", r"blocks.\1.feed_forward."),
    (r"^layers\.(\d+)\.0\.", r"blocks.\1.skip."),
    (r"^layers\.(\d+)\.1\.g$", r"blocks.\1.attention_norm.weight"),
    (r"^layers\.(\d+)\.2\.", r"blocks.\1.attention."),
    (r"^layers\.(\d+)\.3\.g$", r"blocks.\1.feed_forward_norm.weight"),
    (r"^layers\.(\d+)\.4\.", r"blocks.\1.feed_forward."),
    (r"^(blocks\.\d+\.attention\.)to_q\.", r"\1query."),
    (r"^(blocks\.\d+\.attention\.)to_k\.", r"\1key."),
    (r"^(blocks\.\d+\.attention\.)to_v\.", r"\1value."),
    (r"^(blocks\.\d+\.attention\.)to_out\.0\.", r"\1output."),
    (r"^(blocks\.\d+\.attention\.)q_norm\.", r"\1query_norm."),
    (r"^(blocks\.\d+\.attention\.)k_norm\.", r"\1key_norm."),
    (r"^(blocks\.\d+\.feed_forward\.)ff\.0\.0\.", r"\1expand."),
    (r"^(blocks\.\d+\.feed_forward\.)ff\.2\.", r"\1contract."),
    (r"^long_skip_connection\.", "skip."),
    (r"^norm_out\.linear\.", "modulation."),
    (r"^norm_out\.g$", "norm.weight"),
    (r"^proj_out\.", "output."),
)


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are an F5, an E2 or their sibling MMDiT."""
    return any(name.endswith("time_embed.time_mlp.0.weight") for name in names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names, and the foreign names left out on purpose: counters, windows, tables.

    Raises BadCheckpoint for the MMDiT variant, and when a tensor is in the file twice.
    """
    dropped = [name for name in tensors if _DROPPED.fullmatch(_short(name))]
    left_out = set(dropped)
    short = strip({k: v for k, v in tensors.items() if k not in left_out}, *_PREFIXES)
    if any(name.startswith("audio_embed.") for name in short):
        raise BadCheckpoint(
            "This is an MMDiT model; of the F5 family only DiT and UNetT (E2) are implemented.",
            "No MMDiT weights have been published; use an F5-TTS or E2-TTS checkpoint.",
        )
    ours: dict[str, Tensor] = {}
    for name, tensor in short.items():
        renamed = _rename(name)
        ours[renamed] = tensor.flatten() if ".response." in renamed else tensor
    return ours, dropped


def _short(name: str) -> str:
    while found := next((p for p in _PREFIXES if name.startswith(p)), ""):
        name = name.removeprefix(found)
    return name


def _rename(name: str) -> str:
    """Ours; a name that nobody knows stays, so that the strict load can complain about it."""
    ours = renamed(name, _RENAMES)
    return f"backbone.{ours}" if ours != name else name


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """`config`, `features`, `text`, `variant` and `vocoder` of our manifest.

    `foreign` is the configuration beside the checkpoint, if any: the training code's own, the
    settings of a model card, or ours. Its table `found` holds what else is known: `vocabulary`
    (the text of vocab.txt), `source` (where the file came from) and `variant` (the catalogue's
    word). `variant` says which of the two behaviours that weights cannot tell apart was chosen,
    and why; `unknown` means that nothing told. Raises BadCheckpoint.
    """
    if stats is not None:
        raise BadCheckpoint(
            "F5-TTS needs no statistics file, but the configuration names one.",
            "Use the configuration that belongs to this checkpoint.",
        )
    found = foreign.get("found") or {}
    settings = settings_of(foreign)
    source = str(found.get("source", ""))
    config = config_from_tensors(tensors, settings)
    mask_text, rotary_heads, name, reason = decide(
        str(config["backbone"]), settings, source, str(found.get("variant", ""))
    )
    config |= {"mask_text": mask_text, "rotary_heads": rotary_heads}
    features, vocoder = _features(settings, source, config["n_mels"])
    n_tokens = config["n_tokens"]
    if settings.get("tokenizer") == "byte" and n_tokens == 256:
        text: dict[str, Any] = {"kind": "bytes"}
    else:
        text = {"kind": "pinyin", "vocabulary": vocabulary(found.get("vocabulary"), n_tokens)}
    result: dict[str, Any] = {
        "config": to_dict(from_dict(F5Config, config)),
        "features": to_dict(features),
        "text": text,
        "variant": {"name": name, "reason": reason},
    }
    return result | ({"vocoder": vocoder} if vocoder else {})


def vocabulary(text: str | None, n_tokens: int) -> list[str]:
    """The tokens of a vocab.txt, in their order.

    Raises BadCheckpoint where there is none, or where the weights were trained with another.
    """
    if text is None:
        raise BadCheckpoint(
            "There is no vocabulary for this checkpoint.",
            "Put its vocab.txt into the same folder, or name it with --vocab.",
        )
    tokens = list(read_vocabulary(text).tokens)
    if len(tokens) != n_tokens:
        raise BadCheckpoint(
            f"The vocabulary has {len(tokens)} entries, the weights have rows for {n_tokens}.",
            "Put the vocab.txt that belongs to this checkpoint beside it.",
        )
    return tokens


def config_from_tensors(
    tensors: Mapping[str, Tensor], settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The fields of F5Config that names and shapes tell, and the few that `settings` must add.

    Raises BadCheckpoint when a part is missing.
    """
    ours, _ = adapt(tensors)
    settings = settings or {}
    n_mels, dim = _shape(ours, "output.weight")
    rows, text_dim = _shape(ours, "text.embedding.weight")
    frequencies = [v for k, v in tensors.items() if _short(k) == "rotary_embed.inv_freq"]
    head_dim = 2 * frequencies[0].numel() if frequencies else int(settings.get("dim_head") or 64)
    unett = "backbone.norm.weight" in ours
    depth = count(ours, "backbone.blocks.")
    skip = settings.get("skip_connect_type") or settings.get("skip")
    joined = f"backbone.blocks.{depth - 1}.skip.weight" in ours
    if skip == "none":
        raise BadCheckpoint("An E2 model without skip connections is not implemented.")
    return {
        "backbone": "unett" if unett else "dit",
        "dim": dim,
        "depth": depth,
        "heads": _shape(ours, "blocks.0.attention.query.weight")[0] // head_dim,
        "head_dim": head_dim,
        "ff_mult": _shape(ours, "blocks.0.feed_forward.expand.weight")[0] // dim,
        "text_dim": text_dim,
        "text_layers": count(ours, "backbone.text.blocks."),
        "n_tokens": rows - 1,
        "qk_norm": "backbone.blocks.0.attention.query_norm.weight" in ours,
        "long_skip": "backbone.skip.weight" in ours,
        "stretch_text": bool(
            settings.get("text_embedding_average_upsampling") or settings.get("stretch_text")
        ),
        "skip": "add" if unett and not joined else "concat",
        "n_mels": n_mels,
    }


def _shape(ours: Mapping[str, Tensor], name: str) -> tuple[int, ...]:
    if f"backbone.{name}" not in ours:
        raise BadCheckpoint(
            f"This is not a complete F5 or E2 model: '{name}' is missing.",
            "Use a checkpoint of the full model, not a part or an adapter of it.",
        )
    return tuple(ours[f"backbone.{name}"].shape)


def _features(settings: Mapping[str, Any], source: str, n_mels: int) -> tuple[FeatureSpec, str]:
    """The mel front end, which only settings or names can tell, and the vocoder that reads it."""
    known = {vocoder.partition("-")[0]: vocoder for vocoder in _FRONT_ENDS}
    kind = str(settings.get("mel_spec_type") or "")
    if not kind:
        kind, *others = known
        said = " ".join(last_parts(source)).lower()
        kind = next((other for other in others if other in said), kind)
    if kind not in known:
        raise BadCheckpoint(
            f"Its configuration asks for the mel type '{kind}', which is not implemented.",
            f"Known: {', '.join(known)}.",
        )
    spec = _FRONT_ENDS[known[kind]]
    own = replace(
        spec,
        n_mels=n_mels,
        sample_rate=int(settings.get("target_sample_rate") or spec.sample_rate),
        n_fft=int(settings.get("n_fft") or spec.n_fft),
        win_length=int(settings.get("win_length") or spec.win_length),
        hop_length=int(settings.get("hop_length") or spec.hop_length),
    )
    return own, known[kind] if own == spec else ""


def front_end(spec: FeatureSpec) -> str:
    """The training code's name for features like these."""
    like = (name for name, known in _FRONT_ENDS.items() if known.framing == spec.framing)
    return next(like).partition("-")[0]


IMPORTER = Importer(
    recognises=recognises, adapt=adapt, tables=tables, companions=COMPANIONS, config_needed=False
)
