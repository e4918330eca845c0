"""Coqui's OverFlow and Neural-HMM names and settings -> ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from vivavoce.audio.coqui import Stats, features_from_coqui
from vivavoce.checkpoints.folding import fold_batch_norms, fuse_lstm_cells
from vivavoce.checkpoints.glow_names import decoder_name, flat_vector
from vivavoce.checkpoints.importer import Importer
from vivavoce.checkpoints.remap import count, fold_weight_norm, renamed, require_count
from vivavoce.config import from_dict, to_dict
from vivavoce.models.overflow.config import HmmConfig, HmmOptions
from vivavoce.text.coqui_model import text_table

_RENAMES = (
    (r"\.linear_layer\.", "."),
    (r"\.batch_normalization\.", ".norm."),
    (r"\.convolution1d\.", "."),
    (r"^encoder\.emb\.", "encoder.embedding."),
    (r"^encoder\.convolutions\.", "encoder.convs.convs."),
    (r"^neural_hmm\.prenet\.linear_layers\.", "prenet.layers."),
    (r"^neural_hmm\.memory_rnn\.", "memory."),
    (r"^neural_hmm\.go_tokens$", "first"),
    (r"^neural_hmm\.output_net\.parametermodel\.layers\.", "hidden."),
    (r"^neural_hmm\.output_net\.parametermodel\.last_layer\.", "output."),
)
_FLOW = "decoder.glow_decoder."
_OUTPUTS = "neural_hmm.output_net.parametermodel."
_FLOW_KEYS = {
    "hidden_channels_dec": "decoder_width",
    "kernel_size_dec": "flow_kernel",
    "dilation_rate": "dilation_rate",
    "num_flow_blocks_dec": "n_flows",
    "num_block_layers": "flow_layers",
    "num_squeeze": "n_squeeze",
    "sigmoid_scale": "sigmoid_scale",
}


def recognises(names: Iterable[str]) -> bool:
    """Whether tensors of these names are a Coqui OverFlow or Neural-HMM."""
    return {"neural_hmm.go_tokens", "encoder.emb.weight"} <= set(names)


def adapt(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Our names with weight and batch norms folded and gates fused; nothing is left out."""
    ours = {_rename(key): tensor for key, tensor in fold_weight_norm(tensors).items()}
    ours = {key: flat_vector(key, tensor) for key, tensor in ours.items()}
    ours = fold_batch_norms(ours, lambda _: 1e-5)
    return fuse_lstm_cells(ours, "memory"), []


def _rename(key: str) -> str:
    if key.startswith(_FLOW):
        return "flow." + decoder_name(key.removeprefix(_FLOW))
    return renamed(key, _RENAMES)


def tables(
    foreign: Mapping[str, Any], tensors: Mapping[str, Tensor], stats: Stats | None = None
) -> dict[str, Any]:
    """Our manifest's tables from a Coqui `config.json`; sizes are those of the tensors."""
    options = {}
    if foreign.get("sampling_temp") is not None:
        options["temperature"] = foreign["sampling_temp"]
    if foreign.get("duration_threshold") is not None:
        options["duration_threshold"] = foreign["duration_threshold"]
    return {
        "config": to_dict(config_from_coqui(foreign, tensors)),
        "features": to_dict(features_from_coqui(foreign.get("audio") or {}, stats)),
        "text": text_table(foreign),
        "options": to_dict(from_dict(HmmOptions, options)),
    }


def config_from_coqui(foreign: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> HmmConfig:
    """Raises BadCheckpoint for a flow of another length than the configuration says."""
    n_tokens, width = tensors["encoder.emb.weight"].shape
    prenet, layers = "neural_hmm.prenet.linear_layers.", _OUTPUTS + "layers."
    table: dict[str, Any] = {
        "n_tokens": n_tokens,
        "width": width,
        "n_mels": (tensors[_OUTPUTS + "last_layer.bias"].shape[0] - 1) // 2,
        "states": 2 * tensors["encoder.lstm.weight_hh_l0"].shape[1] // width,
        "memory": tensors["neural_hmm.memory_rnn.weight_hh"].shape[1],
        "order": tensors["neural_hmm.go_tokens"].shape[0],
        "prenet": [
            tensors[f"{prenet}{n}.linear_layer.weight"].shape[0]
            for n in range(count(tensors, prenet))
        ],
        "prenet_bias": any(k.startswith(prenet) and k.endswith("running_mean") for k in tensors),
        "outputs": [
            tensors[f"{layers}{n}.linear_layer.weight"].shape[0]
            for n in range(count(tensors, layers))
        ],
        "dropout_at_inference": bool(foreign.get("prenet_dropout_at_inference")),
        "sampled_moves": not foreign.get("deterministic_transition", True),
        "std_floor": foreign.get("std_floor", 0.001),
    }
    if any(key.startswith(_FLOW) for key in tensors):
        flow = {ours: foreign[theirs] for theirs, ours in _FLOW_KEYS.items() if theirs in foreign}
        table["flow"] = {"decoder_width": 150} | flow | {"n_mels": table["n_mels"]}
    config = from_dict(HmmConfig, table)
    if config.flow is not None:
        expected = 3 * config.flow.n_flows
        require_count(tensors, _FLOW + "flows.", expected, "three times num_flow_blocks_dec")
    return config


IMPORTER = Importer(recognises=recognises, adapt=adapt, tables=tables)
