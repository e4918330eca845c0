"""Coqui's DelightfulTTS names and settings, its vocoder with them -> ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.audio.coqui import mel_from_coqui
from vivavoce.audio.specs import VITS_MEL_22K
from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import count, renamed, under
from vivavoce.config import from_dict, to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models.delightful.config import DelightfulConfig, DelightfulOptions
from vivavoce.text.coqui_model import text_table
from vivavoce.vocoders import inner

_RENAMES = (
    (r"^src_word_emb\.embeddings$", "embedding.weight"),
    (r"^emb_g\.", "speakers."),
    (r"\.layer_stack\.", ".layers."),
    (r"\.conditioning\.embedding_proj\.", ".speaker.speaker."),
    (r"\.conditioning\.", ".speaker."),
    (r"\.ff\.ln\.", ".feed_forward.norm."),
    (r"\.ff\.conv_1\.", ".feed_forward.expand."),
    (r"\.ff\.conv_2\.", ".feed_forward.contract."),
    (r"\.conformer_conv_([12])\.conv_1\.conv\.", r".conv_\1.expand."),
    (r"\.conformer_conv_([12])\.conv_2\.conv\.", r".conv_\1.contract."),
    (r"\.conformer_conv_([12])\.depthwise\.conv\.", r".conv_\1.depthwise."),
    (r"\.conformer_conv_([12])\.ln_", r".conv_\1.norm_"),
    (r"\.ln\.", ".norm."),
    (r"\.slf_attn\.attention\.(query|key|value)_proj\.", r".attention.\1."),
    (r"\.slf_attn\.attention\.pos_proj\.", ".attention.position."),
    (r"\.slf_attn\.attention\.out_proj\.", ".attention.output."),
    (r"\.slf_attn\.attention\.u_bias$", ".attention.content_bias"),
    (r"\.slf_attn\.attention\.v_bias$", ".attention.position_bias"),
    (r"^(utterance|phoneme)_prosody_predictor\.", r"\1.predictor."),
    (r"^u_bottle_out\.", "utterance.output."),
    (r"^p_bottle_out\.", "phoneme.output."),
    (r"^(pitch|energy)_adaptor\.\1_predictor\.", r"\1.predictor."),
    (r"^(pitch|energy)_adaptor\.\1_emb\.", r"\1.embedding."),
    (r"^duration_predictor\.", "durations."),
    (r"\.layers\.0\.conv\.(point|depth)wise\.", r".conv_1.\1wise."),
    (r"\.layers\.4\.conv\.(point|depth)wise\.", r".conv_2.\1wise."),
    (r"(predictor|durations)\.layers\.2\.", r"\1.norm_1."),
    (r"(predictor|durations)\.layers\.6\.", r"\1.norm_2."),
    (r"\.(linear_layer|predictor_bottleneck)\.", ".projection."),
)
_OWN, _DECODER = "acoustic_model.", "waveform_decoder."
_UNHEARD = re.compile(
    r"acoustic_model\.((aligner|utterance_prosody_encoder|phoneme_prosody_encoder|energy_scaler)\."
    r".+|.+\.conditioning\.sqrt)|disc\..+"
)
_GATES, _PADDING = ".conditioning.", "src_word_emb.padding_mult"


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a Coqui DelightfulTTS."""
    return {_OWN + "src_word_emb.embeddings", _OWN + "to_mel.weight"} <= set(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names, and the foreign keys left out.

    Those are what only training reads, and the gates of speakers where there is one speaker.
    """
    alone = _OWN + "emb_g.weight" not in tensors
    dropped = [k for k in tensors if _UNHEARD.fullmatch(k) or (alone and _GATES in k)]
    kept = {k: v for k, v in tensors.items() if k not in set(dropped)}
    own = under(kept, _OWN)
    padding = own.pop(_PADDING, None)
    ours = {renamed(k, _RENAMES): v.unsqueeze(1) if "_bias" in k else v for k, v in own.items()}
    if padding is not None and "embedding.weight" in ours:
        ours["embedding.weight"] = ours["embedding.weight"] * padding
    strange = {k: v for k, v in kept.items() if not k.startswith((_OWN, _DECODER))}
    vocoder = inner.adapt(under(kept, _DECODER))
    return ours | strange | {f"vocoder.{k}": v for k, v in vocoder.items()}, dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables from a Coqui `config.json`; sizes are those of the tensors.

    Raises BadCheckpoint for a part that is missing and for vectors of another program's speakers.
    """
    settings = {**foreign, **(foreign.get("model_args") or {})}
    if settings.get("use_d_vector_file"):
        raise BadCheckpoint(
            "This model needs vectors from a speaker encoder; that is not implemented.",
            "Models with a speaker file (speaker_ids.json) can be used.",
        )
    try:
        config = config_from_coqui(settings, adapt(tensors)[0])
    except KeyError as error:
        raise BadCheckpoint(f"A part is missing: {error}.", "Use the full checkpoint.") from error
    audio, vocoder = foreign.get("audio") or {}, settings.get("vocoder") or {}
    spec = mel_from_coqui(audio | {"num_mels": config.n_mels}, VITS_MEL_22K)
    said = {
        "rates": vocoder.get("upsample_rates_decoder"),
        "block_dilations": vocoder.get("resblock_dilation_sizes_decoder"),
    }
    return {
        "config": to_dict(config),
        "speakers": [str(row) for row in range(config.n_speakers)],
        "features": to_dict(spec),
        "text": text_table(foreign),
        "options": to_dict(DelightfulOptions(speed=1 / float(settings.get("length_scale") or 1))),
        "vocoder": inner.tables_of(under(tensors, _DECODER), said, spec),
    }


def config_from_coqui(settings: Mapping[str, Any], ours: Mapping[str, Tensor]) -> DelightfulConfig:
    """Raises KeyError for a tensor that is missing, ConfigError for sizes that do not fit."""

    def conformer(part: str) -> dict[str, int]:
        place = f"{part}.layers.0."
        return {
            "layers": count(ours, f"{part}.layers."),
            "heads": ours[place + "attention.content_bias"].shape[0],
            "kernel": ours[place + "conv_1.depthwise.weight"].shape[2],
        }

    speakers = ours.get("speakers.weight")
    rows, width = (0, 0) if speakers is None else speakers.shape
    table = {
        "n_tokens": ours["embedding.weight"].shape[0],
        "n_mels": ours["to_mel.bias"].shape[0],
        "width": ours["embedding.weight"].shape[1],
        "encoder": conformer("encoder"),
        "decoder": conformer("decoder"),
        "kernel": ours["durations.conv_1.depthwise.weight"].shape[2],
        "prosody_kernel": ours["phoneme.predictor.conv_1.depthwise.weight"].shape[2],
        "embedding": ours["pitch.embedding.weight"].shape[2],
        "utterance": ours["utterance.output.weight"].shape[1],
        "phoneme": ours["phoneme.output.weight"].shape[1],
        "slope": settings.get("lrelu_slope", DelightfulConfig.slope),
        "n_speakers": rows,
        "speaker_width": width,
    }
    return from_dict(DelightfulConfig, table)


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
