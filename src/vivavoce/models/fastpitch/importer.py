"""Names and settings of Coqui's ForwardTTS and AlignTTS -> ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.audio.coqui import Stats, features_from_coqui
from vivavoce.checkpoints.importer import Importer
from vivavoce.checkpoints.relative_names import RELATIVE_RENAMES
from vivavoce.checkpoints.remap import count, fold_weight_norm, renamed, require_count
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models.fastpitch.config import (
    FastPitchConfig,
    FastPitchOptions,
    PredictorSizes,
    StackSizes,
)
from vivavoce.text.coqui_model import text_table

_DROPPED = re.compile(r"(aligner|mdn_block|mod_layer)\..*|.*\.num_batches_tracked")
_ATTENTION = (
    (r"\.fft_layers\.", ".layers."),
    (r"\.self_attn\.in_proj_", ".inputs."),
    (r"\.self_attn\.out_proj\.", ".output."),
    (r"(\.layers\.\d+)\.conv1\.", r"\1.expand."),
    (r"(\.layers\.\d+)\.conv2\.", r"\1.contract."),
    (r"(\.layers\.\d+)\.norm([12])\.", r"\1.norm_\2."),
)
_RESIDUAL = (
    (r"\.prenet\.res_blocks\.", ".res_conv_block.res_blocks."),
    (r"\.res_conv_block\.res_blocks\.(\d+)\.", r".residual.blocks.\1."),
    (r"\.conv_bn_blocks\.", ".layers."),
    (r"\.conv1d\.", ".conv."),
)
_RENAMES = (
    (r"^pos_encoder\.pe$", "positions"),
    (r"^emb\.", "embedding."),
    (r"^emb_g\.", "speakers."),
    (r"^(pitch|energy)_predictor\.", r"\1.predictor."),
    (r"^(pitch|energy)_emb\.", r"\1.embedding."),
    (r"^duration_predictor\.layers\.3\.", "durations.projection."),
    (r"^duration_predictor\.", "durations."),
    (r"((?:durations|predictor)\..*)proj\.", r"\1projection."),
    (r"^(encoder|decoder)\.\1\.", r"\1."),
    (r"^encoder\.prenet\.0\.", "encoder.first."),
    (r"^encoder\.postnet\.0\.", "encoder.middle."),
    (r"^encoder\.postnet\.3\.", "encoder.last."),
    (r"^decoder\.transformer_block\.", "decoder.transformer."),
    (r"^decoder\.post_conv\.", "decoder.middle."),
    (r"^decoder\.prenet\.", "decoder.first."),
    (r"^decoder\.wn\.wn_blocks\.(\d+)\.in_layers\.", r"decoder.blocks.\1.inputs."),
    (r"^decoder\.wn\.wn_blocks\.(\d+)\.res_skip_layers\.", r"decoder.blocks.\1.outputs."),
    (r"^decoder\.postnet\.0\.conv_bn_blocks\.", "decoder.tail.conv_bn_blocks."),
    (r"^decoder\.postnet\.(1\.)?(?=weight|bias)", "decoder.last."),
    (r"^decoder\.postnet\.0\.", "decoder.tail.0."),
    (r"^decoder\.postnet\.2\.", "decoder.tail.1."),
    (r"^decoder\.postnet\.4\.", "decoder.tail.2."),
    (r"^decoder\.postnet\.6\.", "decoder.tail.3."),
    *_ATTENTION,
    *_RESIDUAL,
    (r"\.rel_pos_transformer\.", "."),
    *RELATIVE_RENAMES,
)
_BATCH_NORM_EPS = 1e-5


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a Coqui ForwardTTS or AlignTTS."""
    known = set(names)
    durations = {"duration_predictor.proj.weight", "duration_predictor.layers.3.weight"}
    inside = any(name.startswith("decoder.decoder.") for name in known)
    return "emb.weight" in known and bool(durations & known) and inside


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with norms folded, and the foreign keys left out.

    Those are what only training reads: the aligner, AlignTTS' mixture densities and a layer of
    it that nothing uses.
    """
    dropped = [key for key in tensors if _DROPPED.fullmatch(key)]
    kept = {key: value for key, value in tensors.items() if key not in set(dropped)}
    ours = {_renamed(key): value for key, value in fold_weight_norm(kept).items()}
    _fold_inner_norm(ours)
    for key in [key for key in ours if key.endswith(".norm.running_mean")]:
        name = key.removesuffix("running_mean")
        scale, shift = _known_norm(ours, name)
        ours[f"{name}scale"], ours[f"{name}shift"] = scale[:, None], shift[:, None]
    return {key: _shaped(key, value) for key, value in ours.items()}, dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables from a Coqui `config.json`; `stats` as in `features_from_coqui`.

    Raises BadCheckpoint for what is not implemented and for numbers of layers that are not there.
    """
    arguments = foreign.get("model_args") or {}
    settings = {**foreign, **arguments}
    if "proj_g.weight" in tensors or settings.get("use_d_vector_file"):
        raise BadCheckpoint(
            "This model needs vectors from a speaker encoder; that is not implemented.",
            "Models with a speaker file (speaker_ids.json) can be used.",
        )
    config = config_from_coqui(settings, tensors)
    scale = float(settings.get("length_scale") or 1.0)
    return {
        "config": to_dict(config),
        "speakers": [str(row) for row in range(config.n_speakers)],
        "features": to_dict(features_from_coqui(foreign.get("audio") or {}, stats)),
        "text": text_table(foreign),
        "options": to_dict(FastPitchOptions(speed=1 / scale)),
    }


