"""The recorded trainings of the reference as tasks of ours, and its padded batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields

import torch
from torch import Tensor, nn

from tests.conftest import Parity
from tests.models.f5.reference import config_of, token_rows
from vivavoce.audio.specs import VOCOS_24K
from vivavoce.models.f5 import importer as convert
from vivavoce.models.f5.backbone import Context, F5Backbone
from vivavoce.models.f5.infilling import F5Loss, Infilling, spans
from vivavoce.models.f5.layers import F5Attention
from vivavoce.models.f5.model import F5TTS
from vivavoce.models.f5.text import F5TextConfig
from vivavoce.models.f5.train import DRAWN, F5Task
from vivavoce.nn.task import Batch
from vivavoce.runtime.rotary import rotary_table


def recorded_task(recording: Parity, dropout: float = 0.0) -> F5Task:
    config = config_of(recording.meta)
    text = F5TextConfig(tuple(chr(0x100 + i) for i in range(config.n_tokens)), "characters")
    task = F5Task(F5TTS(config, VOCOS_24K, text), F5Loss(dropout=dropout))
    tensors, _ = convert.adapt(recording.weights)
    task.exported.load_state_dict(tensors)
    return task.train()


def our_name(recorded: str) -> str:
    """Of a parameter, in `exported`."""
    return next(iter(convert.adapt({recorded: torch.zeros(1)})[0]))


def recorded_batch(recording: Parity, update: int) -> Batch:
    """All rows with the draws of one update, which the reference drops conditions of together."""
    given = recording.inputs
    rows = token_rows(given["text"])
    n = len(rows)
    draws = Infilling(
        given[f"fraction.{update}"],
        given[f"place.{update}"],
        given[f"time.{update}"],
        given[f"drops.{update}"][0].expand(n),
        given[f"drops.{update}"][1].expand(n),
        given[f"noise.{update}"],
    )
    batch = {
        "tokens": given["text"].clamp_min(0),
        "token_lengths": torch.tensor([len(row) for row in rows]),
        "features": given["mel"].transpose(1, 2),
        "feature_lengths": given["lens"],
        "speakers": torch.zeros(n, dtype=torch.long),
    }
    return batch | {DRAWN + f.name: getattr(draws, f.name) for f in fields(Infilling)}


def padded_loss(task: F5Task, batch: Batch) -> Tensor:
    """The reference's own batch: every row attends to the noise in the others' padding, and the
    energies of its text are sums over the longest row. Ours computes each row as if it were alone;
    this is here because the reference's updates were recorded on such batches.
    """
    backbone, mel = task.exported.backbone, batch["features"].transpose(1, 2)
    n_frames, lengths = mel.shape[1], batch["feature_lengths"]
    draws = Infilling(**{f.name: batch[DRAWN + f.name] for f in fields(Infilling)})
    span = spans(draws, lengths, n_frames)
    no_text = draws.both < task.loss.drop_both
    no_reference = (draws.reference < task.loss.drop_reference) | no_text
    known = mel * (~span & ~no_reference[:, None]).unsqueeze(2)
    real = torch.arange(n_frames) < lengths[:, None]
    texts = _padded_texts(backbone, batch, real, bool(no_text.all()))
    rotary = rotary_table(n_frames + backbone.extra_frames, backbone.config.head_dim, mel.device)
    constant = backbone.input.constant(known, texts)
    time = draws.time[:, None, None]
    h = _embedded(backbone, (1 - time) * draws.noise + time * mel, constant, real)
    with _masked_attention(backbone, real):
        found = backbone.transform(h, backbone.schedule(draws.time), Context(constant, rotary))
    errors = (found - (mel - draws.noise)).square() * span.unsqueeze(2)
    return errors.sum() / (span.sum() * mel.shape[2])


def _padded_texts(backbone: F5Backbone, batch: Batch, real: Tensor, drop: bool) -> Tensor:
    layer, n_frames = backbone.text, real.shape[1]
    rows = [
        r[:n] + 1 for r, n in zip(batch["tokens"], batch["token_lengths"].tolist(), strict=True)
    ]
    ids = torch.stack([nn.functional.pad(row, (0, n_frames - len(row))) for row in rows])
    x = layer.embedding(torch.zeros_like(ids) if drop else ids)
    if not layer.blocks:
        return x
    places = rotary_table(n_frames, x.shape[-1], x.device)
    x = (x + torch.cat(places.unbind(-1), dim=1)) * real.unsqueeze(2)
    kept = (ids != 0).unsqueeze(2) if layer.mask_text else torch.ones(1)
    x = x * kept
    for block in layer.blocks:
        x = block(x) * kept
    return x


def _embedded(backbone: F5Backbone, x: Tensor, constant: Tensor, real: Tensor) -> Tensor:
    """The input layer; only its convolutions see the rows' ends, and not those of E2."""
    layer = backbone.input
    h = constant + nn.functional.linear(x, layer.projection.weight[:, : layer.n_mels])
    kept = real.unsqueeze(1) if backbone.config.backbone == "dit" else torch.ones(1)
    near = h.transpose(1, 2) * kept
    for conv in layer.position:
        near = nn.functional.mish(conv(near)) * kept
    return h + near.transpose(1, 2)


@contextmanager
def _masked_attention(module: nn.Module, real: Tensor) -> Iterator[None]:
    """What comes out of attention behind a row's end is zero, as in the reference."""

    def masked(layer: nn.Module, inputs: object, out: Tensor) -> Tensor:
        kept = nn.functional.pad(real, (out.shape[1] - real.shape[1], 0), value=True)
        return out * kept.unsqueeze(2)

    layers = [m for m in module.modules() if isinstance(m, F5Attention)]
    hooks = [layer.register_forward_hook(masked) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
