"""Writes an XTTS v2 checkpoint of random numbers in the layout of the published one.

    python benchmarks/xtts_checkpoint.py FOLDER [--toy] [--seed 1]

model.pth (tensors under "model", a plain table under "config"), config.json, vocab.json and
speakers_xtts.pth: what both sides of benchmarks/xtts.py load. Nothing in it can stop speaking:
the bias of the stop code is -1e4, so every utterance takes as many codes as are asked for.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.xtts_vocabulary import LANGUAGES, vocabulary
from vivavoce.audio.specs import SPEAKER_16K
from vivavoce.audio.tables import mel_filters

SPEAKER = "Claribel Dervla"
NEVER = -1e4
"""Bias of the stop and start codes."""
HEAD_STD = 0.08
"""Of the code head: logits then deviate by 2.5, so that the likeliest codes stand out."""


@dataclass(frozen=True)
class Sizes:
    """What varies. The speaker encoder and the depth of the vocoder are always XTTS v2's own."""

    width: int = 1024
    depth: int = 30
    heads: int = 16
    text_tokens: int = 6681
    code_tokens: int = 1026
    channels: int = 512


FULL = Sizes()
TOY = replace(FULL, width=128, depth=2, heads=2, text_tokens=400)


def write(folder: Path, sizes: Sizes = FULL, seed: int = 1) -> Path:
    """The four files in `folder`; what was written with the same sizes and seed stays."""
    made = folder / "made.json"
    wanted = json.dumps(asdict(sizes) | {"seed": seed})
    if made.is_file() and made.read_text(encoding="utf-8") == wanted:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    made.unlink(missing_ok=True)
    generator = torch.Generator().manual_seed(seed)
    config = configuration(sizes)
    torch.save({"config": config, "model": tensors(sizes, generator)}, folder / "model.pth")
    (folder / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    (folder / "vocab.json").write_text(json.dumps(vocabulary(sizes.text_tokens)), encoding="utf-8")
    torch.save(studio(sizes, generator), folder / "speakers_xtts.pth")
    made.write_text(wanted, encoding="utf-8")
    return folder


def configuration(sizes: Sizes) -> dict[str, Any]:
    """config.json with the published values, in as far as anything here reads them."""
    return {
        "model": "xtts",
        "model_args": {
            "gpt_layers": sizes.depth,
            "gpt_n_model_channels": sizes.width,
            "gpt_n_heads": sizes.heads,
            "gpt_number_text_tokens": sizes.text_tokens,
            "gpt_start_text_token": None,
            "gpt_stop_text_token": None,
            "gpt_num_audio_tokens": sizes.code_tokens,
            "gpt_start_audio_token": sizes.code_tokens - 2,
            "gpt_stop_audio_token": sizes.code_tokens - 1,
            "gpt_max_audio_tokens": 605,
            "gpt_max_text_tokens": 402,
            "gpt_max_prompt_tokens": 70,
            "gpt_code_stride_len": 1024,
            "gpt_use_masking_gt_prompt_approach": True,
            "gpt_use_perceiver_resampler": True,
            "input_sample_rate": 22050,
            "output_sample_rate": 24000,
            "output_hop_length": 256,
            "decoder_input_dim": sizes.width,
            "d_vector_dim": 512,
            "cond_d_vector_in_each_upsampling_layer": True,
            "duration_const": 102400,
        },
        "audio": {"sample_rate": 22050, "output_sample_rate": 24000, "dvae_sample_rate": 22050},
        "temperature": 0.75,
        "top_k": 50,
        "top_p": 0.85,
        "repetition_penalty": 5.0,
        "length_penalty": 1.0,
        "num_gpt_outputs": 1,
        "gpt_cond_len": 30,
        "gpt_cond_chunk_len": 4,
        "max_ref_len": 30,
        "sound_norm_refs": False,
        "languages": list(LANGUAGES),
    }


def tensors(sizes: Sizes, generator: torch.Generator) -> dict[str, Tensor]:
    """The state dict, in the official order of its parts."""

    def draw(shape: tuple[int, ...], std: float) -> Tensor:
        return torch.randn(shape, generator=generator).mul_(std)

    made = {"mel_stats": draw((80,), 0.3).abs_().add_(2.0)}
    for part in (_gpt, _vocoder, _speaker_encoder):
        for name, shape, std in part(sizes):
            made[name] = torch.ones(shape).add_(draw(shape, 0.05)) if std < 0 else draw(shape, std)
            if name.endswith("running_var"):
                made[name].mul_(0.5)
            elif name.endswith("original1"):  # a direction, and before it how long it is
                length = torch.full((shape[0], 1, 1), _gain(name, shape))
                made[name[:-1] + "0"] = length
            elif name.endswith("running_mean"):
                made[name.replace("running_mean", "num_batches_tracked")] = torch.tensor(0)
    made["gpt.mel_head.bias"][-2:] = NEVER
    last = made[VOCODER + "conv_post.weight"]
    last -= last.mean(-1, keepdim=True)  # a constant offset would be judged to be no speech
    front = "hifigan_decoder.speaker_encoder.torch_spec."
    made[front + "0.filter"] = torch.tensor([[[-0.97, 1.0]]])
    made[front + "1.spectrogram.window"] = torch.hamming_window(SPEAKER_16K.win_length)
    filters = np.ascontiguousarray(mel_filters(SPEAKER_16K).T, dtype=np.float32)
    made[front + "1.mel_scale.fb"] = torch.from_numpy(filters)
    return made


Entry = tuple[str, tuple[int, ...], float]
"""Name, shape, deviation; a negative deviation stands for numbers around one."""
ONES = -1.0


def _affine(name: str, width: int) -> Iterator[Entry]:
    yield f"{name}.weight", (width,), ONES
    yield f"{name}.bias", (width,), 0.02


def _layer(name: str, weight: tuple[int, ...], bias: int, std: float = 0.02) -> Iterator[Entry]:
    yield f"{name}.weight", weight, std
    yield f"{name}.bias", (bias,), 0.02


def _gpt(sizes: Sizes) -> Iterator[Entry]:
    w, wide = sizes.width, 4 * sizes.width
    head, inner = "gpt.conditioning_encoder", w * 8 // 3
    yield from _layer(f"{head}.init", (w, 80, 1), w, 0.1)
    for n in range(6):
        yield from _affine(f"{head}.attn.{n}.norm", w)
        yield from _layer(f"{head}.attn.{n}.qkv", (3 * w, w, 1), 3 * w, 1 / math.sqrt(w))
        yield from _layer(f"{head}.attn.{n}.proj_out", (w, w, 1), w, 1 / math.sqrt(w))
    yield "gpt.text_embedding.weight", (sizes.text_tokens, w), 0.02
    yield "gpt.mel_embedding.weight", (sizes.code_tokens, w), 0.02
    for n in range(sizes.depth):
        block = f"gpt.gpt.h.{n}"
        yield from _affine(f"{block}.ln_1", w)
        yield from _layer(f"{block}.attn.c_attn", (w, 3 * w), 3 * w)
        yield from _layer(f"{block}.attn.c_proj", (w, w), w)
        yield from _affine(f"{block}.ln_2", w)
        yield from _layer(f"{block}.mlp.c_fc", (w, wide), wide)
        yield from _layer(f"{block}.mlp.c_proj", (wide, w), w)
    yield from _affine("gpt.gpt.ln_f", w)
    yield "gpt.mel_pos_embedding.emb.weight", (608, w), 0.02
    yield "gpt.text_pos_embedding.emb.weight", (404, w), 0.02
    yield from _affine("gpt.final_norm", w)
    yield from _layer("gpt.text_head", (sizes.text_tokens, w), sizes.text_tokens)
    yield from _layer("gpt.mel_head", (sizes.code_tokens, w), sizes.code_tokens, HEAD_STD)
    yield "gpt.conditioning_perceiver.latents", (32, w), 0.02
    for n in range(2):
        layer = f"gpt.conditioning_perceiver.layers.{n}"
        yield f"{layer}.0.to_q.weight", (512, w), 1 / math.sqrt(w)
        yield f"{layer}.0.to_kv.weight", (1024, w), 1 / math.sqrt(w)
        yield f"{layer}.0.to_out.weight", (w, 512), 1 / math.sqrt(512)
        yield from _layer(f"{layer}.1.0", (2 * inner, w), 2 * inner)
        yield from _layer(f"{layer}.1.2", (w, inner), w)
    yield "gpt.conditioning_perceiver.norm.gamma", (w,), ONES


VOCODER = "hifigan_decoder.waveform_decoder."


def _vocoder(sizes: Sizes) -> Iterator[Entry]:
    c = sizes.channels
    std = 1 / math.sqrt(7 * sizes.width)
    yield from _layer(VOCODER + "conv_pre", (c, sizes.width, 7), c, std)
    for n, kernel in enumerate((16, 16, 4, 4)):
        narrow = c >> (n + 1)
        yield f"{VOCODER}ups.{n}.bias", (narrow,), 0.02
        yield from _weight(f"ups.{n}", (2 * narrow, narrow, kernel))
        for m, size in enumerate((3, 7, 11)):
            for convs in ("convs1", "convs2"):
                for dilation in range(3):
                    name = f"resblocks.{3 * n + m}.{convs}.{dilation}"
                    yield f"{VOCODER}{name}.bias", (narrow,), 0.02
                    yield from _weight(name, (narrow, narrow, size))
        yield from _layer(f"{VOCODER}conds.{n}", (narrow, 512, 1), narrow, 0.3)
    yield f"{VOCODER}conv_post.weight", (1, c >> 4, 7), 0.1 / math.sqrt(7 * (c >> 4))
    yield from _layer(VOCODER + "cond_layer", (c, 512, 1), c, 0.3)


def _weight(name: str, shape: tuple[int, ...]) -> Iterator[Entry]:
    yield f"{VOCODER}{name}.parametrizations.weight.original1", shape, 1.0


def _gain(name: str, shape: tuple[int, ...]) -> float:
    """Length of each row: a residual branch adds a quarter of its input's variance; the transposed
    convolutions, where two taps of each kernel meet in a sample, keep it as it was."""
    return math.sqrt(shape[2] / 2) if ".ups." in name else 1.0


def _speaker_encoder(_: Sizes) -> Iterator[Entry]:
    root = "hifigan_decoder.speaker_encoder"
    yield from _layer(f"{root}.conv1", (32, 1, 3, 3), 32, 1 / 3)
    yield from _batch_norm(f"{root}.bn1", 32)
    before = 32
    for stage, (blocks, width) in enumerate(((3, 32), (4, 64), (6, 128), (3, 256)), start=1):
        for n in range(blocks):
            block = f"{root}.layer{stage}.{n}"
            for conv, norm, given in (("conv1", "bn1", before), ("conv2", "bn2", width)):
                yield f"{block}.{conv}.weight", (width, given, 3, 3), 1 / math.sqrt(9 * given)
                yield from _batch_norm(f"{block}.{norm}", width)
            yield from _layer(f"{block}.se.fc.0", (width // 8, width), width // 8, width**-0.5)
            yield from _layer(f"{block}.se.fc.2", (width, width // 8), width, (width // 8) ** -0.5)
            if before != width:
                shape = (width, before, 1, 1)
                yield f"{block}.downsample.0.weight", shape, before**-0.5
                yield from _batch_norm(f"{block}.downsample.1", width)
            before = width
    yield from _layer(f"{root}.attention.0", (128, 2048, 1), 128, 2048**-0.5)
    yield from _batch_norm(f"{root}.attention.2", 128)
    yield from _layer(f"{root}.attention.3", (2048, 128, 1), 2048, 128**-0.5)
    yield from _layer(f"{root}.fc", (512, 4096), 512, 4096**-0.5)


def _batch_norm(name: str, width: int) -> Iterator[Entry]:
    yield from _affine(name, width)
    yield f"{name}.running_mean", (width,), 0.1
    yield f"{name}.running_var", (width,), ONES


def studio(sizes: Sizes, generator: torch.Generator) -> dict[str, dict[str, Tensor]]:
    """Two studio speakers, in the form of speakers_xtts.pth."""
    made = {}
    for name in (SPEAKER, "Daisy Studious"):
        embedding = torch.randn(1, 512, 1, generator=generator)
        made[name] = {
            "gpt_cond_latent": torch.randn(1, 32, sizes.width, generator=generator),
            "speaker_embedding": embedding / embedding.norm(),
        }
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--toy", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    write(options.folder, TOY if options.toy else FULL, options.seed)


if __name__ == "__main__":
    main()
