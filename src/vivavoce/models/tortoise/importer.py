"""The files of Tortoise's release: their names and sizes -> ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.audio.specs import TORTOISE_24K
from vivavoce.checkpoints.companions import Companion
from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import count, renamed, renamed_once, under
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models.tortoise.config import DiffusionConfig, RankConfig, TortoiseConfig
from vivavoce.models.tortoise.rank import HEAD
from vivavoce.nn.gpt_names import GPT_NAMES, GPT_UNUSED, turned
from vivavoce.vocoders import VOCODERS

# The release has no tokenizer among its weights: its code does.
TOKENIZER = (
    "https://raw.githubusercontent.com/neonbjb/tortoise-tts/main/tortoise/data/tokenizer.json"
)
COMPANIONS = {
    "clvp": Companion("clvp2.pth"),
    "diffusion": Companion("diffusion_decoder.pth"),
    "vocoder": Companion("vocoder.pth"),
    "rlg_auto": Companion("rlg_auto.pth"),
    "rlg_diffuser": Companion("rlg_diffuser.pth"),
    "mel_norms": Companion("mel_norms.pth"),
    "vocabulary": Companion("tokenizer.json", otherwise=TOKENIZER),
}
_EVERY = "mel_pos_embedding.emb.weight"
# Networks of the release that are not used: known not to be the model, and never read.
UNREAD = {
    f"unread {name}": Companion(name, unless=_EVERY)
    for name in ("cvvp.pth", "clvp.pth", "classifier.pth")
}
TOKENIZER_ADVICE = "Give the tokenizer.json of Tortoise's code with --vocab tokenizer.json."
ADVICE = "Put the files of the release into one folder."
VOCODER = "vocoder/model_g/"
_MARKS = {"conditioning_encoder.init.weight", _EVERY}
_RANK = (
    (r"^(text|speech)_emb\.", r"\1.embedding."),
    (r"^to_(text|speech)_latent\.", r"\1.latent."),
    (r"^(text|speech)_transformer\.transformer\.(attn_layers\.)?", r"\1."),
    (r"\.0\.0\.g$", ".norm.g"),
    (r"\.1\.wrap\.net\.0\.proj\.", ".up."),
    (r"\.1\.wrap\.net\.3\.", ".down."),
    (r"\.1\.wrap\.", "."),
)
# Of what only training needs, of codes that are decoded without the GPT's states, and of tables.
_DROPPED = re.compile(
    rf"{GPT_UNUSED}|gpt\.inference_model\..+|diffusion/(code_embedding|code_converter|mel_head)\..+"
    r"|clvp/.+\.inv_freq|vocoder/(?!model_g/).+"
)
_PARTS = {
    "diffusion": "diffusion",
    "rlg_auto": "drawn_latent",
    "rlg_diffuser": "drawn_embedding",
}


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are the release's autoregressive.pth."""
    return set(names) >= _MARKS


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names, and the foreign names left out on purpose. The vocoder's weight norm is folded."""
    named = {key if "/" in key or key == "mel_norms" else f"gpt.{key}": key for key in tensors}
    dropped = [key for name, key in named.items() if _DROPPED.fullmatch(name)]
    kept = {name: tensors[key] for name, key in named.items() if key not in set(dropped)}
    ours: dict[str, Tensor] = {}
    for name, tensor in kept.items():
        part, _, rest = name.partition("/")
        if part == "mel_norms":
            ours["mel_stats"] = tensor
        elif not rest:
            plain = name.replace("gpt.conditioning_encoder.", "conditioning.")
            ours[renamed_once(plain, GPT_NAMES)] = turned(name, tensor)
        elif part == "clvp":
            ours[f"rank.{renamed(rest, _RANK)}"] = tensor
        elif part != "vocoder":
            ours[f"{_PARTS.get(part, part)}.{rest}"] = tensor
    its = under(kept, VOCODER)
    family = VOCODERS.recognise(its)
    its = VOCODERS.family(family).importer.adapt(its)[0] if family else its
    return ours | {f"vocoder.{name}": tensor for name, tensor in its.items()}, dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables, from the shapes of the tensors.

    The table `found` of `foreign` holds `vocabulary`, the text of tokenizer.json. Heads of the GPT
    are what Coqui's config.json says, else 64 wide. Raises BadCheckpoint where a file is missing.
    """
    found = foreign.get("found") or {}
    parts = {name.partition("/")[0] for name in tensors} | set(found)
    for key, companion in COMPANIONS.items():
        if key not in parts:
            advice = TOKENIZER_ADVICE if key == "vocabulary" else ADVICE
            raise BadCheckpoint(f"There is no {companion.pattern} beside the weights.", advice)
    arguments = foreign.get("model_args")
    heads = arguments.get("ar_heads") if isinstance(arguments, Mapping) else None
    its = under(tensors, VOCODER)
    family = VOCODERS.recognise(its)
    sizes = VOCODERS.family(family).importer.config_from_tensors if family else None
    if sizes is None:
        raise BadCheckpoint("vocoder.pth holds no vocoder of Tortoise.", ADVICE)
    try:
        config, vocoder = _config(tensors, heads), sizes(its)
    except KeyError as error:
        raise BadCheckpoint(f"A part of the checkpoint is missing: {error}.", ADVICE) from error
    features = to_dict(TORTOISE_24K)
    features["n_mels"] = tensors["diffusion/inp_block.weight"].shape[1]
    return {
        "config": to_dict(config),
        "features": features,
        "text": {"vocabulary": found["vocabulary"]},
        "vocoder": {"family": family, "config": to_dict(vocoder), "features": features},
        "speakers": ["random"],
        "languages": ["en"],
    }


def _config(t: Mapping[str, Tensor], heads: int | None) -> TortoiseConfig:
    """KeyError where a tensor is missing."""
    text_tokens, width = t["text_embedding.weight"].shape
    codes = t["mel_embedding.weight"].shape[0]
    integrator = "diffusion/conditioning_timestep_integrator.0.attn.relative_pos_embeddings"
    encoder = "clvp/text_transformer.transformer.attn_layers.layers."
    return TortoiseConfig(
        width=width,
        depth=count(t, "gpt.h."),
        heads=heads or width // 64,
        text_tokens=text_tokens,
        start_text=text_tokens - 1,
        max_text=t["text_pos_embedding.emb.weight"].shape[0] - 2,
        code_tokens=codes,
        start_code=codes - 2,
        stop_code=codes - 1,
        max_codes=t["mel_pos_embedding.emb.weight"].shape[0] - 3,
        condition_blocks=count(t, "conditioning_encoder.attn."),
        n_mels=t["conditioning_encoder.init.weight"].shape[1],
        rank=RankConfig(
            width=t["clvp/text_emb.weight"].shape[1],
            depth=count(t, encoder) // 2,
            heads=t[f"{encoder}0.1.wrap.to_q.weight"].shape[0] // HEAD,
            latent=t["clvp/to_text_latent.weight"].shape[0],
            text_tokens=t["clvp/text_emb.weight"].shape[0],
            code_tokens=t["clvp/speech_emb.weight"].shape[0],
        ),
        diffusion=DiffusionConfig(
            width=t["diffusion/inp_block.weight"].shape[0],
            depth=count(t, "diffusion/layers.") - 3,
            heads=t[f"{integrator}.relative_attention_bias.weight"].shape[1],
        ),
    )


IMPORTER = Importer(
    recognises=recognises,
    adapt=adapt,
    tables=tables,
    companions={**COMPANIONS, **UNREAD},
    config_needed=False,
)