def config_from_coqui(
    settings: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> FastPitchConfig:
    """Sizes are read from the weights; what they do not tell comes from the settings."""
    ours, _ = adapt(tensors)
    align = "duration_predictor.layers.3.weight" in tensors
    last = ours.get("decoder.tail.3.weight", ours.get("decoder.last.weight"))
    if last is None:
        raise BadCheckpoint("The decoder's last layer is missing.", "Use the full checkpoint.")
    return FastPitchConfig(
        n_tokens=ours["embedding.weight"].shape[0],
        width=ours["embedding.weight"].shape[1],
        n_mels=last.shape[0],
        encoder=_stack("encoder", settings, ours, 2 if align else 1),
        decoder=_stack("decoder", settings, ours, 2 if align else 1),
        durations=_predictor(ours, "durations.", "") or PredictorSizes(),
        duration_batch_norm=align,
        pitch=_predictor(ours, "pitch.predictor.", "pitch.embedding.weight"),
        energy=_predictor(ours, "energy.predictor.", "energy.embedding.weight"),
        positions=ours["positions"].shape[1] if "positions" in ours else 0,
        n_speakers=ours["speakers.weight"].shape[0] if "speakers.weight" in ours else 0,
    )


def _stack(
    part: str, settings: Mapping[str, Any], ours: Mapping[str, Tensor], heads: int
) -> StackSizes:
    """`heads` is how many there are where the settings do not say it."""
    said = settings.get(f"{part}_params") or {}
    layers = f"{part}.transformer.layers." if part == "decoder" else f"{part}.layers."
    blocks, number = f"{part}.blocks.", count(ours, layers)
    if f"{layers}0.inputs.weight" in ours:
        require_count(ours, layers, said.get("num_layers", number), "num_layers")
        inner, _, kernel = ours[f"{layers}0.expand.weight"].shape
        return StackSizes("transformer", number, said.get("num_heads", heads), inner, kernel)
    if f"{layers}0.attention.query.weight" in ours:
        inner, _, kernel = ours[f"{layers}0.feed_forward.expand.weight"].shape
        heads, window = said.get("num_heads", 2), said.get("rel_attn_window_size")
        return StackSizes("relative", number, heads, inner, kernel, window=window)
    if f"{blocks}0.inputs.0.weight" in ours:
        _, inner, kernel = ours[f"{blocks}0.inputs.0.weight"].shape
        rate, number = said.get("dilation_rate", 1), count(ours, f"{blocks}0.inputs.")
        n_blocks = count(ours, blocks)
        return StackSizes("wavenet", number, 1, inner, kernel, blocks=n_blocks, dilation_rate=rate)
    return _residual(part, said, ours)


def _residual(part: str, said: Mapping[str, Any], ours: Mapping[str, Tensor]) -> StackSizes:
    blocks = f"{part}.residual.blocks."
    first = ours.get(f"{blocks}0.layers.0.conv.weight")
    if first is None:
        raise BadCheckpoint(
            f"The {part} is of an unsupported kind.",
            "Known: fftransformer, residual_conv_bn, relative_position_transformer, wavenet.",
        )
    number = count(ours, blocks)
    usual = (4 * (1, 2, 4) if part == "encoder" else 4 * (1, 2, 4, 8)) + (1,)
    dilations = tuple(said.get("dilations", usual))
    require_count(ours, blocks, len(dilations), "dilations")
    return StackSizes(
        kind="residual",
        layers=number,
        kernel=first.shape[2],
        dilations=dilations,
        convolutions=count(ours, f"{blocks}0.layers."),
    )


def _predictor(ours: Mapping[str, Tensor], prefix: str, embedding: str) -> PredictorSizes | None:
    first = ours.get(f"{prefix}conv_1.weight")
    if first is None:
        return None
    taps = ours[embedding].shape[2] if embedding in ours else PredictorSizes.embedding
    return PredictorSizes(first.shape[0], first.shape[2], taps)


def _renamed(key: str) -> str:
    return renamed(key, _RENAMES).replace(".gamma", ".weight").replace(".beta", ".bias")


def _shaped(name: str, tensor: Tensor) -> Tensor:
    """Coqui keeps norms as `[1, C, 1]`, tables with a leading one."""
    if name == "positions" or ".relative_" in name:
        return tensor.squeeze(0)
    return tensor.flatten() if re.search(r"\.norm_[12]\.", name) else tensor


def _known_norm(ours: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """A batch norm's factor and summand, each `[C]`; its four tensors are taken out."""
    parts = [
        ours.pop(name + end, None) for end in ("weight", "bias", "running_mean", "running_var")
    ]
    gain, shift, mean, variance = (None if part is None else part.double() for part in parts)
    if gain is None or shift is None or mean is None or variance is None:
        raise BadCheckpoint(f"The batch norm '{name[:-1]}' is incomplete.")
    scale = gain / (variance + _BATCH_NORM_EPS).sqrt()
    return scale.float(), (shift - mean * scale).float()


def _fold_inner_norm(ours: dict[str, Tensor]) -> None:
    """The batch norm before the last layer of SpeedySpeech's encoder becomes part of that layer."""
    name = "encoder.postnet.2."
    if f"{name}running_mean" not in ours:
        return
    scale, shift = _known_norm(ours, name)
    weight = ours["encoder.last.weight"]
    ours["encoder.last.bias"] = ours["encoder.last.bias"] + weight[:, :, 0] @ shift
    ours["encoder.last.weight"] = weight * scale[:, None]


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
