"""XTTS checkpoints as upstream writes them: names and shapes by hand, random numbers.

`write_official(folder)` makes the whole set of files at toy size; `FULL` are the sizes of v2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SPECIAL = ("[STOP]", "[UNK]", "[SPACE]", "[START]", "[en]", "[de]", "[zh-cn]")
NAMES = ("Claribel Dervla", "Damien Black", "Łucja Ž. d'Or/ßé")


@dataclass(frozen=True)
class Official:
    """Sizes of a checkpoint. `tokens` counts the vocabulary's entries, `codes` those for audio."""

    width: int = 32
    depth: int = 2
    heads: int = 2
    tokens: int = len(SPECIAL) + len(LETTERS) + 20
    codes: int = 20
    max_text: int = 40
    max_codes: int = 50
    perceiver: bool = True
    latents: int = 32
    perceiver_inner: int = 64
    conditioning: int = 1
    vocoder: int = 32
    kernels: tuple[int, ...] = (16, 16, 4, 4)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    channels: tuple[int, ...] = (8, 8, 16, 16)
    pooling: int = 128
    d_vector: int = 16
    speakers: tuple[str, ...] = NAMES


TINY = Official()
FULL = Official(
    width=1024,
    depth=30,
    heads=16,
    tokens=6681,
    codes=1026,
    max_text=402,
    max_codes=605,
    perceiver_inner=512,
    conditioning=6,
    vocoder=512,
    blocks=(3, 4, 6, 3),
    channels=(32, 64, 128, 256),
    d_vector=512,
    speakers=tuple(f"Studio Voice {n}" for n in range(58)),
)
V1 = replace(TINY, perceiver=False, codes=30)


def shapes(sizes: Official = TINY) -> Shapes:
    """Every tensor of `model.pth`, by its name in the release."""
    return {"mel_stats": (80,), **_gpt(sizes), **_vocoder(sizes), **_speaker(sizes)}


def tensors(sizes: Official = TINY, seed: int = 3) -> dict[str, Tensor]:
    """Small random numbers; norms and statistics are near one, so that signals stay alive."""
    generator = torch.Generator().manual_seed(seed)
    result: dict[str, Tensor] = {}
    for name, shape in shapes(sizes).items():
        if name.endswith("num_batches_tracked"):
            result[name] = torch.tensor(7)
            continue
        value = torch.randn(shape, generator=generator)
        near_one = len(shape) == 1 and name.endswith(("weight", "gamma", "running_var"))
        value = value.mul_(0.05).add_(1.0) if near_one else value.mul_(0.1)
        if name.endswith("original0") or name == "mel_stats":
            value = value.abs_().add_(0.5)
        result[name] = value
    return result


def config(sizes: Official = TINY) -> dict[str, Any]:
    """`config.json`, the part of it that says something and some that does not."""
    return {
        "model": "xtts",
        "run_name": "run",
        "epochs": 1000,
        "languages": ["en", "de", "zh-cn"],
        "model_args": {
            "gpt_batch_size": 1,
            "kv_cache": True,
            "gpt_checkpoint": None,
            "num_chars": 255,
            "tokenizer_file": "",
            "gpt_max_audio_tokens": sizes.max_codes,
            "gpt_max_text_tokens": sizes.max_text,
            "gpt_max_prompt_tokens": 70,
            "gpt_layers": sizes.depth,
            "gpt_n_model_channels": sizes.width,
            "gpt_n_heads": sizes.heads,
            "gpt_number_text_tokens": sizes.tokens,
            "gpt_start_text_token": None,
            "gpt_stop_text_token": None,
            "gpt_num_audio_tokens": sizes.codes,
            "gpt_start_audio_token": sizes.codes - 2,
            "gpt_stop_audio_token": sizes.codes - 1,
            "gpt_code_stride_len": 1024,
            "gpt_use_masking_gt_prompt_approach": True,
            "gpt_use_perceiver_resampler": sizes.perceiver,
            "input_sample_rate": 22050,
            "output_sample_rate": 24000,
            "output_hop_length": 256,
            "decoder_input_dim": sizes.width,
            "d_vector_dim": sizes.d_vector,
            "cond_d_vector_in_each_upsampling_layer": True,
            "duration_const": 102400,
        },
        "audio": {"sample_rate": 22050, "output_sample_rate": 24000, "dvae_sample_rate": 22050},
        "temperature": 0.65,
        "top_k": 40,
        "top_p": 0.8,
        "repetition_penalty": 5.0,
        "length_penalty": 1.0,
        "num_gpt_outputs": 1,
        "gpt_cond_len": 30,
        "gpt_cond_chunk_len": 4,
        "max_ref_len": 20,
        "sound_norm_refs": False,
    }


