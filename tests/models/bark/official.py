"""A folder of Bark's files under Suno's names: ids as published, layers as narrow as can be."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

WIDTH, HIDDEN = 8, 4
IDS = {"text": (129_600, 10_048), "coarse": (12_096, 12_096), "fine": (1_056, 1_056)}
VOCABULARY = "\n".join(["[UNK]", "good", "evening", "."]) + "\n"


def transformer(part: str) -> dict[str, Tensor]:
    n_in, n_out = IDS[part]
    layer, w = "transformer.h.0.", WIDTH
    shapes = {
        "transformer.wpe.weight": (1024, w),
        f"{layer}ln_1.weight": (w,),
        f"{layer}ln_2.weight": (w,),
        f"{layer}attn.c_attn.weight": (3 * w, w),
        f"{layer}attn.c_proj.weight": (w, w),
        f"{layer}mlp.c_fc.weight": (4 * w, w),
        f"{layer}mlp.c_proj.weight": (w, 4 * w),
        f"{layer}attn.bias": (1, 1, 8, 8),
        "transformer.ln_f.weight": (w,),
    }
    if part == "fine":
        shapes |= {f"transformer.wtes.{n}.weight": (n_in, w) for n in range(8)}
        shapes |= {f"lm_heads.{n}.weight": (n_in, w) for n in range(7)}
        shapes |= {f"{layer}ln_{n}.bias": (w,) for n in (1, 2)} | {"transformer.ln_f.bias": (w,)}
    else:
        shapes |= {"transformer.wte.weight": (n_in, w), "lm_head.weight": (n_out, w)}
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def codec() -> dict[str, Tensor]:
    from vivavoce.vocoders.encodec.config import EncodecConfig
    from vivavoce.vocoders.encodec.model import Encodec

    vocoder = Encodec.build({"config": {"hidden": HIDDEN, "width": 2}})
    assert isinstance(vocoder.config, EncodecConfig)
    names = {"first": "0.conv", "lstm": "1.lstm", "last": "15.conv"}
    parts = {"upsample": "conv", "narrow": "block.1.conv", "wide": "block.3.conv"}
    found = {"encoder.layers.0.conv.bias": torch.zeros(2)}
    for name, tensor in vocoder.state_dict().items():
        part, _, rest = name.partition(".")
        if part == "codebooks":
            for number, book in enumerate(tensor):
                found[f"quantizer.layers.{number}.codebook.embed"] = book.clone()
        elif part == "stages":
            stage, piece, kind = rest.split(".")
            number = 3 * int(stage) + 3 + (piece != "upsample")
            place = f"{number}.{parts.get(piece, 'shortcut.conv')}.{kind}"
            found[f"decoder.layers.{place}"] = tensor
        else:
            found[f"decoder.layers.{names[part]}.{rest}"] = tensor
    return found


def write_official(folder: Path) -> Path:
    """As Coqui's repository has it, the codec and the vocabulary beside."""
    folder.mkdir()
    torch.manual_seed(0)
    args = {"n_layer": 1, "n_head": 2, "n_embd": WIDTH, "bias": False, "block_size": 1024}
    for part in IDS:
        state = {f"_orig_mod.{name}": t for name, t in transformer(part).items()}
        moments = {0: {"step": torch.tensor(1.0), "exp_avg": torch.zeros(WIDTH)}}
        saved = {"model": state, "model_args": args, "best_val_loss": torch.tensor(2.5)}
        saved["optimizer"] = {"state": moments, "param_groups": [{"lr": 1e-4}]}
        torch.save(saved, folder / f"{part}_2.pt")
    torch.save({"a": torch.zeros(2)}, folder / "hubert.pt")
    save_file(codec(), folder / "encodec.safetensors")
    (folder / "vocab.txt").write_text(VOCABULARY)
    return folder
