"""Names of published generators whose blocks are numbered through -> ours, which lie in stages.

Each family has renames besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from vivavoce.checkpoints.remap import fold_weight_norm, renamed

_BLOCK = re.compile(r"^resblocks\.(\d+)\.")


def staged(tensors: Mapping[str, Tensor], renames: Iterable[tuple[str, str]]) -> dict[str, Tensor]:
    """Weight norm folded, block n put into its stage (as many blocks in each), then `renames`."""
    folded = fold_weight_norm(tensors)
    blocks, stages = (
        len({k.split(".")[1] for k in folded if k.startswith(p)}) for p in ("resblocks.", "ups.")
    )
    per_stage = max(1, blocks // max(1, stages))
    return {_renamed(key, per_stage, renames): value for key, value in folded.items()}


def _renamed(key: str, per_stage: int, renames: Iterable[tuple[str, str]]) -> str:
    match = _BLOCK.match(key)
    if match:
        stage, block = divmod(int(match[1]), per_stage)
        key = f"stages.{stage}.blocks.{block}.{key[match.end() :]}"
    return renamed(key, renames)
