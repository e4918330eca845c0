"""Recordings to the codes that XTTS' GPT learns to say: the discrete VAE of a checkpoint."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from vivavoce.audio.specs import DVAE_22K
from vivavoce.checkpoints import read as weights
from vivavoce.checkpoints.remap import strict_load
from vivavoce.errors import BadCheckpoint
from vivavoce.models.xtts.dvae import Dvae, DvaeConfig, adapt
from vivavoce.models.xtts.mel import scaled_mel

ADVICE = "Give loss.dvae the dvae.pth of the official XTTS release."


def read_dvae(path: Path) -> Dvae:
    """A discrete VAE from the official file or from one of ours. Raises BadCheckpoint."""
    if not path.is_file():
        raise BadCheckpoint(f"There is no discrete VAE at {path}.", ADVICE)
    tensors = weights.read(path).tensors
    ours = tensors if "codebook" in tensors else adapt(tensors)
    dvae = Dvae(sizes_of(ours))
    strict_load(dvae, {name: tensor.float() for name, tensor in ours.items()})
    return dvae.eval().requires_grad_(False)


def sizes_of(tensors: Mapping[str, Tensor]) -> DvaeConfig:
    """The sizes that names and shapes tell. Raises BadCheckpoint."""
    try:
        first, last = tensors["encoder.0.0.weight"], tensors["codebook"]
    except KeyError as error:
        raise BadCheckpoint(f"The discrete VAE lacks {error}.", ADVICE) from error
    return DvaeConfig(
        n_mels=first.shape[1],
        hidden=first.shape[0],
        width=last.shape[0],
        codes=last.shape[1],
        blocks=len({n for n in tensors if re.fullmatch(r"encoder\.\d+\.net\.0\.weight", n)}),
        kernel=first.shape[2],
        halvings=len({n for n in tensors if re.fullmatch(r"encoder\.\d+\.0\.weight", n)}),
    )


class Coder:
    """Whole recordings to codes, one for `code_samples` samples. `mel_stats` `[M]`."""

    def __init__(self, dvae: Dvae, mel_stats: Tensor, code_samples: int) -> None:
        self.dvae, self.mel_stats, self.code_samples = dvae, mel_stats, code_samples

    @torch.no_grad()
    def codes(self, samples: Tensor) -> Tensor:
        """`[S]` at 22,050 Hz to `[ceil(S / code_samples)]`."""
        mel = scaled_mel(samples[None], DVAE_22K, self.mel_stats)
        return self.dvae.encode(mel)[0, : -(-len(samples) // self.code_samples)]

    @property
    def identity(self) -> str:
        """Changes with every number that the codes depend on."""
        digest = hashlib.sha256()
        state = {**self.dvae.state_dict(), "mel_stats": self.mel_stats}
        for name, tensor in sorted(state.items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
        return digest.hexdigest()[:32]
