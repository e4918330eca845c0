"""What a family declares so that checkpoints of other programs can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from vivavoce.checkpoints.companions import Companion
from vivavoce.checkpoints.onnx_graph import OnnxGraph

Stats = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation per band, as Coqui's `scale_stats.npy` holds them."""


@dataclass(frozen=True, kw_only=True)
class Importer:
    """Pure functions from the upstream names and settings to vivavoce's.

    `recognises(names)` says whether tensors of these names belong to the family.
    `adapt(tensors)` returns the renamed tensors, and the upstream names that it drops on purpose;
    an unknown name is not changed, so that the strict load reports it.
    `tables(settings, tensors, stats)` returns the manifest's tables. `settings` is the upstream
    configuration; its table `found` holds the text of each companion file, `source` and `variant`.
    `companions` are the files beside a checkpoint, by their key in `found`. A checkpoint without a
    configuration file is refused if `config_needed`. `config_from_tensors` returns the sizes of a
    vocoder inside another model's checkpoint, which no configuration states. `from_graph` returns
    the tensors of an ONNX graph under the upstream names, and facts from its nodes, which
    become the table `graph` in `found`; None if ONNX files are not supported. `from_text` returns
    more tensors, from the companions' text in `found`.
    """

    recognises: Callable[[Iterable[str]], bool]
    adapt: Callable[[Mapping[str, Tensor]], tuple[dict[str, Tensor], list[str]]]
    tables: Callable[[Mapping[str, Any], Mapping[str, Tensor], Stats | None], dict[str, Any]]
    companions: Mapping[str, Companion] = field(default_factory=dict)
    config_needed: bool = True
    config_from_tensors: Callable[[Mapping[str, Tensor]], Any] | None = None
    from_graph: Callable[[OnnxGraph], tuple[dict[str, Tensor], dict[str, Any]]] | None = None
    from_text: Callable[[Mapping[str, Any]], dict[str, Tensor]] | None = None
