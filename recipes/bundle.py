"""Put a trained voice and its vocoder into the package: half precision, licence, defaults.

python recipes/bundle.py runs/linnet runs/linnet-pulse --licence Apache-2.0
python recipes/bundle.py runs/kathleen runs/kathleen-pulse --licence Apache-2.0
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch

from vivavoce.checkpoints import store
from vivavoce.config import apply_overrides
from vivavoce.train import export

BUNDLED = Path(__file__).parents[1] / "src" / "vivavoce" / "bundled"


def bundle(run: Path, extra: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / run.name
        export(run, exported)
        manifest, tensors = store.load(exported)
    for key in ("format", "weights"):
        manifest.pop(key, None)
    target = BUNDLED / run.name
    store.save(target, manifest | {"name": run.name} | extra, tensors, torch.float16)
    for file in target.iterdir():
        file.chmod(0o644)
    size = sum(file.stat().st_size for file in target.iterdir())
    print(f"{target.name}: {size / 1e6:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("acoustic", type=Path)
    parser.add_argument("vocoder", type=Path)
    parser.add_argument("--licence", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=VALUE")
    args = parser.parse_args()
    about = {"licence": args.licence}
    name = args.acoustic.name
    voice = {"languages": ["en"], "vocoder": args.vocoder.name, "speakers": [name]}
    bundle(args.acoustic, about | voice | {"options": apply_overrides({}, args.set)})
    bundle(args.vocoder, about)


if __name__ == "__main__":
    main()
