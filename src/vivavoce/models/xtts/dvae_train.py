"""Fine-tuning XTTS' discrete VAE, for sounds that the published codes do not tell apart.

The GPT must be trained on the new codes afterwards: they mean something else. Shapes: B rows, M mel
bands, T frames, N codes, D width of the codebook, K entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.audio.features import FeatureExtractor
from vivavoce.audio.specs import DVAE_22K
from vivavoce.checkpoints import safetensors_file
from vivavoce.models.xtts.dvae import Dvae
from vivavoce.nn.task import Batch, Task
from vivavoce.runtime import full_precision

DECAY, EPS = 0.99, 1e-5
FILE = "dvae.safetensors"
SEGMENT_FRAMES = 96


class CodebookAverages(nn.Module):
    """Entries as moving averages of what was encoded as them (van den Oord 2017, appendix A.1)."""

    cluster_size: Tensor
    embed_avg: Tensor

    def __init__(self, codebook: Tensor) -> None:
        super().__init__()
        self.register_buffer("cluster_size", torch.zeros(codebook.shape[1]))
        self.register_buffer("embed_avg", codebook.clone())

    @torch.no_grad()
    def update(self, codebook: Tensor, encoded: Tensor, codes: Tensor) -> None:
        """Moves `codebook` `[D, K]` by encoded frames `[B N, D]` and their codes `[B N]`."""
        chosen = F.one_hot(codes, codebook.shape[1]).to(encoded)
        self.cluster_size.lerp_(chosen.sum(0), 1 - DECAY)
        self.embed_avg.lerp_(encoded.t() @ chosen, 1 - DECAY)
        total = self.cluster_size.sum()
        size = (self.cluster_size + EPS) / (total + len(self.cluster_size) * EPS) * total
        codebook.copy_(self.embed_avg / size)


class DvaeTask(Task):
    """Mean squared reconstruction, and commitment: what is encoded stays near its entry."""

    phases = ("model",)
    needs = frozenset({"samples"})
    segment_frames = SEGMENT_FRAMES
    spec = DVAE_22K

    def __init__(self, dvae: Dvae) -> None:
        super().__init__()
        self.exported: Dvae = dvae  # pyright: ignore[reportIncompatibleVariableOverride]
        self.averages = CodebookAverages(dvae.codebook)
        self.extract = FeatureExtractor(DVAE_22K)
        self.register_buffer("mel_stats", torch.ones(dvae.config.n_mels))
        dvae.requires_grad_(True)

    mel_stats: Tensor

    def parts(self) -> dict[str, nn.Module]:
        return {"model": self.exported}

    def take(self, tensors: Mapping[str, Tensor], tables: Mapping[str, Any]) -> None:
        """Of the checkpoint that the VAE belongs to, only the statistics of its mels."""
        self.mel_stats.copy_(tensors["mel_stats"])

    def decayed(self, name: str, parameter: nn.Parameter) -> bool:
        return True

    def forward(self, phase: str, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        terms = self.losses(self._mel(batch["samples"]))
        loss = terms["reconstruction"] + terms["commitment"]
        return loss, {name: value.detach() for name, value in terms.items()}

    def losses(self, mel: Tensor) -> dict[str, Tensor]:
        """Of `[B, M, T]`, T a multiple of 4; in training mode the codebook moves."""
        dvae = self.exported
        with full_precision(mel):
            encoded = dvae.encoder(mel.float()).transpose(1, 2)
            codes = dvae.nearest(encoded)
            entries = F.embedding(codes, dvae.codebook.t().clone())
            commitment = (entries - encoded).square().mean()
            straight = encoded + (entries - encoded).detach()
            decoded = dvae.decoder(straight.transpose(1, 2))
            reconstruction = (decoded - mel).square().mean()
            if self.training:
                self.averages.update(dvae.codebook, encoded.detach().flatten(0, 1), codes.flatten())
        return {"reconstruction": reconstruction, "commitment": commitment}

    @torch.no_grad()
    def validate(self, batch: Batch) -> dict[str, Tensor]:
        found = []
        for row, length in zip(batch["samples"], batch["sample_lengths"].tolist(), strict=True):
            found.append(self.losses(self._mel(row[None, :length])))
        terms = {k: torch.stack([one[k] for one in found]).mean() for k in found[0]}
        return {"loss": terms["reconstruction"] + terms["commitment"], **terms}

    @torch.no_grad()
    def sample(self, batch: Batch) -> dict[str, Tensor]:
        """The mel of the first clip, and what its codes say of it."""
        mel = self._mel(batch["samples"][:1, : int(batch["sample_lengths"][0])])
        rebuilt = self.exported.decode(self.exported.encode(mel))
        return {"natural.image": mel[0], "rebuilt.image": rebuilt[0]}

    def export(self, folder: Path) -> None:
        """`dvae.safetensors`, for `loss.dvae` of a fine-tuning of the GPT."""
        safetensors_file.save(folder / FILE, self.exported.state_dict())

    def _mel(self, samples: Tensor) -> Tensor:
        with full_precision(samples), torch.no_grad():
            mel = self.extract(samples.float()) / self.mel_stats[:, None]
        return mel[..., : mel.shape[-1] // 4 * 4]
