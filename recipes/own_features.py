"""Let a trained acoustic model say again what its corpus holds, for the vocoder's last steps.

The model is given the corpus's own durations and pitch, so that its mels fit the sounds frame by
frame. MODEL is a run's folder or the name of a bundled voice. Writes OUT/features/ID.npy and
OUT/manifest.jsonl, whose rows have a key `features`.

    python recipes/own_features.py runs/linnet data/teacher/manifest.jsonl data/own --count 700
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import vivavoce
from vivavoce.models.forward.model import Forward
from vivavoce.train import checkpoint, families, prosody, recipe
from vivavoce.train.loop import within


def trained(name: str) -> Forward:
    """A bundled voice, or a run's averaged weights at its newest checkpoint."""
    run = Path(name)
    if not run.is_dir():
        model = vivavoce.load(name, device="cpu").model
        assert isinstance(model, Forward)
        return model
    task = families.build(recipe.load(run / "recipe.toml"), ("",))
    found, _ = checkpoint.newest(run / "checkpoints")
    if found is None:
        raise SystemExit(f"{run} has no checkpoint")
    model = task.exported
    assert isinstance(model, Forward)
    model.load_state_dict(within(found.tensors, "ema/"))
    return model.freeze()


@torch.inference_mode()
def mel(model: Forward, row: dict[str, Any]) -> Tensor | None:
    """`[M, T]` on the row's own timing and pitch."""
    known = prosody.read(row)
    if known is None:
        return None
    n_samples = round(float(known.durations_s.sum()) * model.spec.sample_rate)
    n_frames = n_samples // model.spec.hop_length + 1
    ids, counts = torch.tensor([known.tokens]), torch.tensor([len(known.tokens)])
    hidden, _ = model.encode(ids, counts)
    frames = torch.from_numpy(known.frames(model.spec))[None]
    aligned, owner = model.align(hidden, counts, frames, torch.tensor([n_frames]))
    pitch = torch.zeros(1, owner.shape[1])
    pitch[0, :n_frames] = torch.from_numpy(known.pitch(model.spec, n_frames))
    return model.decode(aligned, pitch)[0, :n_frames].T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=700, help="so many rows, from the first on")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = trained(options.model)
    (options.out / "features").mkdir(parents=True, exist_ok=True)
    with (
        options.manifest.open(encoding="utf-8") as rows,
        (options.out / "manifest.jsonl").open("w", encoding="utf-8") as stream,
    ):
        for line, _ in zip(rows, range(options.count), strict=False):
            row = json.loads(line)
            made = mel(model, row)
            if made is None:
                continue
            np.save(options.out / "features" / f"{row['id']}.npy", made.numpy().astype(np.float32))
            row["features"] = f"features/{row['id']}.npy"
            for sound in row.keys() & {"audio", "periodic"}:
                row[sound] = str((options.manifest.parent / row[sound]).resolve())
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
