"""The tensors of a Piper voice in its `.onnx`, under the publication's names.

An exporter keeps the names of most parameters; those of the folded ones, of the embedding of a
voice with one speaker and of one logarithm follow from the wiring.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from torch import Tensor

from vivavoce.checkpoints.onnx_graph import OnnxGraph, OnnxNode
from vivavoce.errors import BadCheckpoint
from vivavoce.models.vits.sizes import DecoderSettings

_NAMED = re.compile(r"(?:model_g\.)?((?:enc_p|dec|flow|dp|emb_g|enc_q)\..+)")
_SHIFT, _LOGS = "dp.flows.0.m", "dp.flows.0.logs"
_EMBEDDING = "enc_p.emb.weight"
_ADVICE = "Only voices exported by Piper (or a program that keeps its names) can be read."


def tensors_of(graph: OnnxGraph) -> dict[str, Tensor]:
    """What inference needs. Raises BadCheckpoint where the wiring does not tell a weight's name."""
    found = {match[1]: tensor for name, tensor in graph.tensors.items()
             if (match := _NAMED.fullmatch(name))}  # fmt: skip
    found |= dict(_aliases(graph))
    found |= dict(_folded(graph))
    if _EMBEDDING not in found:
        found[_EMBEDDING] = _embedding(graph)
    if _SHIFT in found and _LOGS not in found:
        found[_LOGS] = _log_scale(graph)
    return {name: tensor.float() for name, tensor in found.items() if tensor.is_floating_point()}


def decoder_of(graph: OnnxGraph) -> DecoderSettings:
    """Strides and dilations, which are the attributes of the decoder's convolutions."""
    rates: dict[int, int] = {}
    dilations: dict[int, dict[int, int]] = {}
    for node in graph.nodes:
        name = _parameter(graph, node.inputs[1]) if len(node.inputs) > 1 else ""
        if node.kind == "ConvTranspose" and (match := re.match(r"dec\.ups\.(\d+)\.", name)):
            rates[int(match[1])] = _one(node, "strides")
        pattern = r"dec\.resblocks\.(\d+)\.convs1?\.(\d+)\."
        if node.kind == "Conv" and (match := re.match(pattern, name)):
            dilations.setdefault(int(match[1]), {})[int(match[2])] = _one(node, "dilations")
    stages = max(1, len(rates))
    blocks = [tuple(layers[k] for k in sorted(layers)) for _, layers in sorted(dilations.items())]
    return DecoderSettings(
        tuple(rates[k] for k in sorted(rates)), tuple(blocks[: len(blocks) // stages])
    )


def _one(node: OnnxNode, name: str) -> int:
    return (node.numbers.get(name) or (1,))[0]


def _parameter(graph: OnnxGraph, name: str) -> str:
    """The parameter that a value is, through any number of copies of it."""
    match = _NAMED.fullmatch(name)
    return match[1] if match else ""


def _aliases(graph: OnnxGraph) -> Iterator[tuple[str, Tensor]]:
    """Parameters that are copies of an equal one: the exporter stores those once."""
    for node in graph.nodes:
        if (
            node.kind == "Identity"
            and node.outputs
            and (match := _NAMED.fullmatch(node.outputs[0]))
        ):
            tensor = _constant(graph, node.outputs[0])
            if tensor is not None:
                yield match[1], tensor


def _folded(graph: OnnxGraph) -> Iterator[tuple[str, Tensor]]:
    """Weights without a name, in convolutions whose bias has one."""
    for node in graph.nodes:
        if node.kind not in ("Conv", "ConvTranspose") or len(node.inputs) < 3:
            continue
        bias = _parameter(graph, node.inputs[2])
        if bias.endswith(".bias") and not _parameter(graph, node.inputs[1]):
            weight = _constant(graph, node.inputs[1])
            if weight is not None:
                yield f"{bias.removesuffix('bias')}weight", weight


def _embedding(graph: OnnxGraph) -> Tensor:
    """The table that the symbols' numbers choose from, whatever the exporter called it."""
    for node in graph.nodes:
        if node.kind == "Gather" and len(node.inputs) == 2 and node.inputs[1] == "input":
            table = _constant(graph, node.inputs[0])
            if table is not None and table.dim() == 2:
                return table
    raise BadCheckpoint("The voice has no table of symbols.", _ADVICE)


def _log_scale(graph: OnnxGraph) -> Tensor:
    """From (z - m) * exp(-logs): what the difference is multiplied by, undone step by step."""
    for node in graph.nodes:
        if node.kind != "Mul" or len(node.inputs) != 2:
            continue
        for one, other in (node.inputs, node.inputs[::-1]):
            maker = graph.makers.get(one)
            if maker is not None and maker.kind == "Sub" and _SHIFT in maker.inputs[1:2]:
                return _undone(graph, other)
    raise BadCheckpoint("The voice lacks the scale of its durations.", _ADVICE)


def _undone(graph: OnnxGraph, name: str) -> Tensor:
    """`logs` of a value that is exp(-logs)."""
    steps: list[str] = []
    while name not in graph.tensors:
        maker = graph.makers.get(name)
        if maker is None or maker.kind not in ("Exp", "Neg", "Identity") or len(steps) > 8:
            raise BadCheckpoint("The voice lacks the scale of its durations.", _ADVICE)
        steps.append(maker.kind)
        name = maker.inputs[0]
    value = graph.tensors[name].double()
    if "Exp" not in steps:
        value = value.log()
    negated = "Neg" in steps
    return (value if negated else -value).float()


def _constant(graph: OnnxGraph, name: str) -> Tensor | None:
    """The tensor that a value is, through copies of it."""
    for _ in range(8):
        if name in graph.tensors:
            return graph.tensors[name]
        maker = graph.makers.get(name)
        if maker is None or maker.kind != "Identity":
            return None
        name = maker.inputs[0]
    return None


def recognises(names: Mapping[str, Tensor]) -> bool:
    return any(name.endswith("enc_p.proj.weight") for name in names)
