"""Names of tensors: Coqui's and Hugging Face's -> the publication's -> ours. Pure functions.

Piper's checkpoints and MMS' have the publication's names, Piper's behind a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from torch import Tensor

from vivavoce.checkpoints.relative_names import RELATIVE_RENAMES
from vivavoce.checkpoints.remap import fold_weight_norm, strip, under
from vivavoce.checkpoints.speaker_names import speaker_tensors
from vivavoce.models.vits.vectors import VECTORS
from vivavoce.vocoders import inner as decoders

Layout = Literal["original", "coqui", "hf"]
Renames = tuple[tuple[re.Pattern[str], str], ...]

_PREFIXES = ("module.", "_orig_mod.", "model_g.")
_DISCRIMINATORS = re.compile(r"(module\.)?(model_d|model_mrd|disc|discriminator|net_d)\..+")
# Coqui keeps other models' weights in the same file where a speaker encoder is part of the loss.
_GUESTS = re.compile(r"(module\.)?(speaker_manager|audio_transform|speaker_encoder)\..+")
_BESIDE = ("speaker_encoder/", "speakers/")
VOCODER = "vocoder."
ENCODER = "speaker_encoder."
_ENCODER_FILE = re.compile(r"speaker_encoder/(?:model/)?(?P<own>.+)")
VARIATIONAL = "durations.variational."


def _compiled(*pairs: tuple[str, str]) -> Renames:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


def _every_second(match: re.Match[str]) -> str:
    """Coqui and Hugging Face do not count the reversals of channels between the couplings."""
    return f"flow.flows.{2 * int(match[1])}."


_COQUI = _compiled(
    (r"^text_encoder\.", "enc_p."),
    (r"^posterior_encoder\.", "enc_q."),
    (r"^waveform_decoder\.cond_layer\.", "dec.cond."),
    (r"^waveform_decoder\.", "dec."),
    (r"^duration_predictor\.((?:post_)?flows)\.0\.translation$", r"dp.\1.0.m"),
    (r"^duration_predictor\.((?:post_)?flows)\.0\.log_scale$", r"dp.\1.0.logs"),
    (r"^duration_predictor\.", "dp."),
)
_HF = _compiled(
    (r"^text_encoder\.embed_tokens\.", "enc_p.emb."),
    (r"^text_encoder\.project\.", "enc_p.proj."),
    (
        r"^text_encoder\.encoder\.layers\.(\d+)\.attention\.([qkv])_proj\.",
        r"enc_p.encoder.attn_layers.\1.conv_\2.",
    ),
    (
        r"^text_encoder\.encoder\.layers\.(\d+)\.attention\.out_proj\.",
        r"enc_p.encoder.attn_layers.\1.conv_o.",
    ),
    (
        r"^text_encoder\.encoder\.layers\.(\d+)\.attention\.emb_rel_",
        r"enc_p.encoder.attn_layers.\1.emb_rel_",
    ),
    (r"^text_encoder\.encoder\.layers\.(\d+)\.layer_norm\.", r"enc_p.encoder.norm_layers_1.\1."),
    (
        r"^text_encoder\.encoder\.layers\.(\d+)\.final_layer_norm\.",
        r"enc_p.encoder.norm_layers_2.\1.",
    ),
    (r"^text_encoder\.encoder\.layers\.(\d+)\.feed_forward\.", r"enc_p.encoder.ffn_layers.\1."),
    (r"^(posterior_encoder|flow\.flows\.\d+)\.conv_pre\.", r"\1.pre."),
    (r"^posterior_encoder\.conv_proj\.", "posterior_encoder.proj."),
    (r"^(flow\.flows\.\d+)\.conv_post\.", r"\1.post."),
    (r"^(posterior_encoder|flow\.flows\.\d+)\.wavenet\.", r"\1.enc."),
    (r"^posterior_encoder\.", "enc_q."),
    (r"^decoder\.upsampler\.", "dec.ups."),
    (r"^decoder\.", "dec."),
    (r"^embed_speaker\.", "emb_g."),
    (r"^duration_predictor\.post_conv_pre\.", "dp.post_pre."),
    (r"^duration_predictor\.post_conv_proj\.", "dp.post_proj."),
    (r"^duration_predictor\.post_conv_dds\.", "dp.post_convs."),
    (r"^duration_predictor\.((?:post_)?flows)\.0\.translate$", r"dp.\1.0.m"),
    (r"^duration_predictor\.((?:post_)?flows)\.0\.log_scale$", r"dp.\1.0.logs"),
    (r"^duration_predictor\.conv_pre\.", "dp.pre."),
    (r"^duration_predictor\.conv_proj\.", "dp.proj."),
    (r"^duration_predictor\.conv_dds\.", "dp.convs."),
    (r"^duration_predictor\.((?:post_)?flows\.\d+)\.conv_pre\.", r"dp.\1.pre."),
    (r"^duration_predictor\.((?:post_)?flows\.\d+)\.conv_proj\.", r"dp.\1.proj."),
    (r"^duration_predictor\.((?:post_)?flows\.\d+)\.conv_dds\.", r"dp.\1.convs."),
    (r"^duration_predictor\.", "dp."),
    (r"^(dp\..*convs)\.convs_dilated\.", r"\1.convs_sep."),
    (r"^(dp\..*convs)\.convs_pointwise\.", r"\1.convs_1x1."),
)
# A flow of splines has an affine map first, which the publication counts, and reversals of the
# channels, which only it counts: splines are 1, 3, 5, 7 there, 1, 2, 3, 4 elsewhere.
_SPLINE = re.compile(r"^dp\.(post_)?flows\.([1-9]\d*)\.(.+)$")
_COUPLING = re.compile(r"^flow\.flows\.(\d+)\.")
_SPLINE_PARTS = _compiled((r"^pre\.", "start."), (r"^convs\.", "stack."), (r"^proj\.", "end."))
_TAILS = _compiled(
    (r"\.in_layers\.", ".inputs."),
    (r"\.res_skip_layers\.", ".outputs."),
    (r"\.cond_layer\.", ".condition."),
    (r"\.convs_sep\.", ".depthwise."),
    (r"\.convs_1x1\.", ".pointwise."),
    (r"\.gamma$", ".weight"),
    (r"\.beta$", ".bias"),
)
_OURS = _compiled(
    (r"^enc_p\.emb\.", "text.embedding."),
    (r"^enc_p\.proj\.", "text.projection."),
    (r"^enc_p\.encoder\.", "text."),
    *RELATIVE_RENAMES,
    (r"^enc_q\.pre\.", "posterior.start."),
    (r"^enc_q\.enc\.", "posterior.wavenet."),
    (r"^enc_q\.proj\.", "posterior.end."),
    (r"^(flow\.couplings\.\d+)\.pre\.", r"\1.start."),
    (r"^(flow\.couplings\.\d+)\.enc\.", r"\1.wavenet."),
    (r"^(flow\.couplings\.\d+)\.post\.", r"\1.end."),
    (r"^emb_g\.", "speakers."),
    (r"^emb_l\.", "language_table."),
    (r"^dp\.flows\.0\.m$", "durations.affine.shift"),
    (r"^dp\.flows\.0\.logs$", "durations.affine.log_scale"),
    (r"^dp\.post_flows\.0\.m$", f"{VARIATIONAL}affine.shift"),
    (r"^dp\.post_flows\.0\.logs$", f"{VARIATIONAL}affine.log_scale"),
    (r"^dp\.post_pre\.", f"{VARIATIONAL}start."),
    (r"^dp\.post_convs\.", f"{VARIATIONAL}stack."),
    (r"^dp\.post_proj\.", f"{VARIATIONAL}end."),
    (r"^dp\.cond\.", "durations.condition."),
    (r"^dp\.cond_lang\.", "durations.language."),
    (r"^dp\.pre\.", "durations.start."),
    (r"^dp\.convs\.", "durations.stack."),
)


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a VITS in any of its layouts."""
    return bool(layout_of(names))