def vocabulary(sizes: Official = TINY) -> dict[str, Any]:
    """`vocab.json`: a tokenizer of letters, with fillers up to the size."""
    tokens = [*SPECIAL, *LETTERS]
    tokens += [f"filler{n}" for n in range(sizes.tokens - len(tokens))]
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    added = [{"id": n, "content": t, "special": True, **special} for n, t in enumerate(SPECIAL)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "[UNK]",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "vocab": {token: n for n, token in enumerate(tokens)},
            "merges": [],
        },
    }


def speakers(sizes: Official = TINY, seed: int = 4) -> dict[str, dict[str, Tensor]]:
    """`speakers_xtts.pth`: unit vectors, and the keys in either order."""
    generator = torch.Generator().manual_seed(seed)
    result = {}
    for n, name in enumerate(sizes.speakers):
        latent = torch.randn(1, sizes.latents, sizes.width, generator=generator)
        vector = torch.randn(1, sizes.d_vector, 1, generator=generator)
        entry = {"gpt_cond_latent": latent, "speaker_embedding": vector / vector.norm()}
        result[name] = entry if n % 2 else dict(reversed(entry.items()))
    return result


def write_official(folder: Path, sizes: Official = TINY, seed: int = 3) -> Path:
    """The files of a release: `model.pth` with an object of upstream's for its settings."""
    folder.mkdir(parents=True, exist_ok=True)
    with upstream_classes() as settings:
        torch.save({"config": settings, "model": tensors(sizes, seed)}, folder / "model.pth")
    (folder / "config.json").write_text(json.dumps(config(sizes), indent=4))
    text = json.dumps(vocabulary(sizes), indent=2, ensure_ascii=False)
    (folder / "vocab.json").write_text(text, encoding="utf-8")
    torch.save(speakers(sizes), folder / "speakers_xtts.pth")
    torch.save(torch.rand(80) + 0.5, folder / "mel_stats.pth")
    torch.save({"codebook.embed": torch.rand(4, 4)}, folder / "dvae.pth")
    (folder / "hash.md5").write_text("0" * 32)
    return folder


@contextmanager
def upstream_classes():
    """An object of the class that the release pickled, importable only while it is written."""
    names = {
        "TTS.tts.configs.xtts_config": ("XttsConfig",),
        "TTS.tts.models.xtts": ("XttsArgs", "XttsAudioConfig"),
        "TTS.config.shared_configs": ("BaseDatasetConfig",),
    }
    parents = ("TTS", "TTS.tts", "TTS.tts.configs", "TTS.tts.models", "TTS.config")
    modules = {name: ModuleType(name) for name in (*parents, *names)}
    made = {}
    for module, classes in names.items():
        for name in classes:
            made[name] = type(name, (), {"__module__": module})
            setattr(modules[module], name, made[name])
    settings = {name: made[name]() for name in made}
    whole = settings["XttsConfig"]
    whole.model_args, whole.audio = settings["XttsArgs"], settings["XttsAudioConfig"]
    whole.datasets, whole.temperature = [settings["BaseDatasetConfig"]], 0.1
    sys.modules.update(modules)
    try:
        yield whole
    finally:
        for name in modules:
            del sys.modules[name]


