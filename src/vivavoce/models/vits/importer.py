"""VITS checkpoints of five programs as ours: the door that others use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from vivavoce.audio.specs import XTTS_LATENTS
from vivavoce.checkpoints.companions import Companion
from vivavoce.checkpoints.importer import Importer
from vivavoce.checkpoints.onnx_graph import OnnxGraph
from vivavoce.config import to_dict
from vivavoce.errors import BadCheckpoint
from vivavoce.models.vits import names, piper_onnx, vectors
from vivavoce.models.vits.settings import Settings, settings_of
from vivavoce.models.vits.sizes import config_of, decoder_of
from vivavoce.vocoders import inner as decoders

COMPANIONS = {
    "vocab": Companion("vocab.json"),
    "tokenizer": Companion("tokenizer_config.json"),
    "symbols": Companion("vocab.txt"),
    "languages": Companion("language_ids.json"),
    "speakers": Companion("speakers.json"),
    "speaker_encoder": Companion("model_se.pth"),
    "encoder_settings": Companion("config_se.json"),
}


def recognises(found: Iterable[str]) -> bool:
    """Whether tensors of these names are a VITS in any of its layouts."""
    return names.recognises(found)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names, the decoder's behind `vocoder.`, and the foreign names left out on purpose."""
    theirs, dropped = names.official(tensors)
    return names.adapt(theirs), dropped


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], _stats: Any = None
) -> dict[str, Any]:
    """Our manifest's tables from the configuration of whichever program made the checkpoint.

    Raises BadCheckpoint for what is missing, contradicts the weights or is not implemented.
    """
    theirs, _ = names.official(tensors)
    rows = theirs["enc_p.emb.weight"].shape[0] if "enc_p.emb.weight" in theirs else 0
    said = settings_of(foreign, rows)
    config = config_of(theirs, said.unit_speakers, said.speaker_encoder)
    decoder = decoder_of(theirs, said.decoder)
    spec = replace(
        XTTS_LATENTS,
        sample_rate=said.sample_rate,
        hop_length=decoder.hop_length,
        n_mels=config.latent_width,
    )
    found: dict[str, Any] = {
        "config": to_dict(config),
        "features": to_dict(spec),
        "text": to_dict(said.text),
        "vocoder": {
            "family": decoders.family(),
            "config": to_dict(decoder),
            "features": to_dict(spec),
        },
        "options": {k: v for k, v in to_dict(said.options).items() if v != ""},
        "speakers": _speakers(said, config.n_speakers),
        "default_speaker": said.default_speaker,
    }
    if config.n_languages:
        numbered = [str(row) for row in range(config.n_languages)]
        found["languages"] = list(said.languages) or numbered
    return found


def _speakers(said: Settings, rows: int) -> list[str]:
    """A name for each row of the table; none where there is no table and nobody has a name."""
    if not rows:
        return list(said.speakers)
    if len(said.speakers) > rows or not 0 <= said.default_speaker < rows:
        raise BadCheckpoint(
            f"The weights have {rows} speakers; the configuration names {len(said.speakers)} and "
            f"begins with number {said.default_speaker}.",
            "Put the configuration that belongs to this checkpoint beside it.",
        )
    return [*said.speakers, *map(str, range(len(said.speakers), rows))] if said.speakers else []


def from_graph(graph: OnnxGraph) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A Piper voice's tensors under the publication's names, and its decoder's settings."""
    said = piper_onnx.decoder_of(graph)
    settings = {"upsample_rates": said.rates, "resblock_dilation_sizes": said.dilations}
    return piper_onnx.tensors_of(graph), settings


IMPORTER = Importer(
    recognises=recognises,
    adapt=adapt,
    tables=tables,
    companions=COMPANIONS,
    from_graph=from_graph,
    from_text=vectors.tensors_of,
)