def layout_of(names: Iterable[str]) -> Layout | None:
    """Whose names they are: by the text encoder's embedding, beside the waveform's decoder."""
    short = {_short(name) for name in names}
    if "enc_p.emb.weight" in short and any(n.startswith("dec.conv_pre.") for n in short):
        return "original"
    if "text_encoder.emb.weight" in short and any(n.startswith("waveform_decoder.") for n in short):
        return "coqui"
    if "text_encoder.embed_tokens.weight" in short:
        return "hf"
    return None


def official(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Under the publication's names, weight norm folded, and the foreign names left out on purpose.

    What only a discriminator or a loss needs is left out, and what stochastic durations have for
    training where it is not whole.
    """
    beside = {n for n in tensors if n.startswith(_BESIDE)}
    more = _from_beside({n: tensors[n] for n in beside}, tensors)
    tensors = {k: v for k, v in tensors.items() if k not in beside}
    left_out = {n for n in tensors if _DISCRIMINATORS.fullmatch(n) or _GUESTS.fullmatch(n)}
    kept = strip({k: v for k, v in tensors.items() if k not in left_out}, *_PREFIXES)
    layout = layout_of(kept)
    renamed = {_official(name, layout): tensor for name, tensor in fold_weight_norm(kept).items()}
    if "dp.post_pre.weight" not in renamed:
        spare = [name for name in renamed if name.startswith(("dp.post_", "dp.flows.1."))]
        left_out |= set(spare)
        renamed = {k: v for k, v in renamed.items() if k not in left_out}
    return renamed | more, sorted(left_out)


def _from_beside(beside: Mapping[str, Tensor], own: Iterable[str]) -> dict[str, Tensor]:
    """The speakers' vectors as a table, and the speaker encoder, where the model takes them.

    A model with a table of its own learned from no encoder, or only in its loss.
    """
    if any(_short(name) == "emb_g.weight" for name in own):
        return {}
    found = {"emb_g.weight": beside[VECTORS]} if VECTORS in beside else {}
    files = ((_ENCODER_FILE.fullmatch(name), tensor) for name, tensor in beside.items())
    its = speaker_tensors({match["own"]: tensor for match, tensor in files if match})
    return found | {f"{ENCODER}{name}": tensor for name, tensor in its.items()}


def _short(name: str) -> str:
    while found := next((p for p in _PREFIXES if name.startswith(p)), ""):
        name = name.removeprefix(found)
    return name


def _official(name: str, layout: Layout | None) -> str:
    if layout in ("coqui", "hf"):
        for pattern, replacement in _COQUI if layout == "coqui" else _HF:
            name = pattern.sub(replacement, name)
        name = _COUPLING.sub(_every_second, name)
        if match := _SPLINE.match(name):
            name = f"dp.{match[1] or ''}flows.{2 * int(match[2]) - 1}.{match[3]}"
    return name


def adapt(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The publication's tensors as ours: the model's, and the decoder's behind `vocoder.`.

    A name that nobody knows stays, so that the strict load can complain about it.
    """
    stochastic = "dp.flows.0.m" in theirs
    ours = {
        _ours(name, stochastic): _reshaped(name, tensor)
        for name, tensor in theirs.items()
        if not name.startswith("dec.")
    }
    return ours | {f"{VOCODER}{k}": v for k, v in decoders.adapt(decoder(theirs)).items()}


def decoder(theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The HiFi-GAN inside, under the names that its own converter knows."""
    its = under(theirs, "dec.")
    return {name.replace("cond.", "cond_layer.", 1) if name.startswith("cond.") else name: tensor
            for name, tensor in its.items()}  # fmt: skip


def _ours(name: str, stochastic: bool) -> str:
    if match := _SPLINE.match(name):
        name = _spline(bool(match[1]), (int(match[2]) - 1) // 2, match[3])
    elif match := _COUPLING.match(name):
        name = f"flow.couplings.{int(match[1]) // 2}.{name[match.end() :]}"
    for pattern, replacement in _OURS:
        name = pattern.sub(replacement, name)
    if name.startswith("dp."):
        last = "durations.end." if stochastic else "durations.projection."
        name = re.sub(r"^dp\.", "durations.", re.sub(r"^dp\.proj\.", last, name))
    for pattern, replacement in _TAILS:
        name = pattern.sub(replacement, name)
    return name


def _spline(posterior: bool, number: int, rest: str) -> str:
    for pattern, replacement in _SPLINE_PARTS:
        rest = pattern.sub(replacement, rest)
    if posterior:
        return f"{VARIATIONAL}splines.{number}.{rest}"
    return f"durations.splines.{number - 1}.{rest}" if number else f"{VARIATIONAL}first.{rest}"


def _reshaped(name: str, tensor: Tensor) -> Tensor:
    """Vectors and relative positions without axes of length 1, matrices as convolutions."""
    if ".emb_rel_" in name:
        return tensor.squeeze(0)
    if name.endswith((".m", ".logs", ".gamma", ".beta")):
        return tensor.flatten()
    if re.fullmatch(r"enc_p\.encoder\.attn_layers\.\d+\.conv_[qkvo]\.weight", name):
        return tensor.unsqueeze(2) if tensor.dim() == 2 else tensor
    return tensor