def with_aliases(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As v1 was saved: with the second names that upstream's wrapper for inference makes."""
    result = dict(state)
    for name, tensor in state.items():
        if name.startswith("gpt.gpt."):
            result["gpt.gpt_inference.transformer." + name.removeprefix("gpt.gpt.")] = tensor
    result["gpt.gpt.wte.weight"] = state["gpt.mel_embedding.weight"]
    result["gpt.gpt_inference.transformer.wte.weight"] = state["gpt.mel_embedding.weight"]
    result["gpt.gpt_inference.lm_head.1.bias"] = state["gpt.mel_head.bias"]
    return result


def as_trained(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As upstream's trainer saves it: a prefix, and what only training needs."""
    result = {f"xtts.{name}": tensor for name, tensor in state.items()}
    result["torch_mel_spectrogram_style_encoder.mel_stft.spectrogram.window"] = torch.ones(4)
    result["torch_mel_spectrogram_dvae.mel_norms"] = torch.ones(80)
    result["dvae.encoder.0.0.weight"] = torch.ones(2, 2, 3)
    return result


def old_weight_norm(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The names that weight norm had before torch 2."""
    pairs = (("parametrizations.weight.original0", "weight_g"),)
    pairs += (("parametrizations.weight.original1", "weight_v"),)
    result = {}
    for name, tensor in state.items():
        for new, old in pairs:
            name = name.replace(new, old)
        result[name] = tensor
    return result


def _gpt(s: Official) -> Shapes:
    w = s.width
    found = _both("gpt.conditioning_encoder.init", (w, 80, 1))
    for n in range(s.conditioning):
        block = f"gpt.conditioning_encoder.attn.{n}."
        found |= _norm(f"{block}norm", w) | _both(f"{block}qkv", (3 * w, w, 1))
        found |= _both(f"{block}proj_out", (w, w, 1))
    found |= {"gpt.text_embedding.weight": (s.tokens, w), "gpt.mel_embedding.weight": (s.codes, w)}
    for n in range(s.depth):
        block = f"gpt.gpt.h.{n}."
        found |= _norm(f"{block}ln_1", w) | _norm(f"{block}ln_2", w)
        sides = {"attn.c_attn": (w, 3 * w), "attn.c_proj": (w, w)}
        sides |= {"mlp.c_fc": (w, 4 * w), "mlp.c_proj": (4 * w, w)}
        for part, (into, out) in sides.items():
            found |= {f"{block}{part}.weight": (into, out), f"{block}{part}.bias": (out,)}
    found |= _norm("gpt.gpt.ln_f", w) | _norm("gpt.final_norm", w)
    found["gpt.mel_pos_embedding.emb.weight"] = (s.max_codes + 3, w)
    found["gpt.text_pos_embedding.emb.weight"] = (s.max_text + 2, w)
    found |= _both("gpt.text_head", (s.tokens, w)) | _both("gpt.mel_head", (s.codes, w))
    if not s.perceiver:
        found["gpt.prompt_embedding.weight"] = (s.codes, w)
        return found | {"gpt.prompt_pos_embedding.emb.weight": (24 * 9, w)}
    inner, gated = s.perceiver_inner, int(w * 4 * 2 / 3)
    found["gpt.conditioning_perceiver.latents"] = (s.latents, w)
    for n in range(2):
        layer = f"gpt.conditioning_perceiver.layers.{n}."
        found |= {f"{layer}0.to_q.weight": (inner, w), f"{layer}0.to_kv.weight": (2 * inner, w)}
        found |= {f"{layer}0.to_out.weight": (w, inner)}
        found |= _both(f"{layer}1.0", (2 * gated, w)) | _both(f"{layer}1.2", (w, gated))
    return found | {"gpt.conditioning_perceiver.norm.gamma": (w,)}


def _vocoder(s: Official) -> Shapes:
    place, wide = "hifigan_decoder.waveform_decoder.", s.vocoder
    found = _both(f"{place}conv_pre", (wide, s.width, 7))
    found |= _both(f"{place}cond_layer", (wide, s.d_vector, 1))
    for n, kernel in enumerate(s.kernels):
        narrow = wide // 2
        found |= _normed(f"{place}ups.{n}", (wide, narrow, kernel), narrow)
        found |= _both(f"{place}conds.{n}", (narrow, s.d_vector, 1))
        for b, taps in enumerate((3, 7, 11)):
            for kind in ("convs1", "convs2"):
                for c in range(3):
                    name = f"{place}resblocks.{3 * n + b}.{kind}.{c}"
                    found |= _normed(name, (narrow, narrow, taps), narrow)
        wide = narrow
    return found | {f"{place}conv_post.weight": (1, wide, 7)}


def _speaker(s: Official) -> Shapes:
    place = "hifigan_decoder.speaker_encoder."
    before = s.channels[0]
    found = _both(f"{place}conv1", (before, 1, 3, 3)) | _batch_norm(f"{place}bn1", before)
    for stage, (blocks, width) in enumerate(zip(s.blocks, s.channels, strict=True), 1):
        for n in range(blocks):
            block = f"{place}layer{stage}.{n}."
            found[f"{block}conv1.weight"] = (width, before, 3, 3)
            found[f"{block}conv2.weight"] = (width, width, 3, 3)
            found |= _batch_norm(f"{block}bn1", width) | _batch_norm(f"{block}bn2", width)
            found |= _both(f"{block}se.fc.0", (width // 8, width))
            found |= _both(f"{block}se.fc.2", (width, width // 8))
            if n == 0 and (stage > 1 or before != width):
                found[f"{block}downsample.0.weight"] = (width, before, 1, 1)
                found |= _batch_norm(f"{block}downsample.1", width)
            before = width
    spec = f"{place}torch_spec."
    found |= {f"{spec}0.filter": (1, 1, 2), f"{spec}1.spectrogram.window": (400,)}
    found |= {f"{spec}1.mel_scale.fb": (257, 64)}
    bands = s.channels[-1] * 8
    found |= _both(f"{place}attention.0", (s.pooling, bands, 1))
    found |= _batch_norm(f"{place}attention.2", s.pooling)
    found |= _both(f"{place}attention.3", (bands, s.pooling, 1))
    return found | _both(f"{place}fc", (s.d_vector, 2 * bands))


def _both(name: str, shape: tuple[int, ...]) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def _batch_norm(name: str, width: int) -> Shapes:
    counter: Shapes = {f"{name}.num_batches_tracked": ()}
    statistics = {f"{name}.running_mean": (width,), f"{name}.running_var": (width,)}
    return _norm(name, width) | statistics | counter


def _normed(name: str, shape: tuple[int, ...], bias: int) -> Shapes:
    pair = {"original0": (shape[0], *[1] * (len(shape) - 1)), "original1": shape}
    return {f"{name}.bias": (bias,)} | {
        f"{name}.parametrizations.weight.{key}": value for key, value in pair.items()
    }
