"""Bark's checkpoints, Suno's three files and Hugging Face's one -> ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.audio.specs import ENCODEC_24K
from vivavoce.checkpoints.companions import Companion
from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import count, renamed, under
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models.bark.config import BarkConfig, GptConfig
from vivavoce.models.bark.text import vocabulary_of
from vivavoce.vocoders import VOCODERS

# The first transformer, text_2.pt, is the model's own file.
COMPANIONS = {
    "coarse": Companion("coarse_2.pt"),
    "fine": Companion("fine_2.pt"),
    "codec": Companion("encodec*.safetensors", "hf://facebook/encodec_24khz/model.safetensors"),
    "vocabulary": Companion("vocab.txt", "hf://google-bert/bert-base-multilingual-cased/vocab.txt"),
}
PARTS = ("semantic", "coarse", "fine")
HEAD_WIDTH = 64
LANGUAGES = ["en", "de", "es", "fr", "hi", "it", "ja", "ko", "pl", "pt", "ru", "tr", "zh"]
CODEC = "codec."
_ADVICE = (
    "Put text_2.pt, coarse_2.pt, fine_2.pt, encodec.safetensors and vocab.txt into one folder."
)

_PARTS = (
    (r"^(coarse|fine)/model/", r"\1."),
    (r"^(coarse|fine)_acoustics\.", r"\1."),
    (r"^(codec_model\.|codec/)", CODEC),
    (r"^(?!coarse|fine|semantic|codec)", "semantic."),
    (r"\._orig_mod\.", "."),
)
_LAYERS = (
    (r"\.transformer\.", "."),
    (r"\.(h|layers)\.(\d+)\.(layernorm|ln)_([12])\.", r".blocks.\2.norm\4."),
    (r"\.(h|layers)\.(\d+)\.(attn|mlp)\.", r".blocks.\2.\3."),
    (r"\.attn\.(c_attn|att_proj)\.", ".qkv."),
    (r"\.attn\.(c_proj|out_proj)\.", ".out."),
    (r"\.mlp\.(c_fc|in_proj)\.", ".up."),
    (r"\.mlp\.(c_proj|out_proj)\.", ".down."),
    (r"\.(ln_f|layernorm_final)\.", ".norm."),
    (r"\.(wpe|position_embeds_layer)\.", ".positions."),
    (r"\.(wtes|input_embeds_layers)\.", ".books."),
    (r"\.(wte|input_embeds_layer)\.", ".tokens."),
    (r"\.lm_head\.", ".head."),
)
# Causal masks, what training counts, and second names of the fine codes' embeddings.
_DROPPED = re.compile(r".+\.attn\.bias|(coarse|fine)/.+|fine\.lm_heads\..+")


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are Bark's first transformer, or all of Bark."""
    ours = {renamed(renamed(name, _PARTS), _LAYERS) for name in names}
    wanted = "tokens", "blocks.0.qkv", "head"
    return {f"semantic.{part}.weight" for part in wanted} <= ours


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names, and the foreign names left out on purpose; the codec's as its family has them."""
    theirs = {name: renamed(name, _PARTS) for name in tensors}
    codec = {known.removeprefix(CODEC): n for n, known in theirs.items() if known.startswith(CODEC)}
    dropped = [name for name, known in theirs.items() if _DROPPED.fullmatch(known)]
    left_out = {*dropped, *codec.values()}
    ours = {renamed(theirs[n], _LAYERS): t for n, t in tensors.items() if n not in left_out}
    its, unused = {known: tensors[name] for known, name in codec.items()}, list[str]()
    if family := VOCODERS.recognise(its):
        its, unused = VOCODERS.family(family).importer.adapt(its)
    dropped += [codec[known] for known in unused]
    return ours | {f"vocoder.{name}": tensor for name, tensor in its.items()}, dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables, the sizes from the tensors. Raises BadCheckpoint for a missing file.

    How wide heads are the checkpoint's `model_args` say, else they are 64 as in all releases.
    """
    found = foreign.get("found") or {}
    kind = foreign.get("model") or foreign.get("model_type") or "bark"
    if kind != "bark":
        raise BadCheckpoint(f"The weights are Bark's, the configuration a '{kind}'.", _ADVICE)
    if "vocabulary" not in found:
        raise BadCheckpoint("There is no vocab.txt beside the checkpoint.", _ADVICE)
    args = (found.get("checkpoint") or {}).get("model_args") or {}
    head_width = int(args.get("n_embd", HEAD_WIDTH)) // int(args.get("n_head", 1))
    ours, _ = adapt(tensors)
    semantic, coarse, fine = (gpt_config(ours, part, head_width) for part in PARTS)
    features = to_dict(ENCODEC_24K)
    return {
        "config": to_dict(BarkConfig(semantic=semantic, coarse=coarse, fine=fine)),
        "features": features,
        "text": {"vocabulary": vocabulary_of(found["vocabulary"])},
        "vocoder": {"features": features, **_vocoder(tensors)},
        "languages": LANGUAGES,
    }


def gpt_config(ours: Mapping[str, Tensor], part: str, head_width: int = HEAD_WIDTH) -> GptConfig:
    """The sizes of one transformer, from tensors under our names. Raises BadCheckpoint."""
    its = under(ours, f"{part}.")
    table = its.get("tokens.weight", its.get("books.0.weight"))
    if table is None:
        raise BadCheckpoint(f"The checkpoint lacks the model of the {part} codes.", _ADVICE)
    return GptConfig(
        n_in=table.shape[0],
        n_out=its.get("head.weight", table).shape[0],
        width=table.shape[1],
        depth=count(its, "blocks."),
        heads=max(1, table.shape[1] // head_width),
        bias="blocks.0.qkv.bias" in its,
        norm_bias="norm.bias" in its,
    )


def _vocoder(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    names = {name: renamed(name, _PARTS) for name in tensors}
    its = under({known: tensors[name] for name, known in names.items()}, CODEC)
    family = VOCODERS.recognise(its)
    sizes = VOCODERS.family(family).importer.config_from_tensors if family else None
    if sizes is None:
        raise BadCheckpoint("The checkpoint has no codec.", _ADVICE)
    return {"family": family, "config": to_dict(sizes(its))}


IMPORTER = Importer(
    recognises=recognises, adapt=adapt, tables=tables, companions=COMPANIONS, config_needed=False
)
