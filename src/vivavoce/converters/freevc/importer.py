"""FreeVC's names and settings, with WavLM in a file beside it -> ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.companions import Companion
from vivavoce.checkpoints.importer import Importer, Stats
from vivavoce.checkpoints.remap import fold_weight_norm
from vivavoce.checkpoints.wavlm_names import adapt_wavlm, wavlm_sizes
from vivavoce.config import from_dict, to_dict
from vivavoce.converters.body import adapt_body, body_sizes, body_tables
from vivavoce.converters.freevc.config import FreeVcConfig
from vivavoce.nn.wavlm_config import HOP

_BESIDE = "wavlm/"
_TRAINING = ("enc_q.",)
COMPANIONS = {"wavlm": Companion("WavLM-Large*.pt")}


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a FreeVC."""
    return {"enc_spk.lstm.weight_ih_l0", "enc_p.pre.weight"} <= set(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with weight norm folded; what only training reads is left out."""
    words, own = _split(tensors)
    dropped = [key for key in own if key.startswith(_TRAINING)]
    kept = fold_weight_norm({k: v for k, v in own.items() if not k.startswith(_TRAINING)})
    ours = {
        key.replace("enc_spk.", "utterance."): tensor
        for key, tensor in adapt_body(kept, "enc_p").items()
    }
    found, unused = adapt_wavlm(words)
    return ours | {f"wavlm.{k}": v for k, v in found.items()}, dropped + unused


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables. Raises BadCheckpoint without a WavLM."""
    settings = foreign.get("model_args") or {}
    words, own = _split(tensors)
    ours, _ = adapt(tensors)
    table = body_sizes(ours) | {
        "n_mels": ours["utterance.lstm.weight_ih_l0"].shape[1],
        "speaker_layers": sum(key.startswith("utterance.lstm.weight_ih_l") for key in ours),
        "wavlm": wavlm_sizes(words),
    }
    config = from_dict(FreeVcConfig, table)
    rates = body_tables(settings, own, config.latent_width, 16_000 / HOP)
    return {"config": to_dict(config)} | rates


def _split(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """WavLM's tensors under their own names, and the others."""
    words = {
        key.rpartition("/")[2]: tensor
        for key, tensor in tensors.items()
        if key.startswith(_BESIDE) and "/cfg/" not in key
    }
    return words, {k: v for k, v in tensors.items() if not k.startswith(_BESIDE)}


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables, companions=COMPANIONS)
